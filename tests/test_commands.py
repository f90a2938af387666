"""Commands as a shell runs them, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.training.checkpoint import Checkpoint
from tests.conftest import PROJECT

HEAVY = ("torch", "mlflow", "lightning_fabric", "torchmetrics")


def kedro(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kedro", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["registry", "list"], ["registry", "describe", "pix2pix"]])
def test_commands_that_train_nothing_import_neither_torch_nor_mlflow(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["kedro", *{arguments!r}]
from kedro.framework.cli import main
try:
    main()
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pix2pix" in done.stdout or arguments == ["--help"]


def test_importing_one_model_does_not_import_the_others() -> None:
    code = """
import sys, genlab.models
genlab.models.model_class('pix2pix')
print([name for name in sys.modules if 'genlab.models.' in name])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "src", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['genlab.models.base', 'genlab.models.pix2pix']"


def test_the_library_needs_neither_kedro_nor_mlflow() -> None:
    code = """
import sys
sys.modules.update(kedro=None, mlflow=None)
from genlab.models.pix2pix import Pix2Pix
import genlab.training.fit, genlab.sampling.draw, genlab.evaluation.measures.translation, genlab.report.curves
Pix2Pix(image_size=32)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "src", check=True)


def test_killed_and_started_again_ends_at_the_same_bits(tmp_path: Path, empty_mlflow: Path) -> None:
    """kill -9 in mid-training, in a real process; the second start says that it resumes."""
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}

    def command(root: Path) -> list[str]:
        (root / "01_raw").mkdir(parents=True, exist_ok=True)
        if not (root / "01_raw/fashion_mnist").exists():
            (root / "01_raw/fashion_mnist").symlink_to(PROJECT / "data/01_raw/fashion_mnist")
        parameters = f"data_root={root},training.steps=60,training.report_every=1,training.snapshot_every=3"
        return [
            "run", "--pipelines=pix2pix", "--env=test", "--to-nodes=pix2pix.train", f"--params={parameters}",
        ]  # fmt: skip

    def weights(root: Path) -> dict[str, torch.Tensor]:
        (path,) = (root / "06_models/pix2pix/checkpoint.pt").glob("*/checkpoint.pt")
        return dict(Checkpoint.read(path).weights)

    killed = subprocess.Popen(
        [sys.executable, "-m", "kedro", *command(tmp_path / "killed")], cwd=PROJECT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("06_models/pix2pix/snapshots/*/step_*.pt")):
        assert killed.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not list((tmp_path / "killed").glob("06_models/pix2pix/checkpoint.pt/*/*")), "killed too late"

    again = kedro(*command(tmp_path / "killed"), env=environment)
    assert again.returncode == 0, again.stderr
    assert "resuming pix2pix from step" in again.stdout + again.stderr
    whole = kedro(*command(tmp_path / "whole"), env=environment)
    assert whole.returncode == 0, whole.stderr
    one, other = weights(tmp_path / "killed"), weights(tmp_path / "whole")
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
