"""What a person asks to be drawn: `sample.label`, `sample.group` or `sample.text`, as a condition of a model."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from genlab.data.arrange.captions import number_captions, require_words
from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.models.base import Condition
from genlab.sampling.settings import SampleSettings

ASKED: dict[Condition | None, tuple[str, ...]] = {
    "labels": ("label",), "labels_and_groups": ("label", "group"), "captions": ("text",)
}  # fmt: skip
"""The keys of `sample` that say what to draw, by what a model is told."""

TOLD: dict[Condition | None, str] = {
    "labels": "a label: use sample.label", "captions": "a text: use sample.text",
    "labels_and_groups": "a label and a group: use sample.label and sample.group",
}  # fmt: skip


def require_drawable(
    model: str, condition: Condition | None, settings: SampleSettings, classes: Sequence[str] | None,
    words: Sequence[str] | None, groups: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Refuse a request that the model or the data cannot meet. Labels, words, groups are None while they are not known.

    Raises:
        GenlabError: `sample.label`, `sample.group` or `sample.text` for a model that is told no such thing; or what
            `requested` raises.
    """
    for key, given in (("label", settings.label), ("group", settings.group), ("text", settings.text)):
        if given is not None and key not in ASKED.get(condition, ()):
            told = TOLD.get(condition, "nothing")
            raise GenlabError(f"sample.{key}={given!r} is given, but {model} is told {told}")
    if settings.label is not None and classes is not None:
        label_number(settings.label, classes)
    if settings.group is not None and groups is not None:
        label_number(settings.group, groups, "group")
    if settings.text is not None:
        require_words(settings.text, words)


def requested(condition: Condition | None, spec: Spec, settings: SampleSettings) -> np.ndarray | None:
    """The conditions that are asked for, to be drawn in turn, (k,), (k, 2) or (k, L); None where nothing is.

    There is one. Of a model that is told labels and groups there are all labels where only a group is asked for, and
    all groups where only a label is.

    Raises:
        GenlabError: a label or group that the data do not have, or a text without words, or with words that no caption
            has.
    """
    if condition == "labels" and settings.label is not None:
        return np.array([label_number(settings.label, spec.classes)])
    if condition == "labels_and_groups" and (settings.label, settings.group) != (None, None):
        label, group = settings.label, settings.group
        labels = range(len(spec.classes)) if label is None else [label_number(label, spec.classes)]
        groups = range(len(spec.groups)) if group is None else [label_number(group, spec.groups, "group")]
        return np.array([(one, other) for one in labels for other in groups])
    if condition == "captions" and settings.text is not None:
        require_words(settings.text, spec.words)
        return number_captions([settings.text], spec.words)
    return None


def label_number(label: str | int, classes: Sequence[str], what: str = "label") -> int:
    """The number of a label or group, given by name or by number. A name that looks like a number counts as a name.

    Raises:
        GenlabError: there is no such `what`; the message says which there are.
    """
    name = str(label)
    if name in classes:
        return classes.index(name)
    written = [one for one in classes if one.isdecimal() and int(one) == label]  # a command line makes 1 of 001
    if len(written) == 1:
        return classes.index(written[0])
    if written:
        raise GenlabError(f"sample.{what}={label} may be {' or '.join(written)}; give the folders names that differ")
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    close = get_close_matches(name, classes, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise GenlabError(
        f"sample.{what}={label!r} is none of the {len(classes)} {what}s; {hint}Use a name or a number: "
        + ", ".join(f"{number} {name}" for number, name in enumerate(classes))
    )
