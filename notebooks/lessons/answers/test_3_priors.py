"""Lesson 3: the energy distance tells distributions apart that mean and covariance do not."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist


def energy_distance(x, y):
    return 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()


RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(0, 2 * np.pi, 500)
RING = np.sqrt(2) * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # mean 0, covariance I
NORMAL, OTHER = RNG.normal(size=(400, 2)), RNG.normal(size=(500, 2))


def test_in_one_dimension_it_is_scipys(written):
    x, y = NORMAL[:, :1], RING[:, :1] + 0.5
    scipys = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert written("energy_distance")(x, y) == pytest.approx(scipys)


def test_a_sample_is_at_no_distance_from_itself(written):
    assert written("energy_distance")(NORMAL, NORMAL) == pytest.approx(0, abs=1e-12)


def test_turning_both_changes_nothing(written):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    distance = written("energy_distance")
    assert distance(NORMAL @ turn, RING @ turn) == pytest.approx(distance(NORMAL, RING))


def test_a_ring_is_far_from_a_gaussian_of_its_mean_and_covariance(written):
    distance = written("energy_distance")
    assert distance(RING, OTHER) > 5 * distance(NORMAL, OTHER) > 0
