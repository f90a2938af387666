import numpy as np
import pytest

from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.media.pictures.binarise import binarise
from tests.conftest import PROJECT


def test_a_value_is_white_with_its_intensity_as_the_probability() -> None:
    grey = np.full((300, 300, 1), 64, dtype=np.uint8)
    drawn = binarise(grey, "a1")
    assert set(np.unique(drawn)) == {0, 255}
    assert (drawn == 255).mean() == pytest.approx(64 / 255, abs=0.006)
    assert np.array_equal(drawn, binarise(grey, "a1"))
    assert not np.array_equal(drawn, binarise(grey, "a2"))
    both = np.array([[[0], [65535]]], dtype=np.uint16)
    assert np.array_equal(binarise(both, "0"), both)


def test_a_set_is_binarised_once_for_all(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The same images, splits and names; the same draw when it is ingested again; and never taken for the grey set."""
    source = {"classes": ("bag",), "binarise": "fixed"}
    settings = DataSettings(**source)
    listing = list_source(PROJECT / "data/01_raw", settings)
    grey_settings = DataSettings(classes=("bag",))
    grey = ingest(listing, grey_settings, tmp_path / "set").move_to(tmp_path / "set")
    one = ingest(listing, settings, tmp_path / "set").move_to(tmp_path / "set")
    assert set(np.unique(one["images"].images[:50])) == {0, 255}
    again = ingest(listing, settings, tmp_path / "other").move_to(tmp_path / "other")
    assert np.array_equal(one["images"].images, again["images"].images)
    assert grey["images"].table["id"].equals(one["images"].table["id"])
    assert grey["images"].table["split"].equals(one["images"].table["split"])
    assert not set(grey["images"].table["checksum"]) & set(one["images"].table["checksum"])
