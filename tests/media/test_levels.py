"""Integers, [0, 1] and [-1, 1]: every integer comes back, and what is outside is clipped."""

import numpy as np
import pytest
import torch

from genlab.media.pictures.integers import flatten, largest, to_integers, to_levels, to_unit_range
from genlab.media.pictures.levels import to_model_range, to_pixels

DTYPES = (np.uint8, np.uint16)


def every_integer(dtype: type) -> np.ndarray:
    return np.arange(largest(dtype) + 1, dtype=dtype).reshape(4, 8, 8, -1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_integer_comes_back_from_the_model_range(dtype: type) -> None:
    pixels = every_integer(dtype)
    x = to_model_range(torch.from_numpy(pixels))
    assert (x.min(), x.max()) == (-1, 1)
    assert np.array_equal(to_pixels(x, dtype), pixels)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_integer_comes_back_from_the_unit_range(dtype: type) -> None:
    pixels = every_integer(dtype)
    unit = to_unit_range(pixels)
    assert (unit.min(), unit.max(), unit.dtype) == (0, 1, np.float32)
    assert np.array_equal(to_integers(unit * largest(dtype), dtype), pixels)
    assert flatten(pixels, np.float64).dtype == np.float64
    assert np.array_equal(flatten(pixels)[3], unit[3].ravel())


def test_values_outside_are_clipped() -> None:
    assert to_integers(np.array([-3.0, 0.4, 254.6, 300.0]), np.uint8).tolist() == [0, 0, 255, 255]
    assert to_pixels(torch.tensor([-2.0, 0.0, 2.0]).reshape(1, 1, 3, 1)).ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("levels", [2, 4, 256])
def test_levels_are_equally_wide(dtype: type, levels: int) -> None:
    counts = np.bincount(to_levels(every_integer(dtype), levels).ravel(), minlength=levels)
    assert (counts == (largest(dtype) + 1) // levels).all()
