"""The two sides of a pair: cut and scaled alike, or no pair."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.data.arrange.arrange import arrange
from genlab.data.arrange.derive import derive, pair_sides
from genlab.data.arrange.pairs import PairedImages
from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.report import describe_set, warnings
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import list_folder
from genlab.errors import GenlabError


def slope(width: int, height: int) -> Image.Image:
    """A scene of any resolution: red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = (x + 0.5) / width * 255, (y + 0.5) / height * 255
    return Image.fromarray(np.stack([red, green, 0 * red], axis=2).round().astype(np.uint8))


def pairs(
    root: Path, size: tuple[int, int], other: tuple[int, int], fit: str | None, **settings: object
) -> PairedImages:
    """Twenty pairs of the same size, and one whose sides have these sizes."""
    for number in range(21):
        for side, (width, height) in (("a", size), ("b", other if number == 20 else size)):
            (root / side).mkdir(parents=True, exist_ok=True)
            slope(width, height).save(root / f"{side}/{number}.png")
    checked = DataSettings(source=str(root), image_size=32, fit=fit, **settings)
    images = ingest(list_folder(root, checked), checked, root.parent / "set")
    seen = view(images, checked)
    derived = derive(seen, checked, root.parent / "derived")
    found = arrange("pairs", checked, images, derived, pair_sides(seen, derived, checked))
    assert isinstance(found, PairedImages)
    return found


@pytest.mark.parametrize(
    ("size", "other", "fit"),
    [
        ((90, 60), (180, 120), None),  # a mask of another size
        ((90, 60), (45, 30), "fit"),
        ((91, 60), (45, 30), "crop"),
        ((60, 90), (120, 180), "crop"),
        ((90, 60), (60, 60), "stretch"),
        ((30, 20), (30, 20), "pad"),
    ],
)
def test_sides_of_the_same_proportions_lie_over_each_other(
    tmp_path: Path, size: tuple[int, int], other: tuple[int, int], fit: str | None
) -> None:
    found = pairs(tmp_path / "raw", size, other, fit)
    assert len(found) == 21
    difference = found.side("a").astype(int) - found.side("b")
    assert abs(difference).max() < 12, "a shift by one of 32 pixels changes values by 8"


@pytest.mark.parametrize(
    ("size", "other", "fit"),
    [
        ((90, 60), (60, 60), None),
        ((90, 60), (60, 90), "fit"),
        ((30, 20), (15, 10), "pad"),
        ((90, 60), (100, 60), "crop"),
    ],
)
def test_sides_of_different_proportions_are_no_pair_and_named(
    tmp_path: Path, size: tuple[int, int], other: tuple[int, int], fit: str | None
) -> None:
    named = rf"the first: a/20.png \({size[0]}x{size[1]}\) and b/20.png \({other[0]}x{other[1]}\)"
    with pytest.raises(GenlabError, match=rf"1 pairs \(4.8%\) .*{named}.*data.fit=stretch.*max_rejected=0.048"):
        pairs(tmp_path / "raw", size, other, fit)
    kept = pairs(tmp_path / "raw", size, other, fit, max_rejected=0.05)
    assert (len(kept), "20" in set(kept.table["id"])) == (20, False)
    settings = DataSettings(source=str(tmp_path / "raw"), image_size=32, fit=fit)
    images = view(ingest(list_folder(tmp_path / "raw", settings), settings, tmp_path / "set"), settings)
    assert "1 pairs have sides of different proportions" in " ".join(warnings(describe_set(images, settings)))
