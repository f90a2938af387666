"""What a person asks to be drawn: `sample.label` or `sample.text`, as a condition that a model understands."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from genlab.data.arrange.captions import number_captions, require_words
from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.models.base import Condition
from genlab.sampling.settings import SampleSettings


def require_drawable(
    model: str, condition: Condition | None, settings: SampleSettings, classes: Sequence[str] | None,
    words: Sequence[str] | None,
) -> None:  # fmt: skip
    """Refuse a request that the model or the data cannot meet. Labels or words are None while they are not known.

    Raises:
        GenlabError: `sample.label` for a model that is told no label, `sample.text` for one that is told no text; or
            what `requested` raises.
    """
    for key, given, wanted in (("label", settings.label, "labels"), ("text", settings.text, "captions")):
        if given is not None and condition != wanted:
            told = {"labels": "a label: use sample.label", "captions": "a text: use sample.text"}
            raise GenlabError(
                f"sample.{key}={given!r} is given, but {model} is told {told.get(str(condition), 'nothing')}"
            )
    if settings.label is not None and classes is not None:
        label_number(settings.label, classes)
    if settings.text is not None:
        require_words(settings.text, words)


def requested(condition: Condition | None, spec: Spec, settings: SampleSettings) -> np.ndarray | None:
    """The condition that is asked for, (1,) or (1, L); None where nothing is.

    Raises:
        GenlabError: a label that the data do not have, or a text without words, or with words that no caption has.
    """
    if condition == "labels" and settings.label is not None:
        return np.array([label_number(settings.label, spec.classes)])
    if condition == "captions" and settings.text is not None:
        require_words(settings.text, spec.words)
        return number_captions([settings.text], spec.words)
    return None


def label_number(label: str | int, classes: Sequence[str]) -> int:
    """The number of a label, given by name or by number. A name that looks like a number counts as a name.

    Raises:
        GenlabError: there is no such label; the message says which there are.
    """
    name = str(label)
    if name in classes:
        return classes.index(name)
    written = [one for one in classes if one.isdecimal() and int(one) == label]  # a command line makes 1 of 001
    if len(written) == 1:
        return classes.index(written[0])
    if written:
        raise GenlabError(f"sample.label={label} may be {' or '.join(written)}; give the folders names that differ")
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    close = get_close_matches(name, classes, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise GenlabError(
        f"sample.label={label!r} is none of the {len(classes)} labels; {hint}Use a name or a number: "
        + ", ".join(f"{number} {name}" for number, name in enumerate(classes))
    )
