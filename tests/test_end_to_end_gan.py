"""`kedro run` of the GANs, for real: samples, figures, scores, alarms; and what is refused before work starts."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from PIL import Image

from genlab.training.checkpoint import Checkpoint
from tests.test_end_to_end import assert_no_work, newest, runs

Kedro = Callable[..., Result]


@pytest.mark.parametrize("model", ["gan", "dcgan"])
def test_a_run_draws_scores_and_reports(model: str, kedro: Kedro, data_root: Path, mlflow_uri: str) -> None:
    result = kedro(f"--pipelines={model}", **{"sample.count": 20, "evaluation.features": "true"})
    assert result.exit_code == 0, result.output
    drawn = sorted((newest(data_root / f"07_model_output/{model}/samples") / "samples").iterdir())
    assert len(drawn) == 20
    assert Image.open(drawn[0]).size == (32, 32)
    figures = newest(data_root / f"08_reporting/{model}/figures")
    assert {"samples.png", "interpolations.png", "nearest_train.png", "classes.png"} <= {
        path.name for path in figures.iterdir()
    }
    history = pd.read_parquet(newest(data_root / f"08_reporting/{model}/history.parquet"))
    scores = history["validation/score"].dropna()
    assert np.isfinite(scores).all()
    best = Checkpoint.read(newest(data_root / f"06_models/{model}/checkpoint.pt")).chosen("best")
    assert best.step == history["step"][scores.idxmin()]
    logged = runs(mlflow_uri)[-1].data.metrics
    assert logged["validation/score"] == pytest.approx(scores.iloc[-1])
    assert "validation/diversity" in logged
    metrics = json.loads(newest(data_root / f"08_reporting/{model}/metrics.json").read_text())
    assert metrics["train_seconds"] > 0
    assert metrics["fd_lite0_untrained"] > 0
    assert 1 <= metrics["classes_covered"] <= 10


def test_an_alarm_is_said_and_recorded_and_the_run_ends_well(
    kedro: Kedro, mlflow_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"gan.model.latent_dim": 1, "gan.model.width": 1, "training.steps": 100, "training.score_every": 20}
    result = kedro("--pipelines=gan", **{**broken, "sample.count": 20, "evaluation.features": "false"})
    assert result.exit_code == 0, result.output
    run = runs(mlflow_uri)[-1]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["train/alarm_generator_collapsed"] == 1
    assert "drawings differ from each other 0%" in run.data.tags["alarm.generator_collapsed"]
    said = [record.message for record in caplog.records if "generator collapsed at step" in record.message]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        (
            "dcgan",
            {"data.image_size": 48},
            "dcgan cannot halve images of 48 pixels down to 4: set data.image_size to 32 or 64",
        ),
        ("dcgan", {"dcgan.model.loss": "hinged"}, "parameter dcgan.model.loss is 'hinged'"),
        ("gan", {"gan.model.noise": "cauchy"}, "parameter gan.model.noise is 'cauchy'"),
        ("gan", {"training.score_every": 0}, "parameter training.score_every"),
    ],
)
def test_what_cannot_be_is_refused_before_work_starts(
    model: str, parameters: dict[str, object], message: str, kedro: Kedro, data_root: Path
) -> None:
    result = kedro(f"--pipelines={model}", **parameters)
    assert result.exit_code == 1
    assert message in result.output
    assert_no_work(data_root)
