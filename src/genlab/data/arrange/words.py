"""What a number is measured on, and what a model learned from, in words and as fingerprints."""

from genlab.data.arrange.derive import DERIVATIONS
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples, content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import known_classes

NAMED = 5  # classes whose names are written out, at most


def describe_examples(examples: Examples, settings: DataSettings, condition: str | None) -> dict[str, str]:
    """`test_fingerprint` and `test_data` name the test images, `trained_on` what a model learned from.

    Two models have the same fingerprint where they have the same test images, however those of training are arranged.

    Args:
        examples: all of them.
        settings: theirs.
        condition: what the model is told of each image: "labels", "captions", or nothing.
    """
    assert isinstance(examples, LabelledImages | PairedImages | UnpairedImages)
    test, train = examples.split("test"), examples.split("train")
    labels = _labels(test)
    parts = [settings.source if settings.source_a is None else f"{settings.source_a} and {settings.source_b}"]
    if labels:
        parts.append(_classes(labels, settings))
    if not isinstance(examples, LabelledImages):
        parts.append(_task(examples, settings))
    *_, (_, *axes) = examples.spec.shapes.values()
    parts += [f"{_count(test)} test images", " × ".join(map(str, axes))]  # noqa: RUF001
    learned = f"{_count(train)} images"
    if isinstance(train, PairedImages):
        learned = f"{len(train):,} pairs"
    elif isinstance(train, UnpairedImages):
        learned += " without pairs"
    elif condition:
        learned += f" with {condition}"
    if _labels(train) != labels:
        learned += f" of {len(_labels(train))} classes"
    return {"test_fingerprint": content_fingerprint(test), "test_data": ", ".join(parts), "trained_on": learned}


def _labels(examples: LabelledImages | PairedImages | UnpairedImages) -> list[str]:
    return sorted(set(examples.table["label"]) - {""})


def _count(examples: LabelledImages | PairedImages | UnpairedImages) -> str:
    """How many different images there are: one number, or one for each domain where they differ."""
    if isinstance(examples, LabelledImages):
        return f"{examples.table['row'].nunique():,}"
    a, b = (f"{len(set(examples.side_rows(side))):,}" for side in "ab")
    return a if a == b else f"{a} and {b}"


def _classes(labels: list[str], settings: DataSettings) -> str:
    known = known_classes(settings.model_copy(update={"classes": None})) or ()
    if len(labels) == len(known):
        return f"all {len(known)} classes"
    names = f" ({', '.join(labels)})" if len(labels) <= NAMED else ""
    return f"{len(labels)}{f' of {len(known)}' if known else ''} {'class' if len(labels) == 1 else 'classes'}{names}"


def _task(examples: PairedImages | UnpairedImages, settings: DataSettings) -> str:
    if settings.domains:
        return " and ".join(settings.domains)
    sources = examples.a.table["source"]
    made = next((kind for kind in DERIVATIONS if len(sources) and sources.iloc[0].startswith(f"{kind} of ")), None)
    return "a and b" if made is None else f"{made} and image"
