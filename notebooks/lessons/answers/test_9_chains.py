"""Lesson 9: the free energy, against the sum over all states of the hidden units."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp


def free_energy(v, W, b, a):
    return -(v @ b) - np.logaddexp(0, v @ W + a).sum(axis=1)


def machine(d, j, scale=1.0):
    rng = np.random.default_rng(d + j)
    return scale * rng.normal(size=(d, j)), rng.normal(size=d), rng.normal(size=j)


def states(n):
    return np.array(list(product([0.0, 1.0], repeat=n)))


@pytest.mark.parametrize("j", [1, 3, 8])
def test_it_is_the_sum_over_all_hidden_states(written, j):
    W, b, a = machine(4, j)
    v, h = states(4), states(j)
    exponents = v @ W @ h.T + (v @ b)[:, None] + h @ a
    np.testing.assert_allclose(written("free_energy")(v, W, b, a), -logsumexp(exponents, axis=1))


def test_a_thousand_units_are_no_hindrance(written):
    """Units without weights are on or off as they like: each adds log 2."""
    W, b, a = machine(4, 3)
    v = states(4)
    more = np.concatenate([W, np.zeros((4, 1000))], axis=1), b, np.concatenate([a, np.zeros(1000)])
    found = written("free_energy")
    np.testing.assert_allclose(found(v, *more), found(v, W, b, a) - 1000 * np.log(2))


def test_large_weights_do_not_overflow(written):
    v, (W, b, a) = states(4), machine(4, 5, scale=1e4)
    found = written("free_energy")(v, W, b, a)
    on = np.maximum(v @ W + a, 0).sum(axis=1)  # so large that every unit is on or off for sure
    np.testing.assert_allclose(found, -(v @ b) - on, rtol=1e-3, atol=5)
