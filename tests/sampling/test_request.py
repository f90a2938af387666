"""What a person asks to be drawn, and what is refused before any work."""

import numpy as np
import pytest

from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.sampling.request import label_number, requested, require_drawable
from genlab.sampling.settings import SampleSettings

SPEC = Spec({"images": (1, 32, 32)}, ("bag", "sneaker"), ("", "a", "light", "sandal"))


def test_labels_by_name_and_by_number() -> None:
    assert (
        label_number("sneaker", SPEC.classes) == label_number(1, SPEC.classes) == label_number("1", SPEC.classes) == 1
    )
    assert label_number(7, ("3", "7")) == 1, "a digit is a name first"
    assert label_number(0, ("3", "7")) == 0
    assert [label_number(label, ("001", "002", "010")) for label in (1, 2, 10, "010", 0)] == [0, 1, 2, 2, 0], (
        "a command line makes 1 of 001"
    )
    assert label_number(1, ("001", "1")) == 1
    with pytest.raises(GenlabError, match="may be 001 or 01"):
        label_number(1, ("001", "01"))


@pytest.mark.parametrize("label", [2, -1, "2", "sneakers", "", "nothing"])
def test_labels_that_are_not_there(label: str | int) -> None:
    with pytest.raises(GenlabError, match=r"none of the 2 labels; .*Use a name or a number: 0 bag, 1 sneaker"):
        label_number(label, SPEC.classes)


def test_conditions_that_are_asked_for() -> None:
    assert requested("labels", SPEC, SampleSettings(label="sneaker")).tolist() == [1]  # type: ignore[union-attr]
    text = requested("captions", SPEC, SampleSettings(text="A light sandal"))
    np.testing.assert_array_equal(text, [[1, 2, 3]])
    assert requested("labels", SPEC, SampleSettings()) is None
    assert requested(None, SPEC, SampleSettings()) is None


@pytest.mark.parametrize(
    ("condition", "asked", "message"),
    [
        (None, {"label": "bag"}, r"sample\.label='bag' is given, but dcgan is told nothing"),
        ("captions", {"label": "bag"}, r"is told a text: use sample\.text"),
        ("labels", {"text": "a bag"}, r"is told a label: use sample\.label"),
        ("labels", {"label": 2}, "none of the 2 labels"),
        ("captions", {"text": "  "}, "which has no words"),
        ("captions", {"text": "a dark sandal"}, "no training caption has: 'dark'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(condition: str | None, asked: dict, message: str) -> None:
    with pytest.raises(GenlabError, match=message):
        require_drawable("dcgan", condition, SampleSettings(**asked), SPEC.classes, SPEC.words)  # type: ignore[arg-type]


def test_what_only_the_files_can_tell_is_not_refused_early() -> None:
    require_drawable("cgan", "labels", SampleSettings(label="whatever"), None, None)
    require_drawable("text_gan", "captions", SampleSettings(text="some words"), None, None)


SPOKEN = Spec({"images": (1, 8000)}, ("0", "1", "2"), medium="sound:8000", groups=("jackson", "theo"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"label": 2, "group": "theo"}, [[2, 1]]),
        ({"label": "1"}, [[1, 0], [1, 1]]),
        ({"group": 0}, [[0, 0], [1, 0], [2, 0]]),
    ],
)
def test_a_label_and_a_group_or_all_of_what_is_left_open(asked: dict, told: list[list[int]]) -> None:
    np.testing.assert_array_equal(requested("labels_and_groups", SPOKEN, SampleSettings(**asked)), told)
    require_drawable("wavenet", "labels_and_groups", SampleSettings(**asked), SPOKEN.classes, None, SPOKEN.groups)


def test_groups_that_are_not_there_or_not_asked_for() -> None:
    assert requested("labels_and_groups", SPOKEN, SampleSettings()) is None
    with pytest.raises(GenlabError, match=r"sample.group='teo' is none of the 2 groups; did you mean 'theo'\? "):
        requested("labels_and_groups", SPOKEN, SampleSettings(group="teo"))
    with pytest.raises(GenlabError, match=r"sample.group='theo' is given, but cgan is told a label: use sample.label"):
        require_drawable("cgan", "labels", SampleSettings(group="theo"), None, None)
    with pytest.raises(GenlabError, match="sample.group=5 is none of the 2 groups"):
        require_drawable("wavenet", "labels_and_groups", SampleSettings(group=5), None, None, SPOKEN.groups)
    require_drawable("wavenet", "labels_and_groups", SampleSettings(group="whoever"), None, None, None)
    with pytest.raises(GenlabError, match=r"is told a label and a group: use sample.label and sample.group"):
        require_drawable("wavenet", "labels_and_groups", SampleSettings(text="seven"), None, None)
