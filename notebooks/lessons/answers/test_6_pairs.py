"""Lesson 6: the drawing with the smallest mean error is the median, and it loses what is rarely in one place."""

import numpy as np
import pytest


def best_for_l1(truths):
    return np.median(truths, axis=0)


def mean_error(truths, drawing):
    return np.abs(truths - drawing).mean()


def test_no_shade_of_grey_does_better(written):
    truths = np.random.default_rng(0).integers(0, 256, (7, 4, 5)) / 255
    drawing = written("best_for_l1")(truths)
    assert drawing.shape == (4, 5)
    shades = np.linspace(0, 1, 256)[:, None, None, None]
    best = np.abs(truths - shades).mean(axis=1).min(axis=0)  # of each pixel by itself
    assert mean_error(truths, drawing) == pytest.approx(best.mean())


def test_the_mean_is_worse(written):
    truths = np.random.default_rng(1).exponential(size=(9, 4, 4))
    assert mean_error(truths, written("best_for_l1")(truths)) < mean_error(truths, truths.mean(axis=0))


def test_a_stripe_that_may_be_in_five_places_is_in_none(written):
    stripes = np.repeat(np.eye(5)[:, :, None], 6, axis=2)  # (5, 5, 6): white in another row each time
    np.testing.assert_array_equal(written("best_for_l1")(stripes), np.zeros((5, 6)))
