"""Lesson 1: the best linear code is PCA."""

import numpy as np
import pytest
from sklearn.decomposition import PCA


def best_linear(x, z):
    mean = x.mean(axis=0)
    _, _, directions = np.linalg.svd(x - mean, full_matrices=False)
    kept = directions[:z]
    return mean + (x - mean) @ kept.T @ kept


X = np.random.default_rng(0).normal(size=(40, 6)) @ np.diag([5, 3, 2, 1, 1, 0.1]) + [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("z", [1, 2, 5])
def test_it_is_pca(written, z):
    pca = PCA(z).fit(X)
    np.testing.assert_allclose(written("best_linear")(X, z), pca.inverse_transform(pca.transform(X)), atol=1e-10)


@pytest.mark.parametrize("z", [0, 1, 3, 6])
def test_errors_are_the_singular_values_left_out(written, z):
    left_out = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)[z:]
    assert np.square(X - written("best_linear")(X, z)).sum() == pytest.approx(np.square(left_out).sum())
