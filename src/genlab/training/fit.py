"""From a job to trained weights: builds, resumes, trains, keeps snapshots; on one device or on several."""

import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genlab.data.arrange.examples import Examples
from genlab.data.batches import ExampleBatches
from genlab.errors import GenlabError
from genlab.media.base import medium_named
from genlab.models.base import Batch, Model
from genlab.nn.statistics import set_statistics
from genlab.training.alarms import Alarm, Alarms
from genlab.training.checkpoint import Checkpoint, DrawsWith, build_model
from genlab.training.machine import Machine, drawing_device, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.snapshots import Snapshots, fingerprint
from genlab.training.statistics import IMAGES, measure_statistics
from genlab.training.trainer import Augment, Progress, Training

logger = logging.getLogger(__name__)

Picture = np.ndarray
"""(H, W, 3) uint8."""


@dataclass(frozen=True)
class Job:
    """All that training depends on."""

    model: str  # a key of MODELS
    arguments: Mapping[str, Any]  # its constructor's, without the image shape
    examples: Examples  # the training split
    settings: TrainingSettings
    seed: int
    snapshots: Path
    draw: Callable[[Model], Picture] | None = None  # a picture of fixed samples, drawn as training goes
    score: Callable[[Model], float | None] | None = None  # on the validation split, lower is better
    diversity: Callable[[Model], float | None] | None = None  # of some drawings, as a share of that of real images

    def fingerprint(self) -> str:
        """Names the run: data, parameters, code."""
        parameters = {"model": self.model, "arguments": dict(self.arguments), "seed": self.seed}
        return fingerprint(self.examples.fingerprint(), {**parameters, **self.settings.what_matters()})


@dataclass(frozen=True)
class Sight:
    """What there is to see at a report."""

    progress: Progress
    picture: Picture | None
    score: float | None = None
    diversity: float | None = None
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """What training leaves behind."""

    checkpoint: Checkpoint
    history: list[dict[str, float]]  # a row per report: step, "player/term", and in the last the untrained score
    resumed_from: int  # step; 0 when the run began afresh


def build_training(job: Job, machine: Machine) -> Training:
    """A run at its beginning, with first weights drawn from the job's seed.

    Raises:
        GenlabError: the network cannot take these images, or the examples do not fill a batch.
    """
    torch.manual_seed(job.seed)
    model = build_model(job.model, job.examples.spec, job.arguments)
    rank, world = machine.fabric.global_rank, machine.fabric.world_size
    batches = ExampleBatches(job.examples, job.settings.batch_size, job.seed, machine.device, rank, world)
    count = len(job.examples)
    total, score_every = job.settings.total_steps(count), job.settings.score_steps(count)
    return Training(model, batches, job.settings, job.seed, total, machine, score_every)


def augment_streams(job: Job) -> Augment:
    """What changes a batch's images at random: those of one stream belong together and are changed alike."""
    streams = [list(stream.rows) for stream in job.examples.streams()]
    medium = medium_named(job.examples.spec.medium)

    def change(batch: Batch) -> dict[str, torch.Tensor]:
        changed = dict(batch)
        for names in streams:
            changed |= medium.augment({name: batch[name] for name in names}, job.settings.augmentation())
        return changed

    return change


def due(every: int, before: int, now: int) -> bool:
    """Whether a multiple of `every` steps was passed after step `before`, up to and including step `now`."""
    return now // every > before // every


def train(job: Job, machine: Machine) -> Iterator[Sight]:
    """Train on this rank from the newest snapshot of the same run to the end, which leaves a snapshot too.

    An interruption (Ctrl-C) says where the next run will go on.
    """
    snapshots, run, first_rank = Snapshots(job.snapshots), job.fingerprint(), machine.fabric.is_global_zero
    training = build_training(job, machine)
    set_statistics(training.drawing, "own" if job.settings.batch_size == 1 else "fixed")
    if job.settings.resume and (state := snapshots.latest(run)):
        training.load_state_dict(state)
    saved = training.step
    if first_rank and training.step == training.total:  # killed between its last step and its checkpoint
        return
    score_every, alarms = training.score_every or training.total, Alarms()
    for row in training.history:
        alarms.read(row)
    before = training.step
    try:
        for progress in training.run(augment_streams(job)):
            if progress.pulse:
                yield Sight(progress, None)
                continue
            last = progress.step == progress.total
            row, score, diversity = training.history[-1], None, None
            if first_rank and (last or progress.step % score_every == 0):
                score = job.score(training.drawing) if job.score else None
                diversity = job.diversity(training.drawing) if job.diversity else None
            if diversity is not None:
                row["validation/diversity"] = diversity
            if score is not None:
                row["validation/score"] = score
                if score < training.best_score:
                    training.best_score = score
                    snapshots.save_best(run, training.state_dict())
            if last or progress.step - saved >= job.settings.snapshot_every:
                state = {**training.state_dict(), "ranks": training.states_of_ranks()}
                if first_rank:
                    snapshots.save(run, progress.step, state)
                saved = progress.step
            picture = None
            if first_rank and job.draw and (last or due(job.settings.picture_every, before, progress.step)):
                picture = job.draw(training.drawing)
            before = progress.step
            yield Sight(progress, picture, score, diversity, tuple(alarms.read(row)))
    except KeyboardInterrupt:
        if first_rank and saved:
            logger.warning("interrupted: the next run goes on from step %d of %d", saved, training.total)
        raise


def fit(job: Job, watch: Callable[[Sight], None]) -> Fitted:
    """Train a model. `watch` is called at every report, always in this process.

    An unfinished run with the same data, parameters and code goes on where its newest snapshot is.

    Raises:
        GenlabError: training diverged, the disk is full, or the job does not fit the machine.
    """
    snapshots, run = Snapshots(job.snapshots), job.fingerprint()
    if not job.settings.resume:
        snapshots.clear(run)
    state = snapshots.latest(run)
    if state and state["best_score"] < math.inf:
        try:
            snapshots.best(run)
        except GenlabError as error:  # the last weights are no substitute for the best
            logger.warning("%s. Its training starts afresh.", error)
            snapshots.clear(run)
            state = None
    resumed_from = state["step"] if state else 0
    if resumed_from:
        logger.info(
            "resuming %s from step %d (run %s); --params=training.resume=false starts afresh",
            job.model, resumed_from, run,
        )  # fmt: skip
    elif others := snapshots.others(run):
        logger.info("%s: starting afresh; unfinished runs with other data, parameters or code are kept: %s",
                    job.model, ", ".join(others))  # fmt: skip
    # Both starts are decided above: whatever trains now takes the newest snapshot there is.
    job = replace(job, settings=job.settings.model_copy(update={"resume": True}))
    if job.settings.devices == 1:
        for sight in train(job, open_machine(job.settings)):
            watch(sight)
    else:
        _train_on_ranks(job, watch)
    state = snapshots.latest(run)
    if state is None:
        raise GenlabError(
            f"training of {job.model} ended, but its last snapshot in {job.snapshots} is gone; run it again"
        )
    checkpoint = _checkpoint(job, run, state)
    last = state["history"][-1]
    if job.score and "validation/score" in last:
        last["validation/untrained"] = job.score(checkpoint.build_untrained(drawing_device(job.settings)))
    if state["best_score"] < math.inf:
        checkpoint = replace(checkpoint, best=_checkpoint(job, run, snapshots.best(run)))
    return Fitted(checkpoint, state["history"], resumed_from)


def _checkpoint(job: Job, run: str, state: Mapping[str, Any]) -> Checkpoint:
    """The weights that draw, with statistics of batch normalisation measured for them."""
    draws_with: DrawsWith = "last" if state["average"] is None else "average"
    weights = state["model"]
    if draws_with == "average":
        weights = {name: state["average"][f"module.{name}"] for name in weights}
    trained = Checkpoint(
        model=job.model, arguments=dict(job.arguments), spec=job.examples.spec, weights=weights, draws_with=draws_with,
        step=state["step"], images_seen=state["step"] * job.settings.batch_size, train_seconds=state["seconds"],
        seed=job.seed, fingerprint=run,
    )  # fmt: skip
    device = drawing_device(job.settings)
    torch.manual_seed(job.seed)
    measured = measure_statistics(trained.build(device), _plain_batches(job, device), trained.step)
    return replace(trained, weights={**weights, **measured})


def _plain_batches(job: Job, device: torch.device) -> Iterator[Batch]:
    """The first training batches, as large as one rank's are, without augmentation."""
    size = job.settings.batch_size
    batches = ExampleBatches(job.examples, size, job.seed, device, world=job.settings.devices)
    for step in range(max(1, min(IMAGES, len(job.examples)) // size)):
        yield batches[step]


def _train_on_ranks(job: Job, watch: Callable[[Sight], None]) -> None:
    """Train in `devices` processes started by PyTorch's elastic launcher; they report through a queue.

    The queue is a pipe, which no process has to serve: whatever is killed leaves nothing behind.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch
    from torch.multiprocessing import get_context

    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=job.settings.devices, run_id=job.fingerprint(), rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0", max_restarts=0, monitor_interval=0.5, start_method="spawn",
        signals_to_handle="SIGQUIT",  # the others are the command line's
    )  # fmt: skip
    reports: SimpleQueue[Sight | str | None] = get_context("spawn").SimpleQueue()
    failures: list[str] = []

    def pass_on() -> None:
        while (report := reports.get()) is not None:
            if isinstance(report, str):
                failures.append(report)
            else:
                watch(report)

    listener = threading.Thread(target=pass_on, daemon=True)
    listener.start()
    try:
        elastic_launch(config, _rank_main)(job, reports)
    except ChildFailedError as error:
        reports.put(None)
        listener.join(timeout=5)  # a process that was killed may have left half a report, which has no end
        if failures:
            raise GenlabError(failures[0]) from error
        failure = min(error.failures.values(), key=lambda failure: failure.exitcode)  # a signal, if there was one
        raise GenlabError(
            f"process {failure.local_rank} of the {job.settings.devices} that train {job.model} ended: "
            f"{failure.message.strip().splitlines()[0]}. The same command goes on from the newest snapshot"
        ) from error
    reports.put(None)
    listener.join()


def _rank_main(job: Job, reports: "SimpleQueue[Sight | str | None]") -> None:
    """What one rank does. PyTorch ends it with its parent, from here on."""
    parent = parent_process()
    if parent is None or not parent.is_alive():
        return
    if job.settings.accelerator == "cpu" or not torch.cuda.is_available():
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // job.settings.devices))
    try:
        machine = open_machine(job.settings, job.settings.devices)
        for sight in train(job, machine):
            if machine.fabric.is_global_zero:
                reports.put(sight)
    except GenlabError as error:
        reports.put(str(error))
        raise
