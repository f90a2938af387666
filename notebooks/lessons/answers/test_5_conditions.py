"""Lesson 5: Bayes' rule, with probabilities that no computer can hold."""

import numpy as np
import pytest
from scipy import stats


def posterior(log_likelihood, prior):
    with np.errstate(divide="ignore"):
        joint = log_likelihood + np.log(prior)
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)


def test_it_counts_as_one_would_by_hand(written):
    """A fair coin and one with a head on both sides: after three heads, the second has 8 of 9 chances."""
    heads = np.log(np.array([[1 / 8, 1.0]]))
    np.testing.assert_allclose(written("posterior")(heads, np.array([0.5, 0.5])), [[1 / 9, 8 / 9]])


def test_two_gaussians_give_a_logistic_regression(written):
    x, prior = np.linspace(-3, 3, 7), np.array([0.2, 0.8])
    log_likelihood = np.stack([stats.norm(-1).logpdf(x), stats.norm(1).logpdf(x)], axis=1)
    second = 1 / (1 + np.exp(-(2 * x + np.log(4))))
    np.testing.assert_allclose(written("posterior")(log_likelihood, prior)[:, 1], second)


@pytest.mark.parametrize("level", [-1e5, -2000.0, 2000.0])
def test_what_all_classes_share_changes_nothing(written, level):
    log_likelihood = np.array([[0.0, -1.0, -2.0], [3.0, 3.0, 3.0]])
    prior = np.array([0.5, 0.3, 0.2])
    found = written("posterior")(level + log_likelihood, prior)
    wanted = np.exp(log_likelihood) * prior
    np.testing.assert_allclose(found, wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-6)


def test_a_class_that_never_comes_is_never_the_answer(written):
    found = written("posterior")(np.array([[-3000.0, -2000.0]]), np.array([1.0, 0.0]))
    np.testing.assert_array_equal(found, [[1.0, 0.0]])
