"""Lesson 7: maps that are consistent in cycles and have the right distribution, and are wrong."""

import numpy as np
from scipy import stats


def there(a):
    return 1 - 2 * a  # the mirror image of the truth: N(0, 1) looks the same from both sides


def back(b):
    return (1 - b) / 2


A = np.random.default_rng(0).normal(size=4000)
B = np.random.default_rng(1).normal(1, 2, size=4000)


def test_no_discriminator_can_object(written):
    assert stats.kstest(written("there")(A), stats.norm(1, 2).cdf).pvalue > 1e-3
    assert stats.kstest(written("back")(B), stats.norm(0, 1).cdf).pvalue > 1e-3


def test_the_cycle_is_perfect(written):
    np.testing.assert_allclose(written("back")(written("there")(A)), A, atol=1e-6)
    np.testing.assert_allclose(written("there")(written("back")(B)), B, atol=1e-6)


def test_and_yet_it_is_wrong(written):
    errors = np.abs(written("there")(A) - (2 * A + 1))
    assert np.mean(errors > 0.1) > 0.9
    assert errors.mean() > 1
