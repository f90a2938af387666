"""A sweep, the comparison, and a run made again, through the commands."""

import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image
from scipy import stats

import genlab.experiments.reproduce
from genlab.cli import cli
from genlab.errors import GenlabError
from genlab.experiments.reproduce import code_of
from genlab.experiments.sweep import read_lists, variant_of
from genlab.io.drawings import DrawingsDataset
from genlab.models import MODELS
from genlab.pipeline_registry import register_pipelines
from genlab.tracking.runs import PICTURE_SIZE, FinishedRun, read_pictures, read_run, read_runs
from tests.conftest import PROJECT, Gate, Swept
from tests.experiments.test_leaderboard import whole

Kedro = Callable[..., Result]


def made_by_hand(uri: str, model: str = "pix2pix", seed: int = 0, **given: Any) -> str:
    """A finished run, as another program might have left it; its id. `given` are metrics and tags."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("genlab")
    place = experiment.experiment_id if experiment else client.create_experiment("genlab")
    tags = {"model": model, "dataset": "set", "seed": str(seed), "data_fingerprint": "f1", "lineage": whole(model)}
    tags |= {name: text for name, text in given.items() if isinstance(text, str)}
    run = client.create_run(place, tags=tags, run_name=given.get("name", f"{model}-{seed}"))
    for name, value in given.items():
        if isinstance(value, float):
            client.log_metric(run.info.run_id, name, value)
    client.set_terminated(run.info.run_id)
    return run.info.run_id


def compare(kedro: Kedro, **parameters: object) -> Result:
    return kedro("--pipelines=compare", **parameters)


def board(root: Path) -> pd.DataFrame:
    return pd.read_parquet(root / "08_reporting/leaderboard.parquet")


def test_a_sweep_leaves_children_under_one_parent_and_one_table(swept: Swept) -> None:
    client = MlflowClient(swept.uri)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    (parent,) = [run for run in runs if "model" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert len(children) == 4
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {(run.data.tags["variant"], run.data.params["seed"]) for run in children} == {
        (f"objective={objective}", seed) for objective in ("l1", "cgan") for seed in "01"
    }
    assert all(run.data.params["model.objective"] in run.data.tags["variant"] for run in children)
    assert re.search(r"\ntrained on [\d,]+ pairs, environment test, seeds 2\n", swept.output)
    assert re.search(r"\n\| pix2pix +\| objective=cgan +\|", swept.output)


def test_the_leaderboard_has_a_row_per_run_with_its_metrics(swept: Swept) -> None:
    table = board(swept.root)
    assert table[["model", "dataset", "seed", "variant"]].to_numpy().tolist() == [
        ["pix2pix", "fashion_mnist", seed, f"objective={objective}"] for objective in ("cgan", "l1") for seed in (0, 1)
    ]
    assert table["group"].nunique() == 1
    for _, row in table.iterrows():
        stored = MlflowClient(swept.uri).get_run(row["run_id"])
        for name in ("l1", "psnr", "ssim", "l1_low", "parameters", "train_seconds"):
            assert row[name] == stored.data.metrics[f"test/{name}"]
    metrics = max((swept.root / "08_reporting/pix2pix/metrics.json").glob("*/metrics.json"))
    assert set(json.loads(metrics.read_text())) <= set(table.columns)
    text = (swept.root / "08_reporting/leaderboard.md").read_text()
    assert len(re.findall(r"\| pix2pix +\| objective=", text)) == 2
    assert "| the mean training image " in text
    assert max(map(len, text.splitlines())) <= 120
    page = (swept.root / "08_reporting/leaderboard.html").read_text()
    assert page.count("data:image/png;base64,") == 2, "of one seed for each objective"
    assert "no picture" not in page


def test_two_runs_are_compared_by_their_test_images_and_seeds(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the same 600 test images and the two seeds; against scipy, from the tables in the catalog."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", swept.uri)
    monkeypatch.chdir(PROJECT)
    runs = board(swept.root).set_index(["variant", "seed"])
    found: dict[str, list[Any]] = {}
    for path in sorted((swept.root / "08_reporting/pix2pix/by_image.parquet").glob("*/by_image.parquet")):
        values = pd.read_parquet(path).set_index("id")["l1"]
        (row,) = runs.index[np.isclose(runs["l1"], values.mean())]
        found.setdefault(row[0], []).append(values)
    one, other = (sum(values) / 2 for values in (found["objective=cgan"], found["objective=l1"]))
    truth = stats.ttest_rel(one, other).confidence_interval()
    ends = sorted((abs(truth.low), abs(truth.high)))
    names = [runs.loc[(f"objective={name}", 1), "name"] for name in ("cgan", "l1")]
    result = CliRunner().invoke(cli, ["compare", *names])
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("l1:") and "test images" in line)
    assert f"(95 % interval {ends[0]:.3g} to {ends[1]:.3g}, over the same 600 test images)" in line
    assert re.search(r"\nl1: .*, over 2 seeds\)\n", result.output)
    assert json.dumps(line)[1:-1] in (swept.root / "08_reporting/leaderboard.html").read_text(), (
        "the page says the same"
    )
    refused = CliRunner().invoke(cli, ["compare", names[0], "unit"])
    assert refused.exit_code == 1
    assert "Error: no finished run has the id, the name or the model 'unit'" in refused.output


def test_a_comparison_that_runs_with_its_models_has_their_numbers(kedro: Kedro, data_root: Path) -> None:
    """The runs of the command itself are on the leaderboard, with their pictures, though only now they end."""
    result = kedro("--pipelines=pix2pix,compare")
    assert result.exit_code == 0, result.output
    (metrics,) = (data_root / "08_reporting/pix2pix/metrics.json").glob("*/metrics.json")
    table = board(data_root)
    assert table["l1"].tolist() == [json.loads(metrics.read_text())["l1"]]
    assert len(table["run_id"][0]) == 32
    assert "data:image/png" in (data_root / "08_reporting/leaderboard.html").read_text()
    assert result.output.index("pix2pix is done.") < result.output.index("compare is done.")


def test_a_sweep_of_several_models_has_a_level_between_that_keeps_the_leaderboard(
    data_root: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap_project(PROJECT)
    monkeypatch.chdir(PROJECT)
    small = "training.steps=2,sample.count=12,evaluation.features=false,evaluation.resamples=20"
    command = ["sweep", "--pipelines=gan,vae,compare", "--env=test", f"--params=data_root={data_root},{small}"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    client = MlflowClient(mlflow_uri)
    found = client.search_runs([one.experiment_id for one in client.search_experiments()])
    runs = {run.info.run_name.partition("-")[0]: run for run in found}
    assert {run.info.status for run in found} == {"FINISHED"}
    above = {name: run.data.tags.get("mlflow.parentRunId") for name, run in runs.items()}
    ids = {name: run.info.run_id for name, run in runs.items()}
    assert above == {"sweep": None, "run": ids["sweep"], "gan": ids["run"], "vae": ids["run"]}
    kept = {item.path for item in client.list_artifacts(ids["run"])}
    assert kept == {"atlas.html", "atlas.png", "leaderboard.html", "leaderboard.md", "leaderboard.parquet"}
    assert "vae" in set(board(data_root)["model"])


def test_the_default_pipeline_compares_after_every_model() -> None:
    pipelines.set_requested(None)
    names = [node.name for node in register_pipelines()["__default__"].nodes]
    assert set(names[-2:]) == {"atlas", "compare"}
    assert {name.partition(".")[0] for name in names} == {"data", *MODELS, "atlas", "compare"}


def test_runs_by_hand_stand_beside_ours(kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    ids = [made_by_hand(mlflow_uri, seed=seed, l1=value) for seed, value in ((0, 0.1), (0, 0.2), (1, 0.3))]
    assert compare(kedro).exit_code == 0
    assert board(data_root)["run_id"].tolist() == ids[1:]
    assert compare(kedro, **{"compare.keep": "best"}).exit_code == 0
    made_by_hand(mlflow_uri, seed=2, l1=0.3, protocol_hash="other")
    made_by_hand(mlflow_uri, seed=3, l1=0.3, protocol_hash="another")
    result = compare(kedro, **{"compare.strict": "true"})
    assert result.exit_code == 1
    assert "cannot be compared: protocol_hash" in result.output
    assert compare(kedro).exit_code == 0
    assert board(data_root)["group"].nunique() == 2


def test_the_best_is_by_the_best_of_its_validation_scores(kedro: Kedro, mlflow_uri: str, data_root: Path) -> None:
    client = MlflowClient(mlflow_uri)
    ids = [made_by_hand(mlflow_uri, l1=0.1) for _ in range(2)]
    for run_id, scores in zip(ids, ([0.5, 0.1, 0.9], [0.4, 0.3, 0.2]), strict=True):
        for step, score in enumerate(scores):
            client.log_metric(run_id, "validation/score", score, step=step)
    for keep, kept in (("best", ids[0]), ("newest", ids[1])):
        assert compare(kedro, **{"compare.keep": keep}).exit_code == 0
        assert board(data_root)["run_id"].tolist() == [kept]


def test_bad_runs_are_said_and_do_not_stop_the_comparison(
    kedro: Kedro, mlflow_uri: str, data_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run without metrics, two runs of one name, a deleted artifact, a damaged one, pictures of mixed sizes."""
    client = MlflowClient(mlflow_uri)
    made_by_hand(mlflow_uri, "ae", name="empty")
    twins = [made_by_hand(mlflow_uri, l1=0.1, name="twin", variant=name) for name in ("one", "other")]
    bad, mixed = made_by_hand(mlflow_uri, l1=0.2, variant="bad"), made_by_hand(mlflow_uri, l1=0.3, variant="mixed")
    rng = np.random.default_rng(0)
    folder = tmp_path / "figures"
    folder.mkdir()
    for number, size in enumerate([(8, 8), (900, 40), (3, 700)]):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"translations{number}.png")
    client.log_artifacts(mixed, str(folder), "figures")
    (folder / "translations0.png").write_bytes(b"no picture")
    client.log_artifacts(bad, str(folder), "figures")
    client.log_artifacts(twins[0], str(folder), "figures")
    shutil.rmtree(Path(client.get_run(twins[0]).info.artifact_uri.removeprefix("file://")) / "figures")

    result = compare(kedro)
    assert result.exit_code == 0, result.output
    assert set(board(data_root)["run_id"]) == {*twins, bad, mixed}
    page = (data_root / "08_reporting/leaderboard.html").read_text()
    assert page.count("data:image/png") == 3 + 2
    assert page.count("no picture: its figures are not in MLflow") == 2
    assert "it has no metrics" in page
    assert all(f"{run_id} has no picture" in caplog.text for run_id in twins)
    assert "empty" in caplog.text
    sizes = [Image.open(io.BytesIO(png)).size for png in read_pictures(mlflow_uri, mixed).values()]
    assert sizes[0] == (8, 8)
    assert all(max(size) <= PICTURE_SIZE for size in sizes)


def test_a_folder_of_pictures_of_mixed_sizes_has_a_preview(tmp_path: Path) -> None:
    pictures = DrawingsDataset(filepath=str(tmp_path / "pictures"))
    pictures.save({f"{side}/{name}": np.full((height, width, channels), 7, np.uint8)
                   for side in "ab" for name, (height, width, channels)
                   in {"small": (3, 5, 1), "wide": (4, 1200, 3), "tall": (300, 2, 1)}.items()})  # fmt: skip
    assert len(pictures.preview()) > 100


def test_nothing_to_compare_and_a_wrong_setting_are_said_in_a_line(kedro: Kedro) -> None:
    for result, message in (
        (compare(kedro), "there are no finished runs to compare; train something first"),
        (compare(kedro, **{"compare.keep": "oldest"}), "compare.keep is 'oldest': it should be 'newest' or 'best'"),
        (compare(kedro, **{"compare.kep": "best"}), "unknown parameter compare.kep; did you mean 'keep'?"),
    ):
        assert result.exit_code == 1
        assert message in result.output
        assert "Traceback" not in result.output


def test_mlflow_that_is_down_costs_a_run_nothing_and_a_comparison_alone_is_refused(
    kedro: Kedro, data_root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = kedro("--pipelines=pix2pix,compare")
    assert result.exit_code == 0, result.output
    assert board(data_root)["run_id"].str.startswith("unsent:pix2pix-").all()
    assert "The leaderboard holds the runs of this command only" in caplog.text
    assert f"Send the rest with: kedro send --env=test --params=data_root={data_root}" in result.output
    alone = compare(kedro)
    assert alone.exit_code == 1
    assert "MLflow at http://127.0.0.1:9 cannot be read" in alone.output


def test_a_run_through_a_real_server_that_dies_in_mid_run_is_sent_afterwards(
    kedro: Kedro, data_root: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genlab.training.progress import ProgressBar

    def dies_at_four(self: ProgressBar, progress: Any) -> None:
        if progress.step == 4:
            gate.shut()

    monkeypatch.setattr(ProgressBar, "show", dies_at_four)
    result = kedro()
    assert result.exit_code == 0, result.output
    command = result.output.partition("Send the rest with: kedro ")[2].split()
    gate.open = True
    sent = CliRunner().invoke(cli, command)
    assert sent.exit_code == 0, sent.output
    name = max((data_root / "08_reporting/pix2pix/metrics.json").iterdir()).name
    run = read_run(gate.address, f"pix2pix-{name}")
    client = MlflowClient(gate.address)
    stored: Run = client.get_run(run.run_id)
    assert stored.info.status == "FINISHED"
    for curve in ("train/g_l1", "train/d_real"):
        assert sorted(point.step for point in client.get_metric_history(run.run_id, curve)) == [2, 4, 6]
    assert {item.path for item in client.list_artifacts(run.run_id)} >= {"figures", "curves", "metrics", "images"}
    assert compare(kedro).exit_code == 0
    assert run.run_id in board(data_root)["run_id"].tolist()
    nothing = CliRunner().invoke(cli, command)
    assert "nothing is waiting" in nothing.output


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """`kedro reproduce` starts a process; here it is this one."""
    commands: list[list[str]] = []

    def start(arguments: list[str], project: Path, environment: Mapping[str, str]) -> int:
        commands.append(arguments)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["kedro", *arguments])
            return CliRunner().invoke(cli, arguments).exit_code

    monkeypatch.setattr(genlab.experiments.reproduce, "start", start)
    return commands


def test_a_run_made_again_is_the_same_to_the_last_bit(
    swept: Swept, in_this_process: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", swept.uri)
    monkeypatch.chdir(PROJECT)
    before = board(swept.root)
    row = before[(before["seed"] == 1) & (before["variant"] == "objective=cgan")].iloc[0]
    result = CliRunner().invoke(cli, ["reproduce", row["run_id"], f"--folder={tmp_path / 'again'}"])
    assert result.exit_code == 0, result.output
    assert "metrics are the same, to the last bit." in result.output
    assert "Note: parameter" not in result.output
    (command,) = in_this_process
    options = json.loads(Path(command[1].removeprefix("--config=")).read_text())["run"]
    assert options["params"]["pix2pix"]["model"] == {"objective": "cgan"}
    (metrics,) = (tmp_path / "again/08_reporting/pix2pix/metrics.json").glob("*/metrics.json")
    assert json.loads(metrics.read_text())["l1"] == row["l1"]
    again = [run for run in read_runs(swept.uri, "genlab") if "reproduces" in run.tags]
    assert [run.tags["reproduces"] for run in again] == [row["run_id"]]


def test_what_differs_is_said(capsys: pytest.CaptureFixture[str], mlflow_uri: str) -> None:
    first, other = (read_run(mlflow_uri, made_by_hand(mlflow_uri, l1=l1, train_seconds=l1, data_fingerprint=data))
                    for l1, data in ((0.25, "f1"), (0.5, "f2")))  # fmt: skip
    assert genlab.experiments.reproduce.report_difference(first, other) == {"l1": 0.25}
    said = capsys.readouterr().out
    assert "the data differ: data_fingerprint f1, now f2" in said
    assert "1 of 1 metrics differ, by at most 0.25." in said


def test_runs_that_cannot_be_made_again_are_refused(mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    bootstrap_project(PROJECT)  # as the command line does
    partial = json.dumps({"env": "test", "runtime_params": {}, "parts": {"from_nodes": ["pix2pix.draw"]}})
    for run_id, message in (
        (made_by_hand(mlflow_uri, l1=0.1), "does not say how it was run"),
        (made_by_hand(mlflow_uri, l1=0.1, command=partial), "began with what an earlier run had left"),
        ("it's", 'has no run "it\'s"'),
    ):
        result = CliRunner().invoke(cli, ["reproduce", run_id])
        assert result.exit_code == 1
        assert message in result.output
    for _ in range(2):
        made_by_hand(mlflow_uri, l1=0.1, name="twin")
    with pytest.raises(GenlabError, match="2 runs of the name 'twin'"):
        read_run(mlflow_uri, "twin")


def test_the_code_of_a_run_comes_from_git(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A worktree of its commit where the code has changed since; what cannot be had is said."""

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def text_of_code(commit: str) -> str:
        run = FinishedRun("id", "run", 0, {"mlflow.source.git.commit": commit}, {}, {})
        with code_of(run, tmp_path) as place:
            return (place / "code.py").read_text()

    git("init", "-q")
    commits = []
    for text in ("old", "new"):
        (tmp_path / "code.py").write_text(text)
        git("add", ".")
        git("commit", "-qm", text)
        commits.append(git("rev-parse", "HEAD"))
    assert [text_of_code(commit) for commit in commits] == ["old", "new"]
    assert len(git("worktree", "list").splitlines()) == 1, "nothing stays behind"
    (tmp_path / "code.py").write_text("changed")
    assert text_of_code(commits[1]) == "new"
    assert text_of_code(f"{commits[1]}-dirty") == "changed"
    assert "changes that were not committed" in capsys.readouterr().out
    assert text_of_code("0" * 40) == "changed"
    assert "is not in this clone" in capsys.readouterr().out


def test_lists_of_a_sweep() -> None:
    lists = read_lists("0,1", ["vae.model.beta=1,4", "training.steps=10"])
    assert lists == {"vae.model.beta": ["1", "4"], "training.steps": ["10"], "seed": ["0", "1"]}
    assert variant_of({"vae.model.beta": "0.5", "training.steps": "10", "seed": "0"}) == "beta=0.5, steps=10"
    for seeds, vary in (("", []), ("0", ["beta="]), ("0", ["=1"]), ("0", ["a=1", "a=2"])):
        with pytest.raises(GenlabError, match="is empty or given twice"):
            read_lists(seeds, vary)


def test_a_sweep_says_what_failed_and_goes_on(swept: Swept, kedro: Kedro, data_root: Path, mlflow_uri: str) -> None:
    arguments = ["sweep", "--pipeline=pix2pix", "--env=test", "--vary", "pix2pix.model.objective=wgan,l1",
                 f"--params=data_root={data_root},evaluation.resamples=2"]  # fmt: skip
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "1 of 2 runs of the sweep failed" in result.output
    assert "objective is 'wgan'" in result.output
    assert len(board(data_root)) == 1
