"""Captions: derived from what is measured, read from files, held out; and everything that can be wrong with them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genlab.data.arrange.captions import (
    caption_images,
    held_out_phrases,
    known_words,
    number_captions,
    require_words,
    vocabulary,
    words_of,
)
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.schemas import check_table
from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings, HeldOutSettings
from genlab.data.sources.listing import FASHION_CLASSES, list_source
from genlab.data.store import ImageSet
from genlab.errors import GenlabError
from genlab.media.pictures.attributes import Scale, brightness, caption, height, possible_captions, shape_of, width

DERIVED = DataSettings(captions="derived")


def block(value: int, rows: slice, columns: slice) -> np.ndarray:
    image = np.zeros((32, 32, 1), np.uint8)
    image[rows, columns] = value
    return image


def test_measures_are_what_a_ruler_says() -> None:
    images = np.stack([block(200, slice(4, 14), slice(3, 28)), np.zeros((32, 32, 1), np.uint8)])
    assert brightness(images).tolist() == pytest.approx([200 / 255, 0])
    assert height(images).tolist() == [10, 0]
    assert width(images).tolist() == [25, 0]
    deep = images.astype(np.uint16) * 257
    assert brightness(deep).tolist() == pytest.approx(brightness(images).tolist()), "16 bits are measured alike"


def test_a_speck_does_not_make_a_thing_higher() -> None:
    image = block(200, slice(10, 20), slice(3, 28))
    image[0, 0] = 255
    assert height(image[None]).tolist() == [10]


def test_words_are_thirds(rng: np.random.Generator) -> None:
    """A third of the images is dark, a third light, whatever their labels; of each label a third is low, one high."""
    images = np.stack([
        block(rng.integers(100, 255), slice(2, 2 + rng.integers(5, 29)), slice(2, 2 + rng.integers(5, 29)))
        for _ in range(300)
    ])  # fmt: skip
    labels = np.repeat(["bag", "dress", "sandal"], 100)
    bright, shape = Scale.of(images, labels).describe(images, labels)
    assert 0.3 < (bright == "dark").mean() < 0.36
    assert 0.3 < (bright == "light").mean() < 0.36
    for label in ("bag", "dress", "sandal"):
        those, aspect = labels == label, shape_of(label)
        for word in (aspect.low, aspect.high):
            assert 0.25 < (shape[those] == word).mean() < 0.36
    dark, light = (brightness(images[bright == word]) for word in ("dark", "light"))
    assert dark.max() < light.min()


def test_captions_are_sentences() -> None:
    assert caption("ankle_boot", "dark", "high") == "a dark ankle boot with a high shaft"
    assert caption("sandal", "light", "") == "a light sandal"
    assert caption("ankle_boot", "", "") == "an ankle boot"
    assert caption("t_shirt", "", "wide") == "a wide t-shirt"
    assert words_of("A Light T-shirt, wide!") == ["a", "light", "t-shirt", "wide"]


def test_numbers_are_those_of_words_and_zero_pads() -> None:
    words = vocabulary(["a b", "c", "a b"])
    assert words == ("", "a", "b", "c")
    assert number_captions(["b a", "c", "c d"], words).tolist() == [[2, 1], [3, 0], [3, 0]]
    with pytest.raises(GenlabError, match="'d' has no word that a training caption has"):
        number_captions(["a", "d"], words)


@pytest.fixture(scope="module")
def fashion_set(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    folder = tmp_path_factory.mktemp("fashion") / "images"
    raw = Path(__file__).parents[3] / "data/01_raw"
    return view(ingest(list_source(raw, DERIVED), DERIVED, folder), DERIVED)


@pytest.fixture(scope="module")
def table(fashion_set: ImageSet) -> pd.DataFrame:
    return caption_images(fashion_set, DERIVED)


def test_the_embedded_set_has_every_caption_that_is_possible_and_no_other(table: pd.DataFrame) -> None:
    assert set(table["caption"]) == set(possible_captions(FASHION_CLASSES))
    assert known_words(DERIVED) == vocabulary(table["caption"])


def test_held_out_combinations_are_never_trained_on(fashion_set: ImageSet, table: pd.DataFrame) -> None:
    phrases = held_out_phrases(DERIVED, sorted(FASHION_CLASSES))
    assert len(phrases) == 4
    assert phrases == held_out_phrases(DERIVED, sorted(FASHION_CLASSES)), "the seed decides"
    other = DERIVED.model_copy(update={"held_out": HeldOutSettings(seed=1)})
    assert phrases != held_out_phrases(other, sorted(FASHION_CLASSES))
    examples = LabelledImages.of(fashion_set).with_captions(table)
    for split in ("train", "val"):
        said = [set(words_of(one)) for one in examples.split(split).table["caption"]]
        assert not any(set(words_of(phrase)) <= one for phrase in phrases for one in said)
    for phrase in phrases:  # but each of their words is, and the test split has them together
        trained = [set(words_of(one)) for one in examples.split("train").table["caption"]]
        assert all(any(word in one for one in trained) for word in words_of(phrase))
        test = examples.split("test").table
        assert test["held_out"][[set(words_of(phrase)) <= set(words_of(one)) for one in test["caption"]]].all()
    assert set(examples.split("train").table["label"]) == set(FASHION_CLASSES), "no class is lost"
    assert examples.words == known_words(DERIVED), "no word is lost"


def test_the_test_split_decides_nothing(fashion_set: ImageSet, table: pd.DataFrame) -> None:
    """Other test images, the same words for all others."""
    stored = fashion_set["images"]
    images = stored.images[:].copy()
    images[(stored.table["split"] == "test").to_numpy()] = 255
    changed = ImageSet({"images": type(stored)(images, stored.table)}, fashion_set.about)
    again = caption_images(changed, DERIVED)
    others = (table["split"] != "test").to_numpy()
    pd.testing.assert_frame_equal(again[others], table[others])


def test_captions_are_in_batches_specification_and_fingerprint(fashion_set: ImageSet, table: pd.DataFrame) -> None:
    plain = LabelledImages.of(fashion_set)
    examples = plain.with_captions(table)
    (stream,) = examples.split("test").streams()
    assert stream.values["captions"].shape == (2000, 8)
    assert [examples.words[n] for n in stream.values["captions"][0] if n] == words_of(
        examples.split("test").table["caption"][0]
    )
    assert examples.spec.words == examples.words
    assert plain.spec.words == ()
    assert "captions" not in plain.streams()[0].values
    assert examples.split("test").fingerprint() != plain.split("test").fingerprint()
    renamed = table.assign(caption=table["caption"].str.replace("sandal", "shoe"))
    assert examples.split("test").fingerprint() != plain.with_captions(renamed).split("test").fingerprint()


def test_listed_combinations_are_held_out(fashion_set: ImageSet) -> None:
    settings = DERIVED.model_copy(update={"held_out": HeldOutSettings(combinations=("light sandal",))})
    held = caption_images(fashion_set, settings).query("held_out")
    assert set(held["label"]) == {"sandal"}
    assert set(held["bright"]) == {"light"}
    wrong = DERIVED.model_copy(update={"held_out": HeldOutSettings(combinations=("purple sandal",))})
    with pytest.raises(GenlabError, match="names 'purple sandal', but no caption has these words"):
        caption_images(fashion_set, wrong)
    many = DERIVED.model_copy(update={"held_out": HeldOutSettings(combinations=11)})
    with pytest.raises(GenlabError, match="more than the 10 labels have"):
        caption_images(fashion_set, many)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures in two folders."""
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (32, 32), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / label / f"{label}{number}.png")
    return tmp_path / "mine"


def read(folder: Path, lines: list[str], header: str = "file,caption", **changes: object) -> pd.DataFrame:
    (folder / "captions.csv").write_bytes(("\n".join([header, *lines]) + "\n").encode(errors="surrogateescape"))
    settings = DataSettings(source=str(folder), captions="captions.csv", **changes)  # type: ignore[arg-type]
    images = view(ingest(list_source(folder, settings), settings, folder.parent / "images"), settings)
    return caption_images(images, settings)


LINES = [f"{label}{n}.png,a {'small' if n % 2 else 'big'} {label}" for label in ("cat", "dog") for n in range(6)]


def test_captions_from_a_file(pictures: Path) -> None:
    table = read(pictures, [*LINES, "cat0.png,another caption of it"])
    assert len(table) == 13, "an image may have several captions, each a row"
    assert table["caption"][table["id"] == "cat__cat0"].tolist() == ["a big cat", "another caption of it"]
    assert not table["held_out"].any()
    by_id = read(pictures, [f"{line[:3]}__{line.replace('.png', '')}" for line in LINES], header="id,caption")
    assert by_id["caption"].tolist() == table.drop_duplicates("id")["caption"].tolist()


@pytest.mark.parametrize("before", [" ", "=", "<", "(", "'", "+", "\u201e"])
def test_a_caption_may_begin_with_anything(pictures: Path, before: str) -> None:
    table = read(pictures, [line.replace(",", f",{before}") for line in LINES])
    assert check_table("captions", table, "here")["caption"][0] == f"{before}a big cat"


def test_a_caption_goes_to_the_file_that_it_names(pictures: Path, tmp_path: Path) -> None:
    (pictures / "cat0.png").write_bytes((pictures / "cat/cat1.png").read_bytes())
    lines = [f"{label}/{line}" for line in LINES for label in [line[:3]]]
    table = read(pictures, [*lines, "cat0.png,the one above"]).set_index("id")["caption"]
    assert (table["cat0"], table["cat__cat0"]) == ("the one above", "a big cat")
    (pictures / "cat0.png").write_bytes(b"damaged")
    table = read(pictures, [*lines, "cat0.png,the one above"]).set_index("id")["caption"]
    assert table["cat__cat0"] == "a big cat"
    (pictures / "dog/cat0.png").write_bytes((pictures / "cat/cat1.png").read_bytes())
    (pictures / "cat0.png").unlink()
    with pytest.raises(GenlabError, match=r"of several images of that name; the first: that of 'cat0.png' in line 14"):
        read(pictures, [*lines, "cat0.png,which?"])


def test_combinations_are_held_out_of_a_file_too(pictures: Path) -> None:
    held_out = HeldOutSettings(combinations=("small dog",))
    table = read(pictures, LINES, held_out=held_out)
    assert set(table["caption"][table["held_out"]]) == {"a small dog"}


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (LINES[1:], "file,caption", "1 images have no caption .*; the first: cat__cat0"),
        ([*LINES, "bird.png,a bird"], "file,caption", "source does not have; the first: that of 'bird.png' in line 14"),
        ([*LINES[:-1], "dog5.png,  "], "file,caption", "are empty; the first: that of 'dog5.png' in line 13"),
        (LINES, "name,text", "have the columns name, text; there must be one named id or file"),
        ([f"{line.split(',')[0]},the same" for line in LINES], "file,caption", "1 different captions are left"),
        ([*LINES[:-1], "dog5.png,a small, brown dog"], "file,caption", r"line 13 of .*captions.csv has 3 values where"),
        ([f"{line}, too" for line in LINES], "file,caption", "line 2 of .* has 3 values .* into quotes"),
        (LINES, "file,caption,caption", "have several columns named caption"),
        (LINES, "file", "line 2 of .* has 2 values where the first line names 1"),
        ([*LINES[:-1], f"dog5.png,{'dog ' * 1001}"], "file,caption", "longer than 1000 words; .* in line 13"),
        ([*LINES[:-1], f"dog5.png,{'dog ' * 1_000_000}"], "file,caption", "field larger than field limit"),
        ([*LINES[:-1], 'dog5.png,"a dog'], "file,caption", r"cannot be read \(unexpected end of data"),
        ([*LINES[:-1], "dog5.png,a \udcffdog"], "file,caption", "it must be a CSV file in UTF-8"),
    ],
)  # fmt: skip
def test_captions_that_are_wrong_are_refused(pictures: Path, lines: list[str], header: str, message: str) -> None:
    with pytest.raises(GenlabError, match=message):
        read(pictures, lines, header)


def test_no_captions_and_no_file_are_refused(pictures: Path) -> None:
    with pytest.raises(GenlabError, match=r"data\.captions is null; set data\.captions=derived"):
        known_words(DataSettings())
    with pytest.raises(GenlabError, match="there is no file of captions nowhere.csv"):
        known_words(DataSettings(source=str(pictures), captions="nowhere.csv"))


def test_captions_cannot_be_derived_without_labels(pictures: Path) -> None:
    (pictures / "cat/cat0.png").rename(pictures / "stray.png")
    settings = DataSettings(source=str(pictures), captions="derived")
    images = view(ingest(list_source(pictures, settings), settings, pictures.parent / "images"), settings)
    with pytest.raises(GenlabError, match="1 images have none; the first: stray"):
        caption_images(images, settings)


def test_words_that_are_asked_for_must_be_known() -> None:
    words = vocabulary(possible_captions(FASHION_CLASSES))
    require_words("A light sandal", words)
    with pytest.raises(GenlabError, match=r"no training caption has: 'purple', 'sandle'; did you mean 'sandal'\?"):
        require_words("a purple sandle", words)
    for empty in ("", " ,"):
        with pytest.raises(GenlabError, match="which has no words"):
            require_words(empty, None)
