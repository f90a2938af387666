"""Translating and showing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.levels import to_model_range, to_pixels
from genlab.media.pictures.tiles import GAP, HEADING, draw_grid
from genlab.models.pix2pix import Pix2Pix
from genlab.sampling.case import Case
from genlab.sampling.draw import translate_images
from genlab.sampling.drawings.translations import draw_translations
from genlab.sampling.settings import SampleSettings


@pytest.fixture
def model() -> Pix2Pix:
    torch.manual_seed(0)
    return Pix2Pix(image_size=32, channels_a=1, channels_b=1, generator_width=2, objective="l1")


def test_pixels_survive_the_way_into_a_model_and_out() -> None:
    for dtype in (np.uint8, np.uint16):
        every = np.arange(0, np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, 16, -1, 1)
        x = to_model_range(torch.from_numpy(every))
        assert (x.min().item(), x.max().item()) == (-1.0, 1.0)
        assert np.array_equal(to_pixels(x, dtype), every)


def test_values_outside_the_range_are_clipped_and_not_wrapped() -> None:
    assert to_pixels(torch.tensor([[[[-3.0, 3.0]]]])).ravel().tolist() == [0, 255]


def test_drawings_have_the_depth_of_the_domain_that_they_are_of(model: Pix2Pix, few_shoes: PairedImages) -> None:
    deep = replace(few_shoes.b, images=few_shoes.b.images.astype(np.uint16) * 257)
    pairs = PairedImages(few_shoes.table, few_shoes.a, deep)
    drawn = translate_images(Case(model, pairs, SampleSettings()), pairs.side("a"), "b")
    assert drawn.dtype == np.uint16
    assert len(np.unique(drawn)) > 256


def test_every_pair_is_drawn_under_its_own_id(model: Pix2Pix, few_shoes: PairedImages) -> None:
    settings = SampleSettings(batch_size=7, arguments={"noise_at_test": False})
    drawings = draw_translations(Case(model, few_shoes, settings, "train"))
    assert list(drawings) == [f"a_to_b/{name}" for name in few_shoes.table["id"]]
    reversed_pairs = PairedImages(few_shoes.table[::-1].reset_index(drop=True), few_shoes.a, few_shoes.b)
    again = draw_translations(Case(model, reversed_pairs, settings, "train"))
    worst = max(np.abs(again[name].astype(int) - drawings[name]).max() for name in drawings)
    assert worst <= 1


def test_fixed_samples_show_every_class_and_stay_the_same(shoes: PairedImages) -> None:
    test = shoes.split("test")
    shown = test.spread(12)
    assert shown.table["label"].value_counts().to_dict() == {"ankle_boot": 4, "sandal": 4, "sneaker": 4}
    assert shown.table.equals(test.spread(12).table)
    assert len(test.spread(10_000)) == len(test)


def test_a_grid_shows_every_image_where_it_belongs() -> None:
    values = np.arange(10, 15, dtype=np.uint8)
    left = np.broadcast_to(values[:, None, None, None], (5, 32, 32, 1))
    right = np.broadcast_to(values[:, None, None, None] + 100, (5, 32, 32, 3)).astype(np.uint8)
    grid = draw_grid({"x": left, "y": right}, blocks=2)
    assert grid.shape == (HEADING + 3 * (64 + GAP), 2 * (2 * (64 + GAP)) + 3 * GAP, 3)
    for number in range(5):
        block, row = divmod(number, 3)
        top, left_edge = HEADING + row * (64 + GAP), block * (2 * (64 + GAP) + 2 * GAP) + GAP
        assert (grid[top : top + 64, left_edge : left_edge + 64] == 10 + number).all()
        right_edge = left_edge + 64 + GAP
        assert (grid[top : top + 64, right_edge : right_edge + 64] == 110 + number).all()
