"""What names of files say of labels and groups."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from pydantic import ValidationError

from genlab.data.settings import DataSettings
from genlab.data.sources.file_names import read_name
from genlab.data.sources.listing import list_source
from genlab.errors import GenlabError
from tests.data.sources.test_sources import picture, write


@pytest.mark.parametrize(
    ("rule", "path", "said"),
    [
        ("label_group_index", "7_theo_12", {"label": "7", "group": "theo", "index": "12"}),
        ("label_group_index", "deep/down/7_theo_12", {"label": "7", "group": "theo", "index": "12"}),
        ("group_nohash_index", "bird/0a7c_nohash_0", {"label": "bird", "group": "0a7c", "index": "0"}),
        ("group/index", "cat/anna/3", {"label": "cat", "group": "anna", "index": "3"}),
        ("group/label-index", "anna/cat-3-b", {"label": "cat", "group": "anna", "index": "3-b"}),
        ("label.index", "a.b.c", {"label": "a", "index": "b.c"}),
        ("label_group_index", "7_theo", None),
        ("label_group_index", "7_theo_", None),
        ("group/index", "3", None),
        ("label+", "aaa", None),
        ("label2", "cat2", {"label": "cat"}),
        ("mylabel_group", "mylabel_theo", {"label": "", "group": "theo"}),
    ],
)
def test_a_rule_is_held_against_the_end_of_a_path(rule: str, path: str, said: dict[str, str] | None) -> None:
    assert read_name(rule, Path(path).parts) == said


@pytest.mark.parametrize("rule", ["", "index", "digit_index", "label_label", "labels", "subgroup"])
def test_a_rule_that_says_nothing_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError, match="should have the words label, group and index at most once"):
        DataSettings(file_names=rule)


def test_a_command_line_can_hold_a_rule() -> None:
    rule = "group/label_index"
    assert OmegaConf.from_dotlist([f"data.file_names={rule}"]).data.file_names == rule


def test_files_of_a_folder_are_labelled_and_grouped_by_their_names(tmp_path: Path) -> None:
    for number, name in enumerate(["train/7_theo_0", "train/3_anna_1", "test/7_anna_2", "test/oddly named"]):
        write(tmp_path / f"{name}.png", picture(number))
    listing = list_source(tmp_path, DataSettings(source=str(tmp_path), file_names="label_group_index"))
    parts = {part.id: (part.split, part.label, part.group) for entry in listing.entries for part in entry.parts}
    assert parts == {
        "train__7_theo_0": ("train", "7", "theo"), "train__3_anna_1": ("train", "3", "anna"),
        "test__7_anna_2": ("test", "7", "anna"),
    }  # fmt: skip
    [rejected] = listing.rejected
    assert rejected.source == "test/oddly named.png"
    assert rejected.reason == "is not named label_group_index; rename it, or mend data.file_names"


def test_a_rule_that_no_file_follows_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(0))
    with pytest.raises(GenlabError, match=r"gives any images; the first: a.png is not named label_index"):
        list_source(tmp_path, DataSettings(source=str(tmp_path), file_names="label_index"))


def test_folders_stay_the_labels_where_names_say_the_group(tmp_path: Path) -> None:
    for number, name in enumerate(["cat/anna_1", "dog/anna_2", "dog/theo_1"]):
        write(tmp_path / f"{name}.png", picture(number))
    listing = list_source(tmp_path, DataSettings(source=str(tmp_path), file_names="group_index"))
    found = {(part.label, part.group) for entry in listing.entries for part in entry.parts}
    assert found == {("cat", "anna"), ("dog", "anna"), ("dog", "theo")}


def test_two_folders_that_lie_apart_have_groups_too(tmp_path: Path) -> None:
    for side in "ab":
        write(tmp_path / side / "anna_1.png", picture(0))
    write(tmp_path / "b/nameless.png", picture(1))
    settings = DataSettings(source_a=str(tmp_path / "a"), source_b=str(tmp_path / "b"), file_names="group_index")
    listing = list_source(tmp_path, settings)
    assert [(part.domain, part.group) for entry in listing.entries for part in entry.parts] == [
        ("a", "anna"),
        ("b", "anna"),
    ]
    assert [one.source for one in listing.rejected] == ["b:nameless.png"]
