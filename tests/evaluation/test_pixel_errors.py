"""Metrics against scikit-image and closed forms."""

from typing import Any

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.measures.translation import evaluate_translations
from genlab.evaluation.pixel_errors import IDENTICAL_DB, METRICS, bootstrap_interval, l1, pixel_metrics, psnr, ssim
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.sampling.settings import SampleSettings
from tests.judging import Reaches, judged


@pytest.fixture
def truth(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def drawn(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(truth + rng.normal(0, 30, truth.shape), 0, 255).astype(np.uint8)


def test_metrics_are_scikit_images(drawn: np.ndarray, truth: np.ndarray) -> None:
    for got, x, y in zip(psnr(drawn, truth), drawn, truth, strict=True):
        assert got == pytest.approx(peak_signal_noise_ratio(y, x, data_range=255), rel=1e-5)
    for got, x, y in zip(ssim(drawn, truth), drawn, truth, strict=True):
        reference = structural_similarity(
            x / 255,
            y / 255,
            data_range=1,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert got == pytest.approx(reference, abs=5e-3)  # they treat the border differently
    assert l1(drawn, truth) == pytest.approx(np.abs(drawn / 255 - truth / 255).mean(axis=(1, 2, 3)), rel=1e-5)


def test_depth_does_not_change_a_metric(drawn: np.ndarray, truth: np.ndarray) -> None:
    """A uint16 image that shows the same thing scores the same: both are read in [0, 1]."""
    for metric in METRICS.values():
        deep = metric(drawn.astype(np.uint16) * 257, truth.astype(np.uint16) * 257)
        np.testing.assert_allclose(deep, metric(drawn, truth), rtol=1e-4)


def test_metrics_know_the_best_and_get_worse_with_noise(truth: np.ndarray, rng: np.random.Generator) -> None:
    assert l1(truth, truth).max() == 0
    assert psnr(truth, truth).min() == IDENTICAL_DB
    assert ssim(truth, truth).min() == pytest.approx(1)
    noisy = [np.clip(truth + rng.normal(0, s, truth.shape), 0, 255).astype(np.uint8) for s in (5, 20, 80)]
    for metric, sign in ((l1, 1), (psnr, -1), (ssim, -1)):
        scores = [sign * metric(images, truth).mean() for images in noisy]
        assert scores == sorted(scores)


def test_metrics_do_not_depend_on_order(drawn: np.ndarray, truth: np.ndarray) -> None:
    order = [3, 1, 5, 0, 2, 4]
    for metric in METRICS.values():
        np.testing.assert_allclose(metric(drawn[order], truth[order]), metric(drawn, truth)[order], rtol=1e-5)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.normal(3.0, 1.0, 60), resamples=200, seed=seed)
        hits += low <= 3.0 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_controls_stand_beside_each_metric(drawn: np.ndarray, truth: np.ndarray) -> None:
    kept: dict[str, np.ndarray] = {}
    metrics = pixel_metrics(
        METRICS, drawn, truth, {"input": 255 - truth}, EvaluationSettings(resamples=20), keep=kept.__setitem__
    )
    for name, metric in METRICS.items():
        assert metrics[f"{name}_input"] == pytest.approx(metric(255 - truth, truth).mean())
        assert metrics[name] == pytest.approx(metric(drawn, truth).mean())
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"]


def test_the_controls_come_from_the_training_split(shoes: PairedImages) -> None:
    test, train = shoes.split("test"), shoes.split("train")
    drawings = {f"a_to_b/{name}": pixels for name, pixels in zip(test.table["id"], test.side("b"), strict=True)}
    metrics = evaluate_translations(judged(Reaches("b"), shoes, drawings))
    assert metrics["l1"] == 0
    mean = train.side("b").astype(float).mean(axis=0).round().astype(np.uint8)
    assert metrics["l1_mean_image"] == pytest.approx(
        l1(np.broadcast_to(mean, test.side("b").shape), test.side("b")).mean()
    )
    assert metrics["l1_input"] == pytest.approx(l1(test.side("a"), test.side("b")).mean())
    assert 0.14 < float(metrics["l1_random_image"]) < 0.17


def test_a_protocol_has_one_name_and_another_one_another() -> None:
    assert protocol_hash({"a": 1, "b": "x"}) == protocol_hash({"b": "x", "a": 1})
    assert protocol_hash({"a": 1}) != protocol_hash({"a": 2})


def test_the_protocol_follows_what_was_measured(shoes: PairedImages) -> None:
    test = shoes.split("test")
    drawings = {f"a_to_b/{name}": pixels for name, pixels in zip(test.table["id"], test.side("b"), strict=True)}
    fewer = PairedImages(shoes.table.drop(shoes.table.index[shoes.table["split"] == "test"][:1]), shoes.a, shoes.b)

    def name(pairs: PairedImages = shoes, statistics: str = "own", **sample: Any) -> object:
        case = judged(Reaches("b"), pairs, drawings, sample=SampleSettings(**sample), statistics=statistics)
        return evaluate_translations(case)["protocol_hash"]

    assert name() == name() == name(batch_size=3), "drawings do not depend on the batch"
    others = [name(fewer), name(statistics="batch"), name(statistics="batch", batch_size=3), name(seed=1),
              name(arguments={"noise_at_test": False})]  # fmt: skip
    assert len({name(), *others}) == 6


def test_one_value_has_an_interval_without_width() -> None:
    assert bootstrap_interval(np.array([0.25]), resamples=10, seed=0) == (0.25, 0.25)
