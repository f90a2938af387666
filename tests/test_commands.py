"""Commands as a shell runs them, in processes of their own."""

import contextlib
import os
import pty
import select
import shutil
import signal
import sqlite3
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


def run_kedro(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
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


def test_killed_and_started_again_ends_at_the_same_bits(tmp_path: Path, ingested: Path, empty_mlflow: Path) -> None:
    """kill -9 in mid-training, in a real process; the second start says that it resumes."""
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}

    def command(root: Path) -> list[str]:
        shutil.copytree(ingested, root, dirs_exist_ok=True)
        parameters = (
            f"data_root={root},training.steps=120,training.report_every=3,training.snapshot_every=3,"
            "training.score_every=120"
        )
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
    while not list((tmp_path / "killed").glob("06_models/pix2pix/snapshots/*/step_*.pt")) or not statuses(tmp_path):
        assert killed.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not list((tmp_path / "killed").glob("06_models/pix2pix/checkpoint.pt/*/*")), "killed too late"

    again = run_kedro(*command(tmp_path / "killed"), env=environment)
    assert again.returncode == 0, again.stderr
    assert "resuming pix2pix from step" in again.stdout + again.stderr
    whole = run_kedro(*command(tmp_path / "whole"), env=environment)
    assert whole.returncode == 0, whole.stderr
    one, other = weights(tmp_path / "killed"), weights(tmp_path / "whole")
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    assert statuses(tmp_path) == ["FINISHED", "FINISHED", "KILLED"], "the killed run is closed by the one that resumes"


def statuses(folder: Path) -> list[str]:
    """Of the runs in a folder's database."""
    with sqlite3.connect(folder / "mlflow.db") as database:
        return sorted(status for (status,) in database.execute("select status from runs"))


@pytest.mark.parametrize("how", ["SIGTERM", "closed"])
def test_a_signal_ends_a_run_in_one_line_and_closes_it(
    how: str, tmp_path: Path, data_root: Path, mlflow_uri: str
) -> None:
    """In mid-training, in a terminal of its own. Closing the terminal is a SIGHUP, and leaves no place to write."""
    given = f"data_root={data_root},training.steps=1000000,training.score_every=1000000"
    process, terminal = pty.fork()
    if not process:
        os.chdir(PROJECT)
        os.execv(sys.executable, [sys.executable, "-m", "kedro", "run", "--pipelines=pix2pix", "--env=test",
                                  f"--params={given}"])  # fmt: skip
    said = b""
    while not (snapshots := list(data_root.glob("06_models/pix2pix/snapshots/*/step_*.pt"))) or len(snapshots) < 2:
        if select.select([terminal], [], [], 0.05)[0]:
            said += os.read(terminal, 65536)
    if how == "closed":
        os.close(terminal)
    else:
        os.kill(process, getattr(signal, how))
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            said += part
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status == 128 + (signal.SIGHUP if how == "closed" else getattr(signal, how)), said.decode()
    assert statuses(tmp_path) == ["KILLED"]
    assert not list(data_root.glob("unsent/[!.]*"))
    assert b"Traceback" not in said
    if how != "closed":
        assert f"Stopped by {how}. The same command goes on".encode() in said.replace(b"\r\n", b"\n")


def test_a_whole_run_connects_to_nobody(tmp_path: Path, data_root: Path, empty_mlflow: Path) -> None:
    """Every connection and every name that Python looks up is watched. Nothing says that it runs in a test or in CI.

    There is no HOME either, and TMPDIR is nowhere.
    """
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    said = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS", "HOME")
    environment = {name: value for name, value in os.environ.items() if name not in said}
    environment["TMPDIR"] = str(tmp_path / "nowhere")
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "DO_NOT_TRACK": "1"}
    code = f"""
import sys
def watch(event, given):
    if event in ("socket.connect", "socket.sendto") and isinstance(given[1], tuple) or event == "socket.getaddrinfo":
        with open({str(tmp_path / "seen")!r}, "a") as file:
            print(event, given[1:] if event == "socket.connect" else given[:2], file=file)
sys.addaudithook(watch)
sys.argv = ["kedro", "run", "--pipelines=gan", "--env=test", "--params=data_root={data_root}"]
from kedro.framework.cli import main
main()
"""
    (tmp_path / "seen").touch()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "gan is done" in done.stdout
    assert (tmp_path / "seen").read_text() == ""
