"""`kedro run` for real, in this process: artifacts, MLflow, and everything a person can get wrong."""

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.io
import pytest
import torch
from click.testing import Result
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from genlab.io.drawings import DrawingsDataset
from genlab.training.checkpoint import Checkpoint
from tests.conftest import PROJECT, Swept, run_alone
from tests.training.test_checkpoint import Bomb

Kedro = Callable[..., Result]


def runs(uri: str) -> list[Run]:
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, order_by=["attributes.start_time"]))


def newest(folder: Path) -> Path:
    """The newest version of a versioned entry."""
    version = max(folder.iterdir())
    return version / folder.name


def fails(result: Result, uri: str, message: str) -> None:
    """One clear line, a non-zero exit, a FAILED run in MLflow that knows why."""
    assert result.exit_code == 1, result.output
    error = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(error) == 1, result.output
    assert message in error[0]
    assert "Traceback" not in result.output
    run = runs(uri)[-1]
    assert run.info.status == "FAILED"
    assert message in run.data.tags["error"]


def assert_no_work(data_root: Path) -> None:
    """Nothing but what the tests have ingested before."""
    assert sorted(path.name for path in data_root.iterdir()) == ["01_raw", "02_intermediate", "03_primary"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, ingested: Path, empty_mlflow: Path) -> Swept:
    """One run, which the tests only read. What damages something works on a copy."""
    root = Path(shutil.copytree(ingested, tmp_path_factory.mktemp("finished") / "data"))
    return run_alone(root, empty_mlflow, ["run", "--pipelines=pix2pix", "--env=test"])


def test_a_run_leaves_everything_where_it_says(finished: Swept) -> None:
    data_root = finished.root
    reporting = data_root / "08_reporting/pix2pix"
    metrics = json.loads(newest(reporting / "metrics.json").read_text())
    for key in ("l1", "psnr", "ssim"):
        for suffix in ("", "_low", "_high", "_mean_image", "_random_image", "_input"):
            assert np.isfinite(metrics[key + suffix])
    assert metrics["l1_mean_image"] == pytest.approx(0.129, abs=0.002)
    assert metrics["images_seen"] == 24
    assert metrics["train_seconds"] > 0
    assert metrics["test_images"] == 600

    checkpoint = Checkpoint.read(newest(data_root / "06_models/pix2pix/checkpoint.pt"))
    assert checkpoint.step == 6
    translations = sorted((newest(data_root / "07_model_output/pix2pix/translations") / "a_to_b").iterdir())
    assert len(translations) == 600
    assert Image.open(translations[0]).size == (32, 32)
    grid = Image.open(newest(reporting / "figures") / "translations.png")
    assert min(grid.size) > 60
    figure = plotly.io.from_json(newest(reporting / "curves.json").read_text())
    losses = {"d_real", "d_fake", "g_adversarial", "g_l1", "train_l1"}
    assert {trace.name for trace in figure.data} == {*losses, "score", "untrained"}
    pairs = pd.read_parquet(data_root / "05_model_input/pairs")
    sizes = pairs.groupby("split").size()
    assert sizes["test"] == 600
    assert sizes["train"] + sizes["val"] == 3600
    assert 0.04 < sizes["val"] / 3600 < 0.06
    assert not list((data_root / "06_models/pix2pix/snapshots").iterdir()), "a finished run leaves no snapshots"
    for name in ("checkpoint.pt", "metrics.json", "translations.png"):
        assert name.split(".")[0] in finished.output
    assert finished.uri in finished.output


def test_mlflow_knows_the_run(finished: Swept) -> None:
    data_root, mlflow_uri = finished.root, finished.uri
    (run,) = runs(mlflow_uri)
    assert run.info.status == "FINISHED"
    parameters = run.data.params
    assert parameters["model.generator_width"] == "4"
    assert parameters["training.steps"] == "6"
    assert parameters["training.betas"] == "(0.5, 0.999)"
    assert parameters["data.edges.sigma"] == "1.0"
    assert parameters["seed"] == "0"
    metrics = json.loads(newest(data_root / "08_reporting/pix2pix/metrics.json").read_text())
    assert run.data.metrics["test/l1"] == pytest.approx(metrics["l1"])
    tags = run.data.tags
    assert len(tags["mlflow.source.git.commit"]) >= 7
    assert tags["kedro.save_version"] == max((data_root / "08_reporting/pix2pix/metrics.json").iterdir()).name
    assert tags["kedro.env"] == "test"
    assert tags["mlflow.source.name"].startswith("kedro run --pipelines=pix2pix")
    learned_from = run.inputs.dataset_inputs[0].dataset
    trained = (pd.read_parquet(data_root / "05_model_input/pairs")["split"] == "train").sum()
    assert (learned_from.name, learned_from.source) == ("fashion_mnist", f"{trained} pairs")
    assert learned_from.digest == tags["data_fingerprint"]
    client = MlflowClient(mlflow_uri)
    curve = client.get_metric_history(run.info.run_id, "train/g_l1")
    assert [point.step for point in curve] == [2, 4, 6]
    images = [item.path for item in client.list_artifacts(run.info.run_id, "images")]
    for step in (4, 6):
        assert any(f"train~drawings+step+{step}+" in path for path in images)
    assert {item.path for item in client.list_artifacts(run.info.run_id)} >= {"figures", "curves", "metrics"}


def test_the_same_seed_gives_the_same_metrics(finished: Swept, kedro: Kedro, data_root: Path) -> None:
    first = json.loads(newest(finished.root / "08_reporting/pix2pix/metrics.json").read_text())
    for seed in (0, 6):
        assert kedro("--to-nodes=pix2pix.evaluate", seed=seed).exit_code == 0
        again = json.loads(newest(data_root / "08_reporting/pix2pix/metrics.json").read_text())
        differ = {name for name in first if "second" not in name and first[name] != again[name]}
        assert ("l1" in differ) == bool(differ) == (seed != 0)


def test_pipeline_and_pipelines_both_work(kedro: Kedro) -> None:
    result = kedro("--pipeline=pix2pix", "--to-nodes=data.ingest")
    assert result.exit_code == 0, result.output


def test_wrong_parameters_and_environments(kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    fails(kedro(**{"training.stpes": 3}), mlflow_uri, "unknown parameter training.stpes; did you mean 'steps'?")
    fails(kedro(**{"pix2pix.model.objective": "wgan"}), mlflow_uri, "objective is 'wgan': it should be 'l1', 'gan'")
    fails(kedro(**{"data.image_size": 30}), mlflow_uri, "cannot halve images of 30 pixels")
    fails(kedro("--env=tset"), mlflow_uri, "there is no environment 'tset'")
    assert_no_work(data_root)


def test_a_corrupt_and_a_missing_raw_file(kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    path = data_root / "01_raw/fashion_mnist/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100_000])
    fails(kedro(), mlflow_uri, f"{path} is damaged")
    path.unlink()
    fails(kedro(), mlflow_uri, f"{path} is missing; fetch or restore it")


def test_a_hostile_checkpoint(finished: Swept, kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    shutil.copytree(finished.root, data_root, dirs_exist_ok=True)
    touched = data_root / "touched"
    torch.save({"model": Bomb(touched)}, newest(data_root / "06_models/pix2pix/checkpoint.pt"))
    fails(kedro("--from-nodes=pix2pix.draw"), mlflow_uri, "checkpoint.pt is not what was saved")
    assert not touched.exists()


def test_a_loss_that_diverges(kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    result = kedro(**{"pix2pix.training.learning_rate": "1.0e+30", "training.steps": 40})
    fails(result, mlflow_uri, "training diverged: ")
    assert not (data_root / "06_models/pix2pix/checkpoint.pt").exists()


def test_a_disk_that_fills_up_while_saving(
    kedro: Kedro, mlflow_uri: str, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third snapshot finds no space; the second stays, and the next run goes on from it."""
    real, saved = os.fsync, []

    def full(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if "step_" in name:
            saved.append(name)
            if len(saved) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    if not sys.platform.startswith("linux"):
        pytest.skip("finds the file behind a descriptor in /proc")
    monkeypatch.setattr(os, "fsync", full)
    fails(kedro(), mlflow_uri, "No space left on device")
    (run,) = (data_root / "06_models/pix2pix/snapshots").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["best.pt", "step_00000002.pt", "step_00000004.pt"]
    monkeypatch.setattr(os, "fsync", real)
    result = kedro()
    assert result.exit_code == 0, result.output
    resumed = runs(mlflow_uri)[-1]
    assert resumed.data.tags["resumed_from_step"] == "4"
    curve = MlflowClient(mlflow_uri).get_metric_history(resumed.info.run_id, "train/g_l1")
    assert [point.step for point in sorted(curve, key=lambda p: p.step)] == [2, 4, 6], "the curve is whole"


def test_a_checkpoint_that_cannot_be_saved_does_not_cost_the_training(
    kedro: Kedro, mlflow_uri: str, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Checkpoint.write

    def full(self: Checkpoint, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Checkpoint, "write", full)
    assert kedro().exit_code == 1
    monkeypatch.setattr(Checkpoint, "write", real)
    steps: list[int] = []
    monkeypatch.setattr("genlab.training.progress.ProgressBar.show", lambda self, progress: steps.append(progress.step))
    assert kedro().exit_code == 0
    assert steps == [], "the finished training is not done again"


def test_mlflow_out_of_reach_does_not_stop_the_work(
    kedro: Kedro, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = kedro()
    assert result.exit_code == 0, result.output
    assert newest(data_root / "08_reporting/pix2pix/metrics.json").exists()


def test_ctrl_c_closes_the_run_and_says_where_it_goes_on(
    kedro: Kedro, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from genlab.training import trainer

    real = trainer.require_finite

    def interrupted(values: list[dict[str, torch.Tensor]], first_step: int) -> None:
        if first_step == 4:
            signal.raise_signal(signal.SIGINT)
        real(values, first_step)

    monkeypatch.setattr(trainer, "require_finite", interrupted)
    result = kedro()
    assert result.exit_code == 128 + signal.SIGINT
    assert "the next run goes on from step 4 of 6" in caplog.text
    assert runs(mlflow_uri)[-1].info.status == "KILLED"


def test_figures_are_previewed_by_kedro_viz(finished: Swept) -> None:
    from kedro.io import Version

    figures = DrawingsDataset(filepath=str(finished.root / "08_reporting/pix2pix/figures"), version=Version(None, None))
    assert len(figures.preview()) > 1000


def save_pictures(folder: Path, count: int, size: tuple[int, int] = (40, 40)) -> None:
    """Coloured noise that differs from file to file, as PNGs."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(str(folder)))
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / f"scene{number:02d}.png")


def test_ones_own_pairs_of_folders(kedro: Kedro, data_root: Path, tmp_path: Path) -> None:
    for side in "ab":
        save_pictures(tmp_path / "mine" / side, 30)
    result = kedro(**{"data.source": tmp_path / "mine"})
    assert result.exit_code == 0, result.output
    drawn = newest(data_root / "07_model_output/pix2pix/translations") / "a_to_b"
    names = {path.stem for path in drawn.iterdir()}
    assert names <= {f"scene{n:02d}" for n in range(30)}
    assert Image.open(next(drawn.iterdir())).mode == "RGB"
    [report] = json.loads((data_root / "08_reporting/data/report.json").read_text()).values()
    assert report["domains"] == {"a": 30, "b": 30}
    assert report["layout"] == "two_folders"


def test_too_many_bad_files_stop_the_run_before_training_and_the_report_is_there(
    kedro: Kedro, data_root: Path, mlflow_uri: str, tmp_path: Path
) -> None:
    for side in "ab":
        save_pictures(tmp_path / "mine" / side, 30)
    (tmp_path / "mine/a/scene03.png").write_bytes(b"no picture")
    fails(kedro(**{"data.source": tmp_path / "mine"}), mlflow_uri, "scene03.png")
    [report] = json.loads((data_root / "08_reporting/data/report.json").read_text()).values()
    assert [one["source"] for one in report["rejected"]] == ["a/scene03.png"]
    assert report["without_partner"] == {"a": [], "b": ["b/scene03.png"]}
    assert not (data_root / "06_models").exists()
    assert kedro(**{"data.source": tmp_path / "mine", "data.max_rejected": 0.1}).exit_code == 0


def test_the_pipeline_of_data_trains_nothing_and_unpairs(kedro: Kedro, data_root: Path, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        save_pictures(tmp_path / "mine" / label, 20)
    result = kedro("--pipelines=data", **{"data.source": tmp_path / "mine"})
    assert result.exit_code == 0, result.output
    pairs = pd.read_parquet(data_root / "05_model_input/pairs")
    domains = pd.read_parquet(data_root / "05_model_input/domains")
    assert len(pairs) == 40, "edges are derived from any images"
    assert set(domains["domain"]) == {"a", "b"}
    [sheet] = (data_root / "08_reporting/data/contact_sheet").iterdir()
    assert Image.open(sheet).width > 100
    assert not (data_root / "06_models").exists()


def test_the_emoji_environment_draws_in_colour(kedro: Kedro, data_root: Path) -> None:
    shutil.copytree(PROJECT / "data/01_raw/emoji_pairs", data_root / "01_raw/emoji_pairs")
    small = {
        "training.steps": 2,
        "training.batch_size": 2,
        "pix2pix.model.generator_width": 4,
        "training.picture_every": 2,
    }
    result = kedro("--env=emoji", **small)
    assert result.exit_code == 0, result.output
    metrics = json.loads(newest(data_root / "08_reporting/pix2pix/metrics.json").read_text())
    assert metrics["test_images"] == 101
    assert metrics["l1_input"] < metrics["l1_random_image"], "the two styles draw the same things"
