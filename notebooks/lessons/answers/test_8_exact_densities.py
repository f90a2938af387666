"""Lesson 8: the change of variables, for a map of one number."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats


def log_density(x):
    return stats.norm.logpdf(x**3 + x) + np.log(3 * x**2 + 1)


def test_it_integrates_to_one(written):
    log_p = written("log_density")
    whole, _ = integrate.quad(lambda x: np.exp(log_p(x)), -4, 4)
    assert whole == pytest.approx(1)


@pytest.mark.parametrize("x", [-1.5, -0.3, 0.0, 0.8, 2.0])
def test_its_integral_is_the_share_of_z_below(written, x):
    log_p = written("log_density")
    below, _ = integrate.quad(lambda t: np.exp(log_p(t)), -5, x)
    assert below == pytest.approx(stats.norm.cdf(x**3 + x), abs=1e-6)


def test_draws_have_it(written):
    z = np.random.default_rng(0).normal(size=2000)
    x = np.array([optimize.brentq(lambda t, z=z: t**3 + t - z, -5, 5) for z in z])
    share, edges = np.histogram(x, bins=8, range=(-1.5, 1.5))
    middles = (edges[1:] + edges[:-1]) / 2
    wanted = np.exp(written("log_density")(middles)) * (edges[1] - edges[0])
    np.testing.assert_allclose(share / len(x), wanted, atol=0.03)
