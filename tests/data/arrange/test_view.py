"""Views: what a model wants of a stored set changes nothing in the set."""

from pathlib import Path

import numpy as np
import pytest

from genlab.data.arrange.arrange import arrange
from genlab.data.arrange.derive import derive
from genlab.data.arrange.view import view, view_derived
from genlab.data.arrange.words import describe_examples
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings, SplitSettings
from genlab.data.sources.listing import known_classes, list_source
from genlab.data.store import ImageSet, digest
from genlab.errors import GenlabError
from genlab.media.pictures.binarise import binarise
from genlab.media.pictures.settings import PairSettings
from tests.conftest import PROJECT

RAW = PROJECT / "data/01_raw"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.fixture(scope="module")
def stored(folder: Path) -> ImageSet:
    settings = DataSettings()
    return ingest(list_source(RAW, settings), settings, folder / settings.set_name())


@pytest.mark.parametrize(
    "wanted",
    [
        {"classes": ("bag", "coat")}, {"binarise": "fixed", "classes": ("bag",)}, {"split": SplitSettings(val=0.2)},
        {"pairs": PairSettings(kind="grey")}, {"captions": "derived"},
    ],
)  # fmt: skip
def test_a_view_stores_nothing_and_names_other_examples(stored: ImageSet, folder: Path, wanted: dict) -> None:
    settings = DataSettings(**wanted)
    assert settings.set_name() == DataSettings().set_name()
    assert settings.table_name("key") != DataSettings().table_name("key")
    again = ingest(list_source(RAW, settings), settings, folder / settings.set_name())
    assert again.about["key"] == stored.about["key"]
    assert len(list(folder.glob("*/*/images.npy"))) == 1
    pixels_matter = {"pairs", "captions"}.isdisjoint(wanted)
    same = arrange("images", settings, stored).fingerprint() == arrange("images", DataSettings(), stored).fingerprint()
    assert same != pixels_matter


@pytest.mark.parametrize("wanted", [{"image_size": 28}, {"fit": "stretch"}, {"channels": 3}, {"source": "mnist"}])
def test_other_pixels_are_another_set(wanted: dict) -> None:
    assert DataSettings(**wanted).set_name() != DataSettings().set_name()


def test_a_view_shows_the_images_of_its_rows(stored: ImageSet) -> None:
    seen = view(stored, DataSettings(classes=("bag",)))["images"]
    assert set(seen.table["label"]) == {"bag"}
    assert len(seen) == 1400
    place = stored["images"].table.index[stored["images"].table["id"] == seen.table["id"][700]][0]
    assert np.array_equal(seen.take(np.array([700]))[0], stored["images"].images[place])
    assert np.array_equal(seen.all()[700], stored["images"].images[place])
    assert seen.nbytes == seen.all().nbytes
    assert set(stored["images"].table["split"]) == {"train", "test"}, "validation is drawn by the view"
    assert set(seen.table["split"]) == {"train", "val", "test"}


def test_derived_images_are_seen_beside_theirs(stored: ImageSet, folder: Path) -> None:
    settings = DataSettings(classes=("bag",))
    seen = view(stored, settings)
    derived = view_derived(derive(seen, settings, folder / "derived"), seen)
    assert derived["a"].table["id"].equals(seen["images"].table["id"])
    assert derived["a"].table["split"].equals(seen["images"].table["split"])
    other = settings.model_copy(update={"split": SplitSettings(val=0.3)})
    assert other.derived_name() == settings.derived_name()
    seen = view(stored, other)
    assert view_derived(derived, seen)["a"].table["split"].equals(seen["images"].table["split"])


def test_an_image_is_drawn_in_black_and_white_always_alike(stored: ImageSet) -> None:
    """The name that chance comes from has the content of the file, its domain, and how it was decoded."""
    one = view(stored, DataSettings(classes=("bag",), binarise="fixed"))["images"]
    grey = view(stored, DataSettings(classes=("bag",)))["images"]
    assert set(np.unique(one.images[:50])) == {0, 255}
    other = view(stored, DataSettings(classes=("bag", "coat"), binarise="fixed"))["images"]
    assert np.array_equal(one.images, other.all()[(other.table["label"] == "bag").to_numpy()])
    assert grey.table["id"].equals(one.table["id"])
    assert grey.table["split"].equals(one.table["split"])
    assert not set(grey.table["checksum"]) & set(one.table["checksum"])
    how = {**stored.about["decoded_with"], "binarise": "fixed"}
    name = digest(f"{one.table['content'][3]}images{how}".encode())
    assert np.array_equal(one.images[3], binarise(grey.take(np.array([3]))[0], name))


def test_images_that_training_draws_anew_are_elsewhere_those_that_are_drawn_once(stored: ImageSet) -> None:
    once, anew = (DataSettings(classes=("bag",), binarise=how) for how in ("fixed", "dynamic"))
    one, other = (view(stored, settings)["images"] for settings in (once, anew))
    assert np.array_equal(one.images, other.images)
    assert one.table.equals(other.table)
    assert one.shades is None
    assert other.shades is not None
    assert np.array_equal(other.shades.all(), view(stored, DataSettings(classes=("bag",)))["images"].all())
    examples = [arrange("images", settings, stored) for settings in (once, anew)]
    assert examples[0].fingerprint() != examples[1].fingerprint()
    told = [describe_examples(e, s, None) for e, s in zip(examples, (once, anew), strict=True)]
    assert told[0]["test_fingerprint"] == told[1]["test_fingerprint"]
    assert [one["trained_on"] for one in told] == [
        "1,140 images, black and white, drawn once", "1,140 images, black and white, drawn anew at each step"
    ]  # fmt: skip


def test_a_label_that_is_not_there_is_refused(stored: ImageSet) -> None:
    wrong = DataSettings(classes=("bag", "boat"))
    with pytest.raises(GenlabError, match="data.classes names boat; fashion_mnist has 'ankle_boot', 'bag'"):
        view(stored, wrong)
    with pytest.raises(GenlabError, match="data.classes names boat; fashion_mnist has"):
        known_classes(wrong)
