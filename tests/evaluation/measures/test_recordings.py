"""The controls of sound in mu-law levels: distributions that sum to one, and processes whose bits are known."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.measures import recordings
from genlab.evaluation.measures.likelihood import evaluate_density
from genlab.evaluation.measures.recordings import (
    EDGES,
    LinearPrediction,
    amplitudes,
    compare_with_codes,
    flac_bits,
    histogram_bits,
    pair_bits,
    recordings_of,
)
from genlab.models.base import ScoresDensity
from genlab.nn.mu_law import LEVELS, encode_mu_law
from genlab.nn.noise import Chance
from tests.judging import judged
from tests.models.toys import Toy
from tests.sounds import sounds, tones


def levels_of(x: np.ndarray) -> np.ndarray:
    return encode_mu_law(torch.from_numpy(x)).numpy()


def test_levels_are_read_without_padding() -> None:
    x = [np.random.default_rng(n).uniform(-1, 1, 50 + 10 * n) for n in range(3)]
    found = recordings_of(sounds(x, ["train"] * 3, length=100))
    assert [len(level) for level in found] == [50, 60, 70]
    for one, level in zip(x, found, strict=True):
        assert np.abs(level - levels_of(one)).max() <= 1  # rounded to 16 bits in between


def test_a_histogram_counts_one_more_than_what_was_found() -> None:
    bits = histogram_bits([np.array([3, 3, 7]), np.array([7, 3])])(np.arange(LEVELS))
    assert np.exp2(-bits).sum() == pytest.approx(1)
    assert bits[[3, 7, 0]].tolist() == pytest.approx([math.log2(261 / n) for n in (4, 3, 1)])


def test_pairs_are_a_distribution_behind_every_level_and_know_what_alternates() -> None:
    train = [np.tile([10, 20], 500), np.array([5, 5, 6])]
    bits = pair_bits(train)
    for before in (10, 5, 6, 200):
        both = np.stack([np.full(LEVELS, before), np.arange(LEVELS)], axis=1)
        assert sum(np.exp2(-bits(pair)[1]) for pair in both) == pytest.approx(1)
    assert sum(np.exp2(-bits(np.array([first]))[0]) for first in range(LEVELS)) == pytest.approx(1)
    assert bits(np.tile([10, 20], 50))[1:].max() < 0.01
    assert bits(np.array([10, 10]))[1] > 8


def process(length: int, scale: float, seed: int = 0) -> np.ndarray:
    """Each sample is 1.6 times the last less 0.8 times the one before it, and noise of that scale."""
    noise = np.random.default_rng(seed).standard_normal(length)
    return scale * lfilter([1.0], [1.0, -1.6, 0.8], noise)


def test_linear_prediction_is_a_distribution_over_levels() -> None:
    x = levels_of(process(300, 0.02))
    control = LinearPrediction.of([x])
    low, high = EDGES[:-1, None], EDGES[1:, None]
    np.testing.assert_allclose(control.probabilities(x, low, high).sum(axis=0), 1, rtol=1e-9)


def test_linear_prediction_finds_the_process_and_its_bits() -> None:
    """The bits are the entropy of the noise, less that of a level's width, as far as levels are narrow."""
    scale, x = 0.05, process(20_000, 0.05)
    level = levels_of(x)
    control = LinearPrediction.of([level])
    np.testing.assert_allclose(control.weights, [1.6, -0.8, 0, 0], atol=0.05)
    width = np.diff(np.concatenate([[-1], EDGES[1:-1], [1]]))[level]
    wanted = 0.5 * np.log2(2 * np.pi * np.e * scale**2) - np.log2(width).mean()
    assert control(level).mean() == pytest.approx(wanted, abs=0.1)
    assert control(level).mean() < min(histogram_bits([level])(level).mean(), pair_bits([level])(level).mean())


def test_the_scale_of_the_residual_follows_the_recording() -> None:
    """One recording is thirty times as loud as the other. By one scale for both, either would cost bits more."""
    loud, quiet = levels_of(process(4000, 0.06)), levels_of(process(4000, 0.002, seed=1))
    alone = [LinearPrediction.of([one])(one)[200:].mean() for one in (loud, quiet)]
    both = LinearPrediction.of([loud, quiet])
    residual = np.array([1.0, 0.0])
    assert both.variances(residual).tolist() == pytest.approx([both.start, both.decay * both.start + 1 - both.decay])
    assert both.start == pytest.approx(np.mean([(amplitudes(one[:80]) ** 2).mean() for one in (loud, quiet)]))
    assert [both(one)[200:].mean() for one in (loud, quiet)] == pytest.approx(alone, abs=0.25)


def test_a_prediction_never_sees_what_comes() -> None:
    x = levels_of(process(200, 0.02))
    control = LinearPrediction.of([x])
    changed = x.copy()
    changed[120] = 255 - changed[120]
    assert (control(x) != control(changed)).nonzero()[0].min() == 120


def test_noise_cannot_be_packed_and_silence_can() -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, LEVELS, 5000) for _ in range(4)]
    assert 8 <= flac_bits(noise, 8000) / 20_000 < 8.6  # the head has some kilobytes
    assert flac_bits([np.full(5000, 128)] * 4, 8000) < flac_bits(noise, 8000) / 3


class Fair(Toy, ScoresDensity):
    """Every level is as likely as any other."""

    density, levels = ("exact", "computed"), LEVELS

    def log_prob(self, x: torch.Tensor, rng: Chance, effort: int) -> torch.Tensor:
        return -math.log(LEVELS) * x.isfinite().sum(dim=(1, 2))


@pytest.fixture(scope="module")
def heard() -> LabelledImages:
    return tones(3)


class Guesses(Fair):
    """Says 8 bits of each level of a quiet recording, and one of each of a loud one."""

    def log_prob(self, x: torch.Tensor, rng: Chance, effort: int) -> torch.Tensor:
        loud = x.nan_to_num().abs().amax(dim=(1, 2)) > 0.2
        return -x.isfinite().sum(dim=(1, 2)) * torch.where(loud, 1, 8) * math.log(2)


def test_bits_are_the_sum_over_all_levels_by_their_number(heard: LabelledImages) -> None:
    found, test = evaluate_density(judged(Guesses(), heard)), heard.split("test")
    lengths, loud = np.array([len(level) for level in recordings_of(test)]), test.table["group"] == "loud"
    assert found["bits_per_dim"] == pytest.approx(np.average(np.where(loud, 1, 8), weights=lengths), rel=1e-6)
    assert found["bits_per_dim"] != pytest.approx(np.where(loud, 1, 8).mean(), rel=1e-4)
    assert (found["bits_per_dim_of_loud"], found["bits_per_dim_of_quiet"]) == pytest.approx((1, 8))


def test_bits_are_of_the_levels_there_are(heard: LabelledImages) -> None:
    found = evaluate_density(judged(Fair(), heard))
    lengths = [len(level) for level in recordings_of(heard.split("test"))]
    assert len(set(lengths)) > 5
    assert found["nll_nats"] == pytest.approx(np.mean(lengths) * math.log(LEVELS), rel=1e-6)
    for name in ("bits_per_dim", "bits_per_dim_low", "bits_per_dim_high", "bits_per_dim_of_loud"):
        assert found[name] == pytest.approx(8, rel=1e-6)
    assert found["nll_nats_low"] < found["nll_nats"] < found["nll_nats_high"]


def test_controls_are_fitted_to_training_recordings_and_stand_beside_each_group(
    heard: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare_with_codes(judged(Fair(), heard))
    train, test = (recordings_of(heard.split(split)) for split in ("train", "test"))
    every, control = np.concatenate(test), histogram_bits(train)
    assert found["bits_per_dim_level_histogram"] == pytest.approx(control(every).mean())
    loud = [level for level, group in zip(test, heard.split("test").table["group"], strict=True) if group == "loud"]
    assert found["bits_per_dim_level_histogram_of_loud"] == pytest.approx(control(np.concatenate(loud)).mean())
    kinds, of = ("level_histogram", "level_pairs", "linear_prediction"), ("", "_of_loud", "_of_quiet")
    wanted = {f"bits_per_dim_{kind}{group}" for kind, group in itertools.product(kinds, of)}
    assert found.keys() == {*wanted, "bits_per_dim_flac"}
    assert found["bits_per_dim_flac"] == pytest.approx(flac_bits(test, 8000) / len(every))
    monkeypatch.setattr(Fair, "levels", 2)
    assert compare_with_codes(judged(Fair(), heard)) == {}


def test_edges_lie_between_levels() -> None:
    middle = amplitudes(np.arange(LEVELS))
    assert ((EDGES[:-1] < middle) & (middle < EDGES[1:])).all()
    assert recordings.ORDER == 4
