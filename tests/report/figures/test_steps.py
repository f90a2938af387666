"""Pictures of models that show their steps and of models that complete images."""

import numpy as np
import pandas as pd
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.media.pictures.tiles import GAP
from genlab.report.figures.completions import COMPLETIONS, IMAGES, draw_completions
from genlab.report.figures.steps import DRAWINGS, draw_steps
from genlab.sampling.draw import draw_samples
from genlab.sampling.settings import SampleSettings
from tests.judging import judged
from tests.models.toys import EVERY, Raster

CELL = 64  # pixels of the picture: 2 x 2 pixels, each 32 x 32


@pytest.fixture
def examples() -> LabelledImages:
    images = ((EVERY + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    table = pd.DataFrame({"id": [f"{i:02d}" for i in range(16)], "split": "test", "label": ""})
    return LabelledImages(table.assign(row=range(16)), ImageStore(images, table.assign(checksum=table["id"])), ())


def tile(picture: np.ndarray, left: int, top: int) -> np.ndarray:
    """The 2 x 2 image whose corner is there."""
    return picture[top : top + CELL, left : left + CELL, 0][16::32, 16::32]


@pytest.mark.parametrize("batch_size", [3, 50])
def test_a_row_is_one_drawing_from_its_first_state_to_its_last(examples: LabelledImages, batch_size: int) -> None:
    settings = SampleSettings(seed=1, batch_size=batch_size)
    picture = draw_steps(judged(Raster(), examples, sample=settings))["steps"]
    assert picture.shape == (DRAWINGS * (CELL + GAP) + GAP, 4 * (CELL + GAP) + GAP, 3), "four pixels, four states"
    drawn = draw_samples(judged(Raster(), examples, sample=settings), DRAWINGS)
    for row in range(DRAWINGS):
        states = [tile(picture, GAP + column * (CELL + GAP), GAP + row * (CELL + GAP)) for column in range(4)]
        assert np.array_equal(states[-1], drawn[row, :, :, 0])
        assert [(state == 128).sum() for state in states] == [3, 2, 1, 0], "a pixel more at each step"


def test_completions_stand_under_the_original_and_its_known_half(examples: LabelledImages) -> None:
    picture = draw_completions(judged(Raster(), examples, sample=SampleSettings(batch_size=7)))["completions"]
    left = picture.shape[1] - IMAGES * (CELL + GAP)
    assert picture.shape[0] == (2 + COMPLETIONS) * CELL + 2 * GAP
    some = examples.spread(IMAGES).pixels[..., 0]
    drawn = set()
    for column in range(IMAGES):
        strips = [tile(picture, left + column * (CELL + GAP), GAP + row * CELL) for row in range(2 + COMPLETIONS)]
        assert np.array_equal(strips[0], some[column])
        assert (strips[1][1] == 127).all()
        for strip in strips[1:]:
            assert np.array_equal(strip[0], some[column][0]), "the upper half is known"
        drawn |= {tuple(strip[1]) for strip in strips[2:]}
        assert all(set(strip[1]) <= {0, 255} for strip in strips[2:])
    assert len(drawn) == 4, "not the original again, but what chance draws"
