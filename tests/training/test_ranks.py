"""Two processes that train one model for many steps, against a short loop in one process."""

import copy
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.models.base import Model
from genlab.models.cyclegan import CycleGAN
from genlab.training.fit import Job, augment_streams, build_training, fit
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from tests.training.test_fit import make_job

STEPS, REPORT_EVERY, RATE, DECAY = 12, 4, 0.05, 0.9


@pytest.fixture
def job(few_shoes: PairedImages, tmp_path: Path) -> Job:
    """A game of two players with batch normalisation in both, without chance, and a running average."""
    changes = {
        "precision": "64-true", "steps": STEPS, "report_every": REPORT_EVERY, "optimizer": "sgd", "learning_rate": RATE,
        "decay_from": 1.0, "jitter": 1.0, "mirror": False, "ema": DECAY, "ema_share": 0.5, "devices": 2,
    }  # fmt: skip
    return make_job(few_shoes, tmp_path, {"dropout": 0.0, "l1_weight": 1.0}, **changes)


def train_on_rank(job: Job) -> dict[str, Any]:
    """What one process ends with."""
    torch.set_num_threads(1)
    training = build_training(job, open_machine(job.settings, devices=2))
    for _ in training.run(augment_streams(job)):
        pass
    return {
        "model": {name: value.numpy() for name, value in training.model.state_dict().items()},
        "average": {name: value.numpy() for name, value in training.drawing.state_dict().items()},
        "history": [{k: v for k, v in row.items() if k != "images_per_second"} for row in training.history],
    }


def train_by_hand(job: Job) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], list[dict[str, float]]]:
    """Weights, their average, and losses: two copies of a model, each with its half of every batch, move together."""
    alone = replace(job, settings=job.settings.model_copy(update={"devices": 1}))
    training = build_training(alone, open_machine(alone.settings))
    copies: list[Model] = [copy.deepcopy(training.model), training.model]
    average: dict[str, torch.Tensor] = {}
    losses: list[dict[str, float]] = []
    for step in range(STEPS):
        images = {side: x.double() for side, x in training.batches[step].items()}
        halves = [{side: x[half] for side, x in images.items()} for half in (slice(0, 2), slice(2, 4))]
        found: dict[str, float] = {}
        for turns in zip(*(m.turns(half, step) for m, half in zip(copies, halves, strict=True)), strict=True):
            both = [m.players()[turn.player] for m, turn in zip(copies, turns, strict=True)]
            gradients = [
                torch.autograd.grad(sum(turn.terms.values()), mine, retain_graph=True)  # type: ignore[arg-type]
                for turn, mine in zip(turns, both, strict=True)
            ]
            with torch.no_grad():
                for p, q, g, h in zip(*both, *gradients, strict=True):
                    move = RATE * (g + h) / 2
                    p -= move
                    q -= move
            for name in turns[0].terms:
                found[f"{turns[0].player}/{name}"] = sum(turn.terms[name].item() for turn in turns) / 2
        losses.append(found)
        for one, other in zip(*(m.buffers() for m in copies), strict=True):
            one.copy_((one + other) / 2)
            other.copy_(one)
        decay = min(DECAY, (1 + step) / (2 + step)) if average else 0.0
        for name, value in copies[0].state_dict().items():
            average[name] = decay * average.get(name, 0.0) + (1 - decay) * value
    return copies[0].state_dict(), average, losses


def test_two_ranks_train_as_a_loop_by_hand(job: Job) -> None:
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="127.0.0.1:0", max_restarts=0,
        monitor_interval=0.5, start_method="spawn", run_id="ranks",
    )  # fmt: skip
    ranks = elastic_launch(config, train_on_rank)(job)
    weights, average, losses = train_by_hand(job)
    assert len(losses) == STEPS
    for rank in (0, 1):
        for kept, expected in (("model", weights), ("average", average)):
            for name, value in expected.items():
                if name.endswith("num_batches_tracked"):
                    continue
                there = torch.from_numpy(ranks[rank][kept][name])
                torch.testing.assert_close(there, value, rtol=1e-9, atol=1e-12, msg=f"rank {rank}, {kept}, {name}")
    assert ranks[0]["history"] == ranks[1]["history"]
    for row, start in zip(ranks[0]["history"], range(0, STEPS, REPORT_EVERY), strict=True):
        for name in losses[0]:
            mean = sum(found[name] for found in losses[start : start + REPORT_EVERY]) / REPORT_EVERY
            assert row[name] == pytest.approx(mean, rel=1e-6), name  # recorded in float32
    moved = ranks[0]["model"]["generator.down.1.norm.running_mean"]
    assert abs(moved).max() > 1e-3, "statistics of nothing would be equal, too"


def test_pools_of_past_drawings_resume_on_every_rank(few_domains: UnpairedImages, tmp_path: Path) -> None:
    given = {"steps": 6, "batch_size": 2, "report_every": 1, "snapshot_every": 3, "devices": 2, "accelerator": "cpu"}
    settings = TrainingSettings.of(CycleGAN.recipe, given)
    job = Job("cyclegan", {**CycleGAN.small(), "pool_size": 2}, few_domains, settings, 1, tmp_path)
    whole = fit(job, lambda sight: None).checkpoint
    (tmp_path / job.fingerprint() / "step_00000006.pt").unlink()
    resumed = fit(job, lambda sight: None)
    assert resumed.resumed_from == 3
    differ = [name for name, value in whole.weights.items() if not torch.equal(value, resumed.checkpoint.weights[name])]
    assert not differ


def session(leader: int) -> dict[int, str]:
    """The living processes of a session but its leader, with their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == leader != int(folder.name) and state != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@pytest.fixture
def training(few_shoes: PairedImages, tmp_path: Path) -> int:
    """A process that trains for ever on two ranks, in a session of its own; what all of them say is in `said`."""
    job = make_job(few_shoes, tmp_path, steps=1_000_000, devices=2)
    process = os.fork()
    if not process:
        os.setsid()
        said = os.open(tmp_path / "said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        try:
            fit(job, lambda sight: None)
        except GenlabError as error:
            os.write(1, f"{error}\n".encode())
        finally:
            os._exit(3)
    while not list(tmp_path.glob("*/step_*.pt")):
        assert os.waitpid(process, os.WNOHANG) == (0, 0), (tmp_path / "said").read_text()
        time.sleep(0.05)
    return process


def require_nothing_left(leader: int) -> None:
    """All processes of the session end by themselves."""
    deadline = time.monotonic() + 60
    while left := session(leader):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_a_killed_parent_leaves_no_process(training: int) -> None:
    os.kill(training, signal.SIGKILL)
    os.waitpid(training, 0)
    require_nothing_left(training)


def test_a_killed_rank_is_one_line(training: int, tmp_path: Path) -> None:
    ranks = [process for process, command in session(training).items() if "spawn_main" in command]
    os.kill(max(ranks), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(training, 0)[1]) == 3
    require_nothing_left(training)
    said = (tmp_path / "said").read_text()
    assert said.count("that train pix2pix ended: Signal 9 (SIGKILL)") == 1
    assert "Traceback" not in said
