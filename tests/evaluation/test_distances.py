"""Distances against closed forms and torch-fidelity's own functions; what each says of collapse, noise and copies."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from genlab.evaluation import distances
from genlab.evaluation.distances import (
    Gaussian,
    compare_neighbourhoods,
    frechet_distance,
    kernel_distances,
    kid,
    nearest,
    too_few,
)


@pytest.fixture
def real(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(300, 16)).astype(np.float32)


@pytest.fixture
def drawn(rng: np.random.Generator) -> np.ndarray:
    mix = np.eye(16) + 0.1 * rng.normal(size=(16, 16))
    return (rng.normal(size=(260, 16)) @ mix + 0.3).astype(np.float32)


def fd(real: np.ndarray, drawn: np.ndarray) -> float:
    return frechet_distance(Gaussian.of(real), Gaussian.of(drawn))


def means(real: np.ndarray, drawn: np.ndarray, k: int = 5) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in vars(compare_neighbourhoods(real, drawn, k)).items()}


def test_the_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    """For diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2 (Dowson and Landau 1982)."""
    m1, m2, s1, s2 = np.array([0.0, 1, 2]), np.array([1.0, 1, 0]), np.array([1.0, 2, 0.5]), np.array([3.0, 2, 0])
    got = frechet_distance(Gaussian(m1, np.diag(s1**2), 9), Gaussian(m2, np.diag(s2**2), 9))
    assert got == pytest.approx(((m1 - m2) ** 2).sum() + ((s1 - s2) ** 2).sum())
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]  # a rotation of both changes nothing
    turned = [Gaussian(turn @ m, turn @ np.diag(s**2) @ turn.T, 9) for m, s in ((m1, s1), (m2, s2))]
    assert frechet_distance(*turned) == pytest.approx(got)


def test_the_frechet_distance_is_torch_fidelitys(real: np.ndarray, drawn: np.ndarray) -> None:
    for some in (drawn, drawn[:10]):  # also where the covariance has no full rank
        statistics = [fid_features_to_statistics(torch.from_numpy(x.astype(np.float64))) for x in (some, real)]
        reference = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
        assert fd(real, some) == pytest.approx(reference, rel=1e-6)


def test_kid_is_torch_fidelitys(real: np.ndarray, drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "CHUNK", 70)
    got = kernel_distances(real, drawn, subsets=7, size=100, seed=5)
    reference = kid_features_to_metric(
        torch.from_numpy(drawn), torch.from_numpy(real), kid_subsets=7, kid_subset_size=100, rng_seed=5, verbose=False
    )
    assert got.mean() == pytest.approx(reference["kernel_inception_distance_mean"], rel=1e-3)
    assert got.std() == pytest.approx(reference["kernel_inception_distance_std"], rel=1e-3)


def test_precision_and_recall_are_torch_fidelitys(
    real: np.ndarray, drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "CHUNK", 70)
    for k in (3, 5):
        reference = calculate_precision_recall_full(torch.from_numpy(drawn), torch.from_numpy(real), k)
        got = means(real, drawn, k)
        assert (got["precision"], got["recall"]) == pytest.approx(reference, abs=1e-6)


def test_density_and_coverage_by_their_definition(real: np.ndarray, drawn: np.ndarray) -> None:
    """Naeem et al. 2020, equations 4 and 6, word by word."""
    between = np.linalg.norm(real[:, None] - real[None], axis=2)
    reach = np.sort(between, axis=1)[:, 5]  # place 0 is the image itself
    within = np.linalg.norm(drawn[:, None] - real[None], axis=2) <= reach
    got = means(real, drawn)
    assert got["density"] == pytest.approx(within.sum() / (5 * len(drawn)))
    assert got["coverage"] == pytest.approx(within.any(axis=0).mean())


def test_equal_sets_are_at_distance_zero(real: np.ndarray) -> None:
    assert fd(real, real) == pytest.approx(0, abs=1e-8)
    assert means(real, real) == pytest.approx({"precision": 1, "recall": 1, "density": 1, "coverage": 1}, abs=0.2)
    assert nearest(real, [real])[1].max() == 0
    twin = np.random.default_rng(9).normal(size=(300, 16)).astype(np.float32)
    value, low, high = kid(real, twin, 20, 0)
    assert low < 0 < high  # the same distribution: unbiased, and so on both sides of zero
    assert low < value < high


def test_order_does_not_matter(real: np.ndarray, drawn: np.ndarray) -> None:
    turned = drawn[::-1].copy()
    assert fd(real, turned) == pytest.approx(fd(real, drawn), rel=1e-9)
    assert means(real, turned) == pytest.approx(means(real, drawn))
    whole = [kernel_distances(real[:260], some, 1, 260, 0)[0] for some in (drawn, turned)]
    assert whole[0] == pytest.approx(whole[1], rel=1e-6)


def test_a_collapsed_model_is_precise_and_covers_nothing_and_a_noisy_one_the_reverse(real: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    middle = real[np.argsort(np.linalg.norm(real, axis=1))[:3]]
    collapsed = np.repeat(middle, 100, axis=0) + 0.01 * rng.normal(size=(300, 16)).astype(np.float32)
    got = means(real, collapsed)
    assert got["precision"] > 0.95
    assert got["density"] > 0.95
    assert got["recall"] < 0.05
    assert got["coverage"] < 0.5
    noisy = (2.5 * rng.normal(size=(300, 16))).astype(np.float32)
    got = means(real, noisy)
    assert got["precision"] < 0.2
    assert got["density"] < 0.2
    assert got["recall"] > 0.9


def test_the_interval_of_kid_covers_the_truth_about_as_often_as_it_says() -> None:
    """The truth: the mean over many sets, since the estimate is unbiased."""
    rng = np.random.default_rng(3)
    found = np.array(
        [kid(*(rng.normal(m, 1, (60, 4)).astype(np.float32) for m in (0, 0.7)), 25, s) for s in range(150)]
    )
    hits = ((found[:, 1] <= found[:, 0].mean()) & (found[:, 0].mean() <= found[:, 2])).mean()
    assert 0.88 <= hits <= 1.0
    assert found[:, 2].mean() - found[:, 1].mean() < 6 * found[:, 0].std()  # and is no wider than it must be


def test_copies_are_at_distance_zero_wherever_they_are(
    real: np.ndarray, drawn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "CHUNK", 70)
    reference = np.linalg.norm(drawn[:5, None] - real[None], axis=2)
    images = np.tile(np.concatenate([drawn[:5], real[200:210]]), (9, 1))
    for parts in ([real], [real[:130], real[130:140], real[140:]]):
        place, found = (values.reshape(9, 15) for values in nearest(images, parts))
        assert (found[:, 5:] == 0).all()
        assert (place[:, 5:] == range(200, 210)).all()
        assert (place[:, :5] == reference.argmin(axis=1)).all()
        assert found[0, :5] == pytest.approx(reference.min(axis=1), rel=1e-5)


def test_too_few_images_are_said(real: np.ndarray) -> None:
    note = too_few(Gaussian.of(real), Gaussian.of(real[:16]))
    assert note is not None
    assert "16 images are too few for a covariance of 16 features" in note
    assert too_few(Gaussian.of(real), Gaussian.of(real[:17])) is None
