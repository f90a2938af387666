"""Lesson 4: the value of the game for the best discriminator is a divergence."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import xlogy


def best_value(p, q):
    p, q = np.asarray(p), np.asarray(q)
    either = p + q > 0
    p, q = p[either], q[either]
    best = p / (p + q)
    return (xlogy(p, best) + xlogy(q, 1 - best)).sum()


P, Q = np.random.default_rng(0).dirichlet(np.ones(6), size=2)


def test_it_is_the_jensen_shannon_divergence(written):
    assert written("best_value")(P, Q) == pytest.approx(2 * jensenshannon(P, Q) ** 2 - np.log(4))


def test_no_discriminator_does_better(written):
    tried = np.random.default_rng(1).uniform(0.001, 0.999, (1000, 6))
    values = (P * np.log(tried) + Q * np.log(1 - tried)).sum(axis=1)
    assert values.max() <= written("best_value")(P, Q)


def test_equal_ones_give_minus_log_4_and_disjoint_ones_zero(written):
    value = written("best_value")
    assert value(P, P) == pytest.approx(-np.log(4))
    assert value(np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 1.0, 0])) == pytest.approx(0, abs=1e-12)
