"""`kedro run --pipelines=autoencoder` for real, and what a person can get wrong with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import Result
from mlflow import MlflowClient
from PIL import Image

from tests.test_end_to_end import fails, newest, runs

Kedro = Callable[..., Result]


def test_a_run_leaves_metrics_figures_and_studies(kedro: Kedro, data_root: Path, mlflow_uri: str) -> None:
    result = kedro("--pipelines=autoencoder")
    assert result.exit_code == 0, result.output
    reporting = data_root / "08_reporting/autoencoder"
    metrics = json.loads(newest(reporting / "metrics.json").read_text())
    for key in ("mse", "psnr", "ssim"):
        for suffix in ("", "_low", "_high", "_mean_image", "_pca"):
            assert np.isfinite(metrics[key + suffix]), key + suffix
    assert metrics["latent_dim"] == 3
    assert metrics["mse_pca"] < metrics["mse_mean_image"]
    for folder, figure in (
        ("figures", "reconstructions"), ("figures", "latents"), ("classifier_figures", "classifiers"),
        ("dimension_figures", "dimensions"),
    ):  # fmt: skip
        assert min(Image.open(newest(reporting / folder) / f"{figure}.png").size) > 100
    study = pd.read_csv(newest(reporting / "classifier_study.csv"))
    assert study.groupby(["method", "labels"]).size().to_dict() == {
        (method, labels): 2 for method in ("fine_tuned", "from_scratch", "frozen", "pixels") for labels in (10, 40, 60)
    }
    sweep = pd.read_csv(newest(reporting / "dimension_study.csv"))
    assert set(sweep["latent_dim"]) == {2, 3, 5}
    assert len(list((newest(data_root / "07_model_output/autoencoder/samples") / "reconstructions").iterdir())) == 2000

    (run,) = runs(mlflow_uri)
    assert run.info.status == "FINISHED"
    numbers = json.loads(newest(reporting / "classifier_metrics.json").read_text())
    assert (
        run.data.metrics["test/classifier_study_accuracy_frozen_all"] == numbers["classifier_study_accuracy_frozen_all"]
    )
    assert run.data.metrics["test/mse"] == metrics["mse"]
    client = MlflowClient(mlflow_uri)
    images = [item.path for item in client.list_artifacts(run.info.run_id, "images")]
    for figure in ("reconstructions", "latents", "classifiers", "dimensions"):
        assert any(f"test~{figure}+" in path for path in images), figure
    assert any(point.step == 4 for point in client.get_metric_history(run.info.run_id, "validation/score"))


def test_images_without_labels_skip_the_classifiers_and_nothing_else(
    kedro: Kedro, data_root: Path, mlflow_uri: str, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(folder / f"{number}.png")
    result = kedro("--pipelines=autoencoder", **{"data.source": folder})
    assert result.exit_code == 0, result.output
    reporting = data_root / "08_reporting/autoencoder"
    reason = json.loads(newest(reporting / "classifier_metrics.json").read_text())["classifier_study"]
    assert "at least two labels, and the train split has 0" in reason
    assert newest(reporting / "classifier_study.csv").read_text().strip() == "method,labels,seed,accuracy"
    assert not list(newest(reporting / "classifier_figures").iterdir())
    metrics = json.loads(newest(reporting / "metrics.json").read_text())
    assert np.isfinite(metrics["mse_pca"])
    assert (newest(reporting / "figures") / "latents.png").is_file()
    (run,) = runs(mlflow_uri)
    assert run.info.status == "FINISHED"
    assert run.data.tags["classifier_study"] == reason
    shutil.rmtree(folder)


def test_codes_that_are_no_bottleneck_are_refused_before_work_starts(kedro: Kedro, mlflow_uri: str) -> None:
    start = "--pipelines=autoencoder"
    fails(kedro(start, **{"autoencoder.model.latent_dim": 0}), mlflow_uri, "latent_dim is 0: it should be greater")
    fails(kedro(start, **{"autoencoder.model.latent_dim": 1024}), mlflow_uri, "latent_dim is 1024: a code must be")
    fails(kedro(start, **{"data.image_size": 30}), mlflow_uri, "cannot halve images of 30 pixels")
    fails(
        kedro(start, **{"autoencoder.model.generation": "cnn"}), mlflow_uri, "it should be 'linear', 'deep' or 'conv'"
    )
    for given, message in (("[0]", "dimensions.0 is 0"), ("[]", "at least 1 item")):
        fails(kedro(start, **{"evaluation.dimension.dimensions": given}), mlflow_uri, message)
