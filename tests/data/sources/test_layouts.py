"""How people arrange their folders: splits, sides of pairs, labels; what is left out; names of all kinds."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.data.arrange.derive import derive
from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.report import describe_set, warnings
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import Listing, image_id, list_folder
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet
from genlab.errors import GenlabError


def put(root: Path, *places: str, size: tuple[int, int] = (8, 8)) -> Path:
    """Pictures at these places, each of its own grey."""
    for place in places:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, 255 - len(list(root.rglob("*")))).save(root / place, "PNG")
    return root


def read(root: Path, **settings: object) -> ImageSet:
    checked = DataSettings(source=str(root), image_size=8, **settings)
    return view(ingest(list_folder(root, checked), checked, root.parent / checked.set_name()), checked)


def listed(root: Path, **settings: object) -> Listing:
    return list_folder(root, DataSettings(source=str(root), **settings))


def said(listing: Listing) -> set[tuple[str, str, str, str]]:
    """Of each image: its file, split, domain and label."""
    return {(one.source, part.split, part.domain, part.label) for one in listing.entries for part in one.parts}


ARRANGEMENTS = {
    "pix2pixHD": ["train_A/1.png", "train_B/1.png", "test_A/2.png", "test_B/2.png"],
    "pix2pixHD with labels": ["train_label/1.png", "train_img/1.png", "test_label/2.png", "test_img/2.png"],
    "CycleGAN in small": ["traina/1.png", "trainb/1.png", "testa/2.png", "testb/2.png"],
    "CycleGAN in a folder": ["mine/trainA/1.png", "mine/trainB/1.png", "mine/testA/2.png", "mine/testB/2.png"],
    "input and target": ["train/input/1.png", "train/target/1.png", "test/input/2.png", "test/target/2.png"],
    "images and masks": ["Train/Images/1.png", "Train/Masks/1.png", "TEST/Images/2.png", "TEST/Masks/2.png"],
    "masks above splits": ["masks/train/1.png", "images/train/1.png", "masks/test/2.png", "images/test/2.png"],
    "ground truth": ["train/input/1.png", "train/ground_truth/1.jpg", "test/input/2.png", "test/ground_truth/2.jpg"],
    "a split in the middle": ["A/cats/train/1.png", "B/cats/train/1.png", "A/cats/test/2.png", "B/cats/test/2.png"],
}


@pytest.mark.parametrize("places", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_two_folders_of_a_pair_are_found_however_they_are_called(tmp_path: Path, places: list[str]) -> None:
    entries = listed(put(tmp_path / "raw", *places)).entries
    parts = [part for entry in entries for part in entry.parts]
    assert sorted((part.split, part.domain) for part in parts) == [
        ("test", "a"), ("test", "b"), ("train", "a"), ("train", "b")
    ]  # fmt: skip
    assert len({(part.split, part.id) for part in parts}) == 2, "the sides of a pair share their id"


def test_what_was_guessed_of_two_sides_is_said_and_can_be_turned_round(tmp_path: Path) -> None:
    root = put(tmp_path / "raw", "images/1.png", "masks/1.png")
    assert "the folders images and masks are taken for two domains" in listed(root).notes[0]
    assert ("masks/1.png", "", "b", "") in said(listed(root))
    assert ("masks/1.png", "", "a", "") in said(listed(root, order="ba"))
    assert ("masks/1.png", "", "images", "masks") in said(listed(root, layout="labels"))


SPLITS = {
    "in any case": (["Train/cat/1.png", "Test/cat/2.png"], {"cat"}),
    "below the label": (["cat/train/1.png", "cat/test/2.png", "dog/train/1.png"], {"cat", "dog"}),
    "in a folder": (["mine/v2/train/cat/1.png", "mine/v2/test/cat/2.png"], {"mine/v2/cat"}),
    "twice": (["train/train/1.png", "test/test/2.png"], {""}),
    "with a word": (["train_images/1.png", "testset/2.png"], {""}),
    "with the label": (["cat_train/1.png", "cat-test/2.png", "dogTest/3.png"], {"cat", "dog"}),
    "val in train": (["train/train/1.png", "train/val/3.png", "test/2.png"], {""}),
}


@pytest.mark.parametrize(("places", "labels"), SPLITS.values(), ids=SPLITS)
def test_what_is_for_testing_is_never_trained_on(tmp_path: Path, places: list[str], labels: set[str]) -> None:
    found = said(listed(put(tmp_path / "raw", *places)))
    assert {label for *_, label in found} == labels
    assert all((split == "test") == ("test" in source.lower()) for source, split, *_ in found)
    assert all((split == "val") == ("val" in source) for source, split, *_ in found)


@pytest.mark.parametrize("name", ["train", "val", "Test", "test_images"])
def test_a_class_called_like_a_split_is_asked_about(tmp_path: Path, name: str) -> None:
    root = put(tmp_path / "raw", "car/1.png", "plane/1.png", f"{name}/1.png")
    with pytest.raises(GenlabError, match=rf"{name} in .* lies beside car, plane.*rename it.*data.split_folders=false"):
        listed(root)
    assert {label for *_, label in said(listed(root, split_folders=False))} == {"car", "plane", name}
    below = put(tmp_path / "low", *(f"{split}/{label}/1.png" for split in ("train", "test") for label in ("a1", name)))
    if name != "test_images":
        assert {label for *_, label in said(listed(below, layout="labels", split_folders=False))} >= {f"train/{name}"}


def test_what_says_two_splits_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"test/train in .* says test and train"):
        listed(put(tmp_path / "raw", "train/test/1.png", "test/train/1.png"))


def test_classes_that_only_sound_like_splits_stay_classes(tmp_path: Path) -> None:
    found = said(listed(put(tmp_path / "raw", "train_station/1.png", "test_tube/2.png", "lake/3.png")))
    assert {label for *_, label in found} == {"train_station", "test_tube", "lake"}
    assert {split for _, split, *_ in found} == {""}


@pytest.mark.parametrize("size", [(16, 6), (129, 64), (12, 8)])
def test_halves_that_are_not_square_are_asked_about(tmp_path: Path, size: tuple[int, int]) -> None:
    root = put(tmp_path / "raw", *(f"{split}/{n}.png" for split in ("train", "test") for n in range(4)), size=size)
    images = read(root)
    settings = DataSettings(source=str(root), image_size=8)
    assert "set data.layout=side_by_side if each shows two" in " ".join(warnings(describe_set(images, settings)))
    with pytest.raises(GenlabError, match=r"unclear what they are: .*wider than high.*data.layout=labels"):
        derive(images, settings, tmp_path / "derived")
    derive(read(root, layout="labels"), settings, tmp_path / "derived")
    if size[0] % 2 == 0:
        assert set(read(root, layout="side_by_side").stores) == {"a", "b"}


def test_side_by_side_says_how_it_was_decided(tmp_path: Path) -> None:
    listing = listed(put(tmp_path / "raw", "mine/train/1.png", "mine/val/2.png", size=(16, 8)))
    assert listing.layout == "side_by_side"
    assert "twice as wide as high" in listing.notes[0]


def test_two_labels_of_the_same_file_names_may_be_pairs(tmp_path: Path) -> None:
    root = put(tmp_path / "raw", *(f"{style}/shop{n}.png" for style in ("photo", "drawing") for n in range(3)))
    [warning] = warnings(describe_set(read(root), DataSettings()))
    assert "drawing and photo hold files of the same names; set data.layout=two_folders" in warning
    assert ("drawing/shop1.png", "", "a", "") in said(listed(root, layout="two_folders"))
    assert ("drawing/shop1.png", "", "b", "") in said(listed(root, layout="two_folders", order="ba"))


# Links, and what systems leave in folders


def test_links_are_followed_and_loops_and_doubles_are_named(tmp_path: Path) -> None:
    root = put(tmp_path / "raw", "zebra/1.png", "horse/1.png")
    put(tmp_path / "disk", "cow/1.png", "cow/2.png")
    (root / "alias").symlink_to(root / "zebra")
    (root / "cow").symlink_to(tmp_path / "disk/cow")
    (root / "horse/up").symlink_to(root)
    (root / "horse/out").symlink_to(tmp_path)
    (root / "one.png").symlink_to(tmp_path / "disk/cow/2.png")
    (root / "gone.png").symlink_to(tmp_path / "nowhere")
    listing = listed(root)
    assert [entry.source for entry in listing.entries] == [
        "cow/1.png", "cow/2.png", "gone.png", "horse/1.png", "one.png", "zebra/1.png"
    ]  # fmt: skip
    assert listing.notes == [
        "the link alias is not followed: it is read as zebra",
        "the link horse/out is not followed: this is inside it",
        "the link horse/up is not followed: this is inside it",
    ]
    assert [one["source"] for one in read(root).about["rejected"]] == ["gone.png"]


def test_the_order_in_which_a_disk_lists_a_folder_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put(tmp_path / "raw", "zebra/1.png", "horse/1.png")
    for name in ("alias", "other"):
        (root / name).symlink_to(root / "zebra")
    first, real = listed(root), os.scandir

    class Reversed:
        def __init__(self, path: str) -> None:
            self.all = iter(sorted(real(path), key=lambda one: one.name, reverse=True))

        def __enter__(self) -> "Reversed":
            return self

        def __exit__(self, *_: object) -> None: ...

        def __iter__(self) -> "Reversed":
            return self

        def __next__(self) -> object:
            return next(self.all)

        close = __exit__

    monkeypatch.setattr(os, "scandir", Reversed)
    assert listed(root) == first


@pytest.mark.parametrize("folder", ["@eaDir", "cat/@eaDir/1.png", "#recycle", "__MACOSX", "DCIM/THMBNL"])
def test_folders_that_systems_keep_for_themselves_are_left_out(tmp_path: Path, folder: str) -> None:
    root = put(tmp_path / "raw", "cat/1.png", f"{folder}/SYNOPHOTO_THUMB_M.png", "cat/film.thm")
    listing = listed(root)
    assert [entry.source for entry in listing.entries] == ["cat/1.png"]
    assert Path(folder).name in listing.notes[0] or "@eaDir" in listing.notes[0]
    assert listing.ignored == {".thm": 1}


@pytest.mark.parametrize("source", [".", "data", "data/.."])
def test_genlabs_own_folders_are_not_trained_on(tmp_path: Path, source: str) -> None:
    put(tmp_path, "data/08_reporting/drawing.png", "data/01_raw/mine/cat/1.png", "photos/1.png")
    with pytest.raises(GenlabError, match=r"holds Genlab's own folder .*data"):
        list_source(tmp_path / "data/01_raw", DataSettings(source=str(tmp_path / source)))
    mine = DataSettings(source=str(tmp_path / "data/01_raw/mine"))
    assert len(list_source(tmp_path / "data/01_raw", mine).entries) == 1


# Formats, by ending and by content


def test_pictures_are_known_by_their_content_and_others_are_counted(tmp_path: Path) -> None:
    root = put(tmp_path / "raw", "cat/no_ending", "cat/scan.0001", "cat/1.png", "cat/x.jfif", "cat/scan.0002")
    Image.new("RGB", (8, 8), "red").save(root / "cat/2.avif")
    np.save(root / "cat/3", np.zeros((8, 8), np.uint8))
    (root / "cat/3.npy").rename(root / "cat/array")
    (root / "cat/4.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    (root / "cat/notes.txt").write_text("BMW, P1 and GIF are no pictures here")
    images = read(root)
    assert set(images.table["id"]) == {f"cat__{name}" for name in
                                       ("no_ending", "scan_0001", "scan_0002", "1", "x", "2", "array")}  # fmt: skip
    assert not images.about["rejected"]
    [warning] = warnings(describe_set(images, DataSettings()))
    assert warning == "2 files are left out, as Genlab reads no images from them: 1 .heic, 1 .txt"


# Names


@pytest.mark.parametrize("letter", ["漢", "a", "🦓"])
def test_a_name_as_long_as_it_may_be_gives_names_that_files_can_have(tmp_path: Path, letter: str) -> None:
    name = letter * (250 // len(letter.encode()))
    places = [f"train/{name}.png", f"train/{name[:-1]}.png"]
    ids = [part.id for entry in listed(put(tmp_path / "raw", *places)).entries for part in entry.parts]
    assert len(set(ids)) == 2
    for one in ids:
        put(tmp_path, f"{one}_translated_with_more_behind_it.png")


def test_places_that_would_have_one_name_keep_two() -> None:
    places = [("red__cars", "0"), ("red", "cars__0"), ("red", "cars", "0"), ("red__cars__0",), ("red_", "cars", "0"),
              ("red", "_cars", "0"), ("red_", "_cars", "0")]  # fmt: skip
    assert len({image_id(place) for place in places}) == len(places)
    assert image_id(("red", "cars", "0")) == "red__cars__0"


def test_one_name_in_two_codings_is_one_pair(tmp_path: Path) -> None:
    root = put(tmp_path / "raw", "a/caf\u00e9.png", "b/cafe\u0301.png")
    assert len({part.id for entry in listed(root).entries for part in entry.parts}) == 1
