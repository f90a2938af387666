import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from genlab.data import store
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.measures import likelihood
from genlab.evaluation.measures.likelihood import (
    compare_with_pixels,
    evaluate_density,
    file_metrics,
    independent_pixels_nll,
    sheets,
)
from genlab.evaluation.measures.parzen import parzen_log_likelihood
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.vae import VAE
from genlab.nn.noise import Chance
from tests.judging import judged


def binary(n: int, seed: int, share: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, 4, 4, 1)) < share).astype(np.uint8) * 255


def examples(images: np.ndarray) -> LabelledImages:
    names = [f"{number}" for number in range(len(images))]
    half = len(images) // 2
    table = pd.DataFrame({"id": names, "split": ["train"] * half + ["test"] * (len(images) - half), "label": ""})
    store = ImageStore(images, table.assign(checksum=names))
    return LabelledImages(table.assign(row=np.arange(len(images))), store, ())


def test_a_fair_coin_costs_one_bit_a_pixel() -> None:
    """A decoder that knows nothing says 16 log 2, whatever the image; so does the control, which has seen many."""
    model = VAE(image_size=4, channels=1, latent_dim=2, width=4)
    torch.nn.init.zeros_(model.decoder[0][-1].weight)
    torch.nn.init.zeros_(model.decoder[0][-1].bias)
    torch.nn.init.zeros_(model.encoder[1][-1].weight)
    torch.nn.init.zeros_(model.encoder[1][-1].bias)
    case = judged(model, examples(binary(4000, 0)), evaluation=EvaluationSettings(effort=3, resamples=20))
    metrics = {**evaluate_density(case), **compare_with_pixels(case)}
    assert metrics["nll_nats"] == pytest.approx(16 * math.log(2), rel=1e-5)
    assert metrics["negative_elbo_nats"] == pytest.approx(16 * math.log(2), rel=1e-5)
    assert metrics["bits_per_dim"] == pytest.approx(1.0, rel=1e-5)
    assert metrics["nll_nats_independent_pixels"] == pytest.approx(16 * math.log(2), rel=0.01)
    assert (metrics["nll_nats_kind"], metrics["bits_per_dim_kind"]) == ("bound, estimated", "bound, estimated")
    assert (metrics["nll_effort"], metrics["nll_levels"], metrics["nll_images"]) == (3, 2, 2000)


class Coins(VAE):
    """Says 16 log 2 of every image, by an arithmetic of its own."""

    def log_prob(self, x: torch.Tensor, rng: Chance, effort: int) -> torch.Tensor:
        return torch.full((len(x),), -16 * math.log(2))


def test_what_is_computed_has_no_effort_and_no_bound_by_one_draw() -> None:
    model = Coins(image_size=4, channels=1, latent_dim=2, width=4)
    model.density = ("exact", "computed")
    data = examples(binary(20, 0))
    one, other = (
        evaluate_density(judged(model, data, evaluation=EvaluationSettings(effort=k, resamples=20))) for k in (2, 3)
    )
    assert one["nll_nats_kind"] == "exact, computed"
    assert one["bits_per_dim"] == pytest.approx(1.0)
    assert not {"nll_effort", "negative_elbo_nats"} & set(one)
    assert one["nll_protocol_hash"] == other["nll_protocol_hash"]
    model.density = ("exact", "estimated")
    estimated = evaluate_density(judged(model, data, evaluation=EvaluationSettings(effort=2, resamples=20)))
    assert estimated["nll_effort"] == 2
    assert "negative_elbo_nats" not in estimated
    assert estimated["nll_protocol_hash"] != one["nll_protocol_hash"]


def test_protocols_differ_with_effort_and_levels() -> None:
    few, data = {"image_size": 4, "channels": 1, "latent_dim": 2, "width": 4}, examples(binary(20, 0))

    def name(effort: int, **arguments: str) -> object:
        settings = EvaluationSettings(effort=effort, resamples=20)
        return evaluate_density(judged(VAE(**few, **arguments), data, evaluation=settings))["nll_protocol_hash"]

    assert name(2) == name(2)
    assert len({name(2), name(3), name(2, pixels="discretised_logistic")}) == 3


@pytest.mark.parametrize("part", [3, 512])
def test_the_control_is_a_histogram_of_each_pixel(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PART", part)
    train = np.array([0, 0, 0, 255], dtype=np.uint8).reshape(4, 1, 1, 1)
    data = examples(np.concatenate([train, train])).split("train")
    both = np.array([0, 255], dtype=np.uint8).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(independent_pixels_nll(data, both, 2), [-math.log(4 / 6), -math.log(2 / 6)])
    levels = independent_pixels_nll(data, both, 256)
    np.testing.assert_allclose(levels, [-math.log(4 / 260), -math.log(2 / 260)])
    every = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
    assert np.exp(-independent_pixels_nll(data, every, 256)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_cannot_be_packed_and_what_repeats_can(channels: int) -> None:
    """Of noise, a file needs all of its bits, and a few for itself. In one sheet, images that are alike cost little."""
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, channels), dtype=np.uint8)
    noisy, same = file_metrics(noise, 256), file_metrics(np.repeat(noise[:1], 20, axis=0), 256)
    assert 8 <= min(noisy.values()) <= max(noisy.values()) < 8.5
    assert same["bits_per_dim_png"] > 8
    assert same["bits_per_dim_webp"] < 1
    wide = noise.astype(np.uint16) * 257
    assert file_metrics(wide, 256) == noisy, "16 bits are held against 256 levels"


def test_black_and_white_noise_costs_a_bit_and_grey_has_no_file() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (10, 64, 64, 1), dtype=np.uint8) * 255
    assert 1 <= file_metrics(noise, 2)["bits_per_dim_png"] < 1.3
    assert file_metrics(noise // 2, 2) == {}
    assert file_metrics(np.repeat(noise, 2, axis=3), 256) == {}


def test_files_are_made_once_for_the_same_images_and_levels(tmp_path: Path) -> None:
    model, cache = Coins(image_size=4, channels=1, latent_dim=2, width=4), Cache(tmp_path)
    black, found = binary(20, 0), {}
    for name, levels, images in (
        ("first", 2, black),
        ("again", 2, black),
        ("levels", 256, black),
        ("swapped", 2, black[::-1]),
    ):
        model.levels = levels
        found[name] = compare_with_pixels(judged(model, examples(images), cache=cache))["bits_per_dim_webp"]
        kept = len(list(tmp_path.glob("files-*")))
        assert kept == {"first": 1, "again": 1, "levels": 2, "swapped": 3}[name], "the order of a sheet counts"
    assert found["again"] == found["first"]


def test_sheets_hold_every_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.arange(1, 8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), dtype=np.uint8)
    (sheet,) = sheets(images)
    assert sheet[::2, ::3, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]
    assert sheet.shape == (6, 9, 1)
    monkeypatch.setattr(likelihood, "LARGEST_WEBP", 6)
    assert [part[::2, ::3, 0].tolist() for part in sheets(images)] == [[[1, 2], [3, 4]], [[5, 6], [7, 0]]]


def test_a_parzen_window_is_scipys_mixture() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    images, samples = rng.random((5, 3)), rng.random((7, 3))
    expected = [
        [np.log(np.mean([stats.multivariate_normal(s, h**2 * np.eye(3)).pdf(x) for s in samples])) for h in (0.1, 0.5)]
        for x in images
    ]
    np.testing.assert_allclose(parzen_log_likelihood(images, samples, np.array([0.1, 0.5])), expected, rtol=1e-6)


def test_the_window_is_chosen_on_validation_images() -> None:
    from genlab.evaluation.measures.parzen import evaluate_parzen

    images = binary(60, 0)
    data = examples(images)
    drawn = VAE(image_size=4, channels=1, latent_dim=2, width=4)
    settings = EvaluationSettings(parzen_samples=20)
    found = evaluate_parzen(judged(drawn, data, evaluation=settings))
    assert found["parzen_nats_kind"] == "historic"
    assert found["parzen_samples"] == 20
    assert np.isfinite(found["parzen_nats"])


def test_centres_of_clusters_beat_the_images_that_they_are_made_of() -> None:
    """Two bright spots with noise around them: two centres say more of new images than as many, or more, old ones."""
    from genlab.evaluation.measures.parzen import evaluate_parzen

    rng = np.random.default_rng(0)
    spots = np.where(rng.random((400, 1, 1, 1)) < 0.5, 60, 190) + rng.normal(0, 25, (400, 4, 4, 1))
    data = examples(spots.round().clip(0, 255).astype(np.uint8))
    drawn = VAE(image_size=4, channels=1, latent_dim=2, width=4)
    found = evaluate_parzen(judged(drawn, data, evaluation=EvaluationSettings(parzen_samples=4)))
    assert found["parzen_nats_kmeans"] > found["parzen_nats_train"] + 1
