"""Several models' drawings of the same inputs beside each other."""

import numpy as np
import pytest

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.media.pictures.tiles import GAP, HEADING
from genlab.report.side_by_side import side_by_side


def plain(pairs: PairedImages, value: int, size: int = 32) -> dict[str, np.ndarray]:
    return {f"a_to_b/{name}": np.full((size, size, 1), value, np.uint8) for name in pairs.table["id"]}


def test_every_model_has_a_column_between_input_and_truth(shoes: PairedImages) -> None:
    test = shoes.split("test")
    grid = side_by_side(test, {"one": plain(test, 50), "two": plain(test, 150)}, count=3, blocks=1)
    assert grid.shape[1] == 4 * (64 + GAP) + GAP
    some = test.spread(3)
    for row in range(3):
        top = HEADING + row * (64 + GAP)
        cells = [grid[top : top + 64 : 2, GAP + i * (64 + GAP) :][:, :64:2, 0] for i in range(4)]
        assert np.array_equal(cells[0], some.side("a")[row, :, :, 0])
        assert (cells[1] == 50).all()
        assert (cells[2] == 150).all()
        assert np.array_equal(cells[3], some.side("b")[row, :, :, 0])


def test_drawings_of_other_data_are_refused(shoes: PairedImages) -> None:
    test = shoes.split("test")
    drawn = plain(test, 50)
    first = test.spread(3).table["id"][0]
    del drawn[f"a_to_b/{first}"]
    with pytest.raises(GenlabError, match=f"unit has no drawing a_to_b/{first} .1 of 3 are missing"):
        side_by_side(test, {"unit": drawn}, count=3)
    with pytest.raises(GenlabError, match="unit drew images of 64 pixels, but the truth has 32"):
        side_by_side(test, {"unit": plain(test, 50, size=64)}, count=3)
