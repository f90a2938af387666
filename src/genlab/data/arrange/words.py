"""The test images of a metric and the training images of a model, in words and as fingerprints."""

from genlab.data.arrange.examples import Examples, content_fingerprint
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import known_classes
from genlab.media.base import medium_named, medium_of

NAMED = 5  # classes whose names are written out, at most


def describe_examples(examples: Examples, settings: DataSettings, condition: str | None) -> dict[str, str]:
    """`test_fingerprint` and `test_data` name the test images, `trained_on` the training images, `told` the condition.

    Two models with the same test images have the same fingerprint, however their training images are arranged.

    Args:
        examples: all of them.
        settings: theirs.
        condition: what the model is told of each image, the name of a `Condition`, or nothing.
    """
    test, train = examples.split("test"), examples.split("train")
    labels = _labels(test)
    parts = [settings.source if settings.source_a is None else f"{settings.source_a} and {settings.source_b}"]
    if labels:
        parts.append(_classes(labels, settings))
    if len(examples.spec.shapes) > 1:
        parts.append(_task(examples, settings))
    *_, (_, *axes) = examples.spec.shapes.values()
    medium = medium_named(examples.spec.medium)
    parts += [f"{_count(test)} test {medium.unit}", medium.extent(axes)]
    learned = f"{len(train):,} pairs" if train.unit == "pairs" else f"{_count(train)} {medium.unit}"
    if len(train.streams()) > 1:
        learned += " without pairs"
    elif condition:
        learned += f" with {condition.replace('_', ' ')}"
    if _labels(train) != labels:
        learned += f" of {len(_labels(train))} classes"
    if settings.binarise:
        learned += f", black and white, drawn {'once' if settings.binarise == 'fixed' else 'anew at each step'}"
    told = {"told": condition} if condition else {}
    return {"test_fingerprint": content_fingerprint(test), "test_data": ", ".join(parts), "trained_on": learned, **told}


def _labels(examples: Examples) -> list[str]:
    return sorted(set(examples.table["label"]) - {""})


def _count(examples: Examples) -> str:
    """How many different images there are: one number, or one for each domain where they differ."""
    places = [places for stream in examples.streams() for _, places in stream.rows.values()]
    return " and ".join(dict.fromkeys(f"{len(set(some)):,}" for some in places))


def _classes(labels: list[str], settings: DataSettings) -> str:
    known = known_classes(settings.model_copy(update={"classes": None})) or ()
    if len(labels) == len(known):
        return f"all {len(known)} classes"
    names = f" ({', '.join(labels)})" if len(labels) <= NAMED else ""
    return f"{len(labels)}{f' of {len(known)}' if known else ''} {'class' if len(labels) == 1 else 'classes'}{names}"


def _task(examples: Examples, settings: DataSettings) -> str:
    if settings.domains:
        return " and ".join(settings.domains)
    store, _ = examples.streams()[0].rows["a"]
    sources = store.table["source"]
    kinds = medium_of(dict(settings)).derivations
    made = next((kind for kind in kinds if len(sources) and sources.iloc[0].startswith(f"{kind} of ")), None)
    return "a and b" if made is None else f"{made} and image"
