"""The likelihood of a model that knows energies, against all images there are."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.evaluation.measures.energy import evaluate_energy
from genlab.evaluation.measures.likelihood import compare_with_pixels, evaluate_density, likelihood_metrics
from genlab.evaluation.registry import measure
from genlab.evaluation.settings import EvaluationSettings
from genlab.nn.noise import Chance
from tests.judging import judged
from tests.models.toys import EVERY, Ising, Raster


@pytest.fixture
def examples() -> LabelledImages:
    """All sixteen images, in training and in test."""
    images = ((np.concatenate([EVERY, EVERY]) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    table = pd.DataFrame({"id": [f"{i}" for i in range(32)], "split": ["train"] * 16 + ["test"] * 16, "label": ""})
    return LabelledImages(table.assign(row=range(32)), ImageStore(images, table.assign(checksum=table["id"])), ())


def energies(pair: float = 0.7, alone: float = -0.4) -> np.ndarray:
    """Of each image, written out pixel by pixel."""
    found = []
    for (a, b), (c, d) in EVERY[:, 0]:
        found.append(-pair * (a * b + c * d + a * c + b * d) - alone * (a + b + c + d))
    return np.array(found)


def test_the_likelihood_is_the_one_added_up_over_all_images(examples: LabelledImages) -> None:
    log_z = math.log(np.exp(-energies()).sum())
    model = Ising()
    found = measure.run(judged(model, examples, evaluation=EvaluationSettings(effort=20_000, resamples=200)))
    assert model.asked == 1, "once for each evaluation"
    error = found["log_partition_nats_error"]
    assert 0 < error < 0.03
    assert found["log_partition_nats"] == pytest.approx(log_z, abs=3 * error)
    assert found["log_partition_nats"] != log_z
    assert found["nll_nats"] == pytest.approx((energies() + log_z).mean(), abs=3 * error)
    assert found["bits_per_dim"] == pytest.approx(found["nll_nats"] / math.log(2) / 4)
    assert found["nll_nats_independent_pixels"] == pytest.approx(4 * math.log(2)), "each pixel is as often white"
    assert (found["nll_nats_kind"], found["nll_effort"], found["nll_levels"]) == ("exact, estimated", 20_000, 2)


class Doubtful(Ising):
    def log_partition(self, rng: Chance, effort: int, temperatures: int) -> list[tuple[float, float]]:
        self.temperatures = temperatures
        return [*super().log_partition(rng, effort, temperatures), (1.0, 0.1)]


def test_estimates_that_disagree_are_warned_of_in_one_line(
    examples: LabelledImages, caplog: pytest.LogCaptureFixture
) -> None:
    model, settings = Doubtful(), EvaluationSettings(effort=400, resamples=9, temperatures=7)
    found = evaluate_energy(judged(model, examples, evaluation=settings))
    assert model.temperatures == 7
    assert found["log_partition_nats_apart"] == pytest.approx(found["log_partition_nats"] - 1)
    [record] = caplog.records
    assert re.fullmatch(
        r"Doubtful: estimates of log Z disagree, 4\.\d\d \u00b1 0\.\d\d and 1\.00 \u00b1 0\.10 nats: "
        r"raise evaluation\.temperatures \(7\)", record.getMessage(),
    )  # fmt: skip
    caplog.clear()
    evaluate_energy(judged(Ising(), examples, evaluation=settings))
    assert caplog.records == []


def test_the_standard_error_is_the_scatter_over_seeds(examples: LabelledImages) -> None:
    cases = [
        judged(Ising(), examples, evaluation=EvaluationSettings(effort=400, resamples=9, seed=s)) for s in range(60)
    ]
    few = [evaluate_energy(case) for case in cases]
    scatter = np.std([found["log_partition_nats"] for found in few])
    assert np.mean([found["log_partition_nats_error"] for found in few]) == pytest.approx(scatter, rel=0.3)


def test_an_error_that_all_images_share_widens_the_interval(examples: LabelledImages) -> None:
    case, nll = judged(Ising(), examples, evaluation=EvaluationSettings(resamples=100)), energies()
    sure, unsure = (likelihood_metrics(case, nll, error) for error in (0.0, 0.5))
    assert sure["nll_nats"] == unsure["nll_nats"] == pytest.approx(nll.mean())
    for end in ("nll_nats_low", "nll_nats_high"):
        half = math.hypot(sure[end] - sure["nll_nats"], 1.96 * 0.5)
        assert abs(unsure[end] - unsure["nll_nats"]) == pytest.approx(half)
    assert unsure["nll_nats_low"] < sure["nll_nats_low"] < sure["nll_nats_high"] < unsure["nll_nats_high"]


def test_a_model_with_energies_gets_the_numbers_of_one_that_scores_density(examples: LabelledImages) -> None:
    settings = EvaluationSettings(effort=9, resamples=20)
    case = judged(Raster(), examples, evaluation=settings)
    scores = {**evaluate_density(case), **compare_with_pixels(case)}
    has = measure.run(judged(Ising(), examples, evaluation=settings))
    assert set(scores) < set(has)
    assert set(has) - set(scores) == {"nll_effort", "log_partition_nats", "log_partition_nats_error"}
    assert scores["nll_nats_kind"] == "exact, computed"
    assert scores["nll_nats_independent_pixels"] == has["nll_nats_independent_pixels"]
    assert scores["nll_protocol_hash"] != has["nll_protocol_hash"]
