"""Pictures of the latent space."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from genlab.report.scatter import principal_plane, scatter


def test_the_plane_is_pcas_up_to_the_signs(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)) + 3
    points, kept = principal_plane(codes)
    reference = PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(codes)), atol=1e-9)
    assert kept == pytest.approx(reference.explained_variance_ratio_.sum())


def test_codes_of_two_numbers_are_shown_as_they_are(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(9, 2))
    assert np.array_equal(principal_plane(codes)[0], codes)
    assert np.array_equal(principal_plane(codes[:, :1])[0][:, 1], np.zeros(9))


def test_a_label_has_its_colour_and_none_is_grey() -> None:
    """Three points far apart: the palette's first two colours, and grey for the one without a label."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    picture = scatter(np.repeat(points, 50, 0), np.repeat([0, 1, -1], 50), ["sandal", "sneaker"])
    assert picture.dtype == np.uint8
    assert picture.shape == (640, 760, 3)
    seen = {tuple(colour) for colour in picture.reshape(-1, 3)}
    for colour in ((31, 119, 180), (255, 127, 14), (115, 115, 115)):
        assert any(max(abs(int(a) - b) for a, b in zip(pixel, colour, strict=True)) <= 4 for pixel in seen), colour


def test_what_lies_behind_is_drawn_too() -> None:
    points = np.zeros((1, 2))
    alone, before = scatter(points), scatter(points, behind=np.random.default_rng(0).normal(size=(200, 2)))
    assert not np.array_equal(alone, before)
