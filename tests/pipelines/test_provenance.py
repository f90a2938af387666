"""Every number is about what it says: what a node takes has one history; a run goes on with the settings behind it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.io.record import LINEAGE
from genlab.training.checkpoint import Checkpoint
from genlab.training.fit import Fitted, Job
from tests.test_end_to_end import newest, runs

LATER = {"sample.count": 8, "evaluation.features": "false", "evaluation.classifier": "false"}
SMALL = {
    "training.steps": 4, "training.score_every": 2, "data.split.val": 0.2, "data.split.test": 0.3, **LATER,
}  # fmt: skip
Kedro = Callable[..., Result]


def paint(folder: Path, seed: int, count: int = 40) -> None:
    """Fill a folder with pictures that follow from the seed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(folder / f"{number:02d}.png")


def measured(data_root: Path) -> dict[str, Any]:
    """The newest metrics, without times."""
    metrics = json.loads(newest(data_root / "08_reporting/vae/metrics.json").read_text())
    return {name: value for name, value in metrics.items() if "second" not in name}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint(tmp_path / "mine", 0)
    return tmp_path / "mine"


@pytest.fixture
def vae(kedro: Kedro, folder: Path) -> Kedro:
    """`kedro run --pipelines=vae` over that folder."""

    def run(*options: str, **parameters: object) -> Result:
        begins = not any("--from-nodes" in option for option in options)
        given = {"data.source": folder, **SMALL} if begins else {} if "--from-nodes=vae.report" in options else LATER
        return kedro("--pipelines=vae", *options, **{**given, **parameters})

    return run


def ingest_as_another_process(folder: Path, data_root: Path) -> None:
    settings = DataSettings(source=str(folder))
    ingest(list_source(folder, settings), settings, data_root / "02_intermediate" / settings.set_name())


def test_a_run_keeps_its_images_whatever_is_ingested_meanwhile(
    vae: Kedro, folder: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vae().exit_code == 0
    alone = measured(data_root)
    from genlab.training import fit as training

    real = training.fit

    def disturbed(job: Job, watch: Any) -> Fitted:
        paint(folder, 1)
        ingest_as_another_process(folder, data_root)
        return real(job, watch)

    monkeypatch.setattr(training, "fit", disturbed)
    assert vae().exit_code == 0
    assert measured(data_root) == alone
    monkeypatch.setattr(training, "fit", real)
    again = vae("--from-nodes=vae.draw")
    assert again.exit_code == 0, again.output
    assert measured(data_root) == alone, "a slice, too, draws with the images of the training"
    assert vae().exit_code == 0
    assert measured(data_root) != alone, "a whole run takes what is in the folder"


def test_what_belongs_to_another_training_is_refused(vae: Kedro, data_root: Path, mlflow_uri: str) -> None:
    assert vae().exit_code == 0
    assert vae("--to-nodes=vae.train", seed=1).exit_code == 0
    before = sorted(data_root.glob("08_reporting/vae/*/*"))
    for node in ("evaluate", "report"):
        refused = vae(f"--from-nodes=vae.{node}")
        assert refused.exit_code == 1
        assert "this run of vae would mix two runs of vae.train" in refused.output
        assert runs(mlflow_uri)[-1].info.status == "FAILED"
    assert sorted(data_root.glob("08_reporting/vae/*/*")) == before, "nothing was measured"
    newest(data_root / "06_models/vae/checkpoint.pt").unlink()  # by hand: the curves are still the newer run's
    refused = vae("--from-nodes=vae.report")
    assert "would mix two runs of vae.train" in refused.output


def test_a_slice_takes_the_settings_of_the_checkpoint(vae: Kedro, data_root: Path, mlflow_uri: str) -> None:
    assert vae(seed=1, **{"sample.checkpoint": "best"}).exit_code == 0
    first = measured(data_root)
    kept = max((data_root / "06_models/vae/checkpoint.pt").iterdir()).name
    assert vae("--to-nodes=vae.train", seed=2).exit_code == 0
    slice_of_old = ("--from-nodes=vae.draw", f"--load-versions=vae.checkpoint:{kept}")
    again = vae(*slice_of_old, **{"sample.checkpoint": "best"})
    assert again.exit_code == 0, again.output
    run = runs(mlflow_uri)[-1]
    assert (run.data.tags["seed"], run.data.params["seed"], run.data.params["training.steps"]) == ("1", "1", "4")
    assert measured(data_root) == first, "the best of that version"
    refused = vae(*slice_of_old, seed=2)
    assert refused.exit_code == 1
    assert "was made with seed=1, and this run goes on from it: seed=2 cannot hold" in refused.output
    for typed, said in (
        ("vae.training.learning_rate", "vae.training.learning_rate=0.001"),
        ("data.image_size", "data.image_size=32"),
    ):
        assert f"was made with {said}" in vae(*slice_of_old, **{typed: 64}).output
    refused = vae("--from-nodes=vae.draw", "--env=emoji")
    assert "was made with --env=test" in refused.output
    refused = vae(f"--load-versions=vae.checkpoint:{kept}")
    assert "--load-versions names vae.checkpoint, which this run makes anew" in refused.output


def test_what_was_changed_by_hand_is_refused(vae: Kedro, data_root: Path) -> None:
    assert "there is no vae.checkpoint yet" in vae("--from-nodes=vae.draw").output
    assert vae("--to-nodes=vae.draw").exit_code == 0
    assert vae("--from-nodes=vae.evaluate").exit_code == 0, "all that follows, and no more is asked for"
    drawing = next(newest(data_root / "07_model_output/vae/samples").rglob("*.png"))
    Image.new("L", (32, 32)).save(drawing)
    assert "is not what was saved: it is damaged or was changed" in vae("--from-nodes=vae.evaluate").output
    newest(data_root / "06_models/vae/checkpoint.pt").with_name("record.json").unlink()
    assert "nothing tells what" in vae("--from-nodes=vae.draw").output


def test_lineage_is_recorded_and_printed(vae: Kedro, data_root: Path, mlflow_uri: str) -> None:
    assert vae().exit_code == 0
    [run] = runs(mlflow_uri)
    chain = json.loads(run.data.tags[LINEAGE])["artifacts"]
    assert list(chain) == ["data.images", "vae.examples", "vae.checkpoint", "vae.samples", "vae.metrics"]
    assert chain["vae.metrics"]["made_from"] == ["vae.checkpoint", "vae.samples", "vae.examples"]
    from genlab.cli import cli

    command = ["lineage", run.info.run_id, "--env=test", f"--params=data_root={data_root}"]
    said = CliRunner().invoke(cli, command)
    assert said.exit_code == 0, said.output
    assert said.output.count("as it was") == 4
    checkpoint = newest(data_root / "06_models/vae/checkpoint.pt")
    Checkpoint.read(checkpoint).write(checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes() + b"0")
    assert CliRunner().invoke(cli, command).output.count("changed since") == 1
    assert "no run 'nobody'" in CliRunner().invoke(cli, ["lineage", "nobody", "--env=test"]).output
