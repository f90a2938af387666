"""Killed at every change of a file, then started again: the end is that of a run that nobody disturbed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.models.base import Model
from genlab.training.checkpoint import Checkpoint
from genlab.training.fit import Job, fit
from genlab.training.snapshots import Snapshots
from tests.chaos.faults import Fault, outcome, prepare
from tests.conftest import PROJECT
from tests.training.test_fit import make_job


def batches_seen(model: Model) -> float:
    """A score by which the first weights that are looked at are the best."""
    return float(next(value for name, value in model.named_buffers() if name.endswith("num_batches_tracked")))


def train(job: Job) -> None:
    """As the node does it: the snapshots go once the checkpoint is safe."""
    fit(job, lambda sight: None).checkpoint.write(job.snapshots.parent / "checkpoint.pt")
    Snapshots(job.snapshots).clear(job.fingerprint())


def made(folder: Path) -> list[Checkpoint]:
    """The last weights and the best."""
    last = Checkpoint.read(folder / "checkpoint.pt")
    assert last.best
    return [replace(one, best=None, train_seconds=0.0) for one in (last, last.best)]


def same(one: Checkpoint, other: Checkpoint) -> bool:
    tensors = all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    return tensors and replace(one, weights={}) == replace(other, weights={})


def count_changes(job: Job) -> int:
    """Of a training that nobody disturbs."""
    folder = job.snapshots.parent

    def work() -> None:
        changes = prepare(folder, 0)
        train(job)
        folder.with_name("count").write_text(str(changes.count))

    assert outcome(work) == 0
    return int(folder.with_name("count").read_text())


@pytest.mark.parametrize(
    ("fault", "points"),
    [("kill", 5), ("full", 2), *(pytest.param(fault, 10_000, marks=pytest.mark.chaos) for fault in ("kill", "full"))],
)
def test_training_that_is_disturbed_at_a_change_of_files_ends_at_the_same_bits(
    fault: Fault, points: int, few_shoes: PairedImages, tmp_path: Path
) -> None:
    """At some points of the training; in `make chaos` at all."""

    def job(folder: Path) -> Job:
        made = make_job(few_shoes, folder / "snapshots", steps=4, report_every=1, score_every=2, ema=0.9)
        return replace(made, score=batches_seen)

    (tmp_path / "whole").mkdir()
    count = count_changes(job(tmp_path / "whole"))
    whole = made(tmp_path / "whole")
    assert whole[0].step != whole[1].step, "the best are not the last"
    for event in range(count // points // 2 + 1, count + 1, max(1, count // points)):
        folder = tmp_path / f"{event}"
        folder.mkdir()

        def work(folder: Path = folder, event: int = event) -> None:
            prepare(folder, event, fault)
            try:
                train(job(folder))
            except GenlabError as error:
                os._exit(28 if "No space left" in str(error) else 1)

        assert outcome(work) in ({"kill": (-signal.SIGKILL,), "full": (28, 0)}[fault]), (
            event
        )  # 0: only deletions are left
        train(job(folder))
        assert all(same(one, other) for one, other in zip(made(folder), whole, strict=True)), event
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
        assert left == ["checkpoint.pt"], event
    print(f"training, {fault}: {count} changes")


@pytest.mark.chaos
@pytest.mark.parametrize("fault", ["kill", "full"])
def test_a_whole_run_that_is_disturbed_at_a_change_of_files_ends_as_one_that_is_not(
    fault: Fault, tmp_path: Path
) -> None:
    """In a process of its own, which copies itself: see `tests/chaos/runs.py`."""
    command = [sys.executable, "-m", "tests.chaos.runs", str(tmp_path), fault, os.environ.get("CHAOS_EVERY", "1")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
