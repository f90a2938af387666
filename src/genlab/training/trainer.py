"""The trainer: asks a model whose turn it is, and moves that player."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel

from genlab.errors import GenlabError
from genlab.models.base import Batch, Model
from genlab.nn.image_pool import ImagePool
from genlab.nn.statistics import batch_norms
from genlab.training.machine import Machine
from genlab.training.settings import TrainingSettings


@runtime_checkable
class Batches(Protocol):
    """Training batches by step number."""

    def __getitem__(self, step: int) -> dict[str, Tensor]: ...


def make_optimizer(parameters: list[nn.Parameter], settings: TrainingSettings, fused: bool) -> Optimizer:
    """The optimiser of one player, whose own settings these are."""
    common: dict = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    match settings.optimizer:
        case "adam":
            return Adam(parameters, betas=settings.betas, fused=fused, **common)
        case "adamw":
            return AdamW(parameters, betas=settings.betas, fused=fused, **common)
        case "adagrad":
            start = settings.initial_accumulator
            return Adagrad(parameters, initial_accumulator_value=start, fused=fused, **common)
        case "rmsprop":
            return RMSprop(parameters, momentum=settings.momentum, **common)
        case "sgd":
            return SGD(parameters, momentum=settings.momentum, fused=fused, **common)


def learning_rate(settings: TrainingSettings, step: int, total: int) -> float:
    """Rising linearly over `warm_up` steps, then constant, then falling linearly from `decay_from` of the steps.

    It would reach zero after the last step.
    """
    start = settings.decay_from * total
    rising = min(1.0, (step + 1) / settings.warm_up) if settings.warm_up else 1.0
    return settings.learning_rate * rising * (1.0 if step < start else (total - step) / (total - start))


def average_weights(model: Model, settings: TrainingSettings) -> AveragedModel:
    """A copy of the model that takes in the model's weights and buffers after every step.

    theta' <- decay theta' + (1 - decay) theta, where decay is `ema`, but after n steps at most (1 + n) / (1 / share +
    n): so the average is of at most about the last `share` of all steps, and the first weights are soon forgotten.
    """

    def take_in(averaged: Any, current: Any, taken: Any) -> None:
        n = int(taken)
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - min(settings.ema, (1 + n) / (1 / settings.ema_share + n)))
        else:  # counters
            torch._foreach_copy_(averaged, current)

    average = AveragedModel(model, multi_avg_fn=take_in, use_buffers=True)
    average.requires_grad_(False)
    return average.eval()


def train_step(
    model: Model, optimizers: Mapping[str, Optimizer], batch: Batch, step: int, machine: Machine, clip: float = 0.0
) -> dict[str, Tensor]:
    """One step of the game: each turn moves its player's parameters and nobody else's.

    Returns the terms and metrics of all turns as "player/name", and the sum of a player's terms as "loss_player":
    detached scalars, still on the device. A surrogate's terms are "player/surrogate_name", and it has no loss.
    `clip` is the largest norm of a player's gradient; 0 sets no limit.
    """
    players = model.players()
    values: dict[str, Tensor] = {}
    turns = model.turns(batch, step)
    while True:
        with machine.fabric.autocast():
            turn = next(turns, None)
        if turn is None:
            return values
        optimizer = optimizers[turn.player]
        optimizer.zero_grad()
        loss = torch.stack(list(turn.terms.values())).sum()
        loss.backward(inputs=players[turn.player])
        machine.average([p.grad for p in players[turn.player] if p.grad is not None])
        if clip:
            nn.utils.clip_grad_norm_(players[turn.player], clip)
        optimizer.step()
        kind = "surrogate_" if turn.surrogate else ""
        values |= {f"{turn.player}/{kind}{name}": value.detach() for name, value in turn.terms.items()}
        values |= {f"{turn.player}/{name}": value.detach() for name, value in turn.metrics.items()}
        if not turn.surrogate:
            values[f"loss_{turn.player}"] = loss.detach()


def statistics(model: nn.Module) -> list[Tensor]:
    """The running means and variances of batch normalisation, which each rank takes from its own share of a batch."""
    return [value for norm in batch_norms(model).values() for value in norm.buffers() if value.is_floating_point()]


def pools(model: nn.Module) -> dict[str, Tensor]:
    """The past drawings that critics are shown again; each rank has its own."""
    parts = {name: part for name, part in model.named_modules() if isinstance(part, ImagePool) and part.size}
    return {f"{name}.{buffer}": value for name, part in parts.items() for buffer, value in part.named_buffers()}


def require_finite(values: list[dict[str, Tensor]], first_step: int) -> None:
    """Refuse to go on when a loss or metric is not a finite number.

    Raises:
        GenlabError: names the first such step, its player and its term.
    """
    names = list(values[0])
    table = torch.stack([torch.stack([row[name].float() for name in names]) for row in values]).cpu()  # (steps, names)
    bad = (~torch.isfinite(table)).nonzero()
    if len(bad):
        row, column = bad[0].tolist()
        player, _, term = names[column].partition("/")
        raise GenlabError(
            f"training diverged: at step {first_step + row} the term {term!r} of player {player!r} became "
            f"{table[row, column].item()}. Lower training.learning_rate or check the data; the last snapshot is kept"
        )


PULSE = 5.0  # seconds after which a long block of steps says where it is


@dataclass(frozen=True)
class Progress:
    """Where training stands: a report, or between two reports a pulse, which only shows that it goes on."""

    step: int  # steps done
    total: int
    images_seen: int
    seconds: float  # of training, all attempts together, without pictures and snapshots
    values: Mapping[str, float]  # means since the last report, as of `train_step`; learning_rate, images_per_second
    pulse: bool = False  # the values are of one step, and no row of the history


@dataclass
class Training:
    """A run of training: model, optimisers and how far they are."""

    model: Model
    batches: Batches
    settings: TrainingSettings
    seed: int
    total: int  # steps
    machine: Machine
    score_every: int | None = None  # steps
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best_score: float = math.inf  # on the validation split; lower is better
    optimizers: dict[str, Optimizer] = field(init=False)
    average: AveragedModel | None = field(init=False)

    def __post_init__(self) -> None:
        self.settings.require_players(self.model.players())
        self.machine.place(self.model)
        self.optimizers = {
            player: make_optimizer(parameters, self.settings.of_player(player), self.machine.fused())
            for player, parameters in self.model.players().items()
        }
        self.average = average_weights(self.model, self.settings) if self.settings.ema else None

    @property
    def drawing(self) -> Model:
        """The model that draws: with averaged weights where there are such, else the one that trains."""
        return self.model if self.average is None else cast(Model, self.average.module)

    @property
    def images_seen(self) -> int:
        return self.step * self.settings.batch_size

    def run(self, augment: "Augment | None" = None) -> Iterator[Progress]:
        """Train to the end; yields where a report or a score is due, and at the end, with the training at rest.

        Between two reports nothing waits for the device, but for a pulse where they are far apart.

        Raises:
            GenlabError: a loss is no longer a finite number; the model is then worthless, older snapshots are not.
        """
        self.model.train()
        own = {player: self.settings.of_player(player) for player in self.optimizers}
        shared = statistics(self.model)
        intervals = [self.settings.report_every, self.score_every or self.total]
        while self.step < self.total:
            first, start = self.step, time.perf_counter()
            rate, said = self.settings.learning_rate, start
            values: list[dict[str, Tensor]] = []
            stop = min(self.total, *(first + every - first % every for every in intervals))
            for step in range(first, stop):
                rate = learning_rate(self.settings, step, self.total)
                for player, optimizer in self.optimizers.items():
                    for group in optimizer.param_groups:
                        group["lr"] = learning_rate(own[player], step, self.total)
                batch = self._batch(step, augment)
                if step == 0:
                    self._prepare(batch)
                clip = self.settings.clip
                values.append(train_step(self.model, self.optimizers, batch, step, self.machine, clip))
                self.machine.average(shared)
                if self.average is not None:
                    self.average.update_parameters(self.model)
                if (now := time.perf_counter()) - said > PULSE:
                    said, done = now, step + 1
                    speed = (done - first) * self.settings.batch_size / (now - start)
                    shown = {name: value.item() for name, value in values[-1].items()}
                    yield Progress(
                        done, self.total, done * self.settings.batch_size, self.seconds + now - start,
                        {**shown, "images_per_second": speed}, pulse=True,
                    )  # fmt: skip
            require_finite(values, first)
            together = [torch.stack([row[name].float() for row in values]).mean() for name in values[0]]
            self.machine.average(together)
            means = {name: mean.item() for name, mean in zip(values[0], together, strict=True)}
            seconds = time.perf_counter() - start
            self.step, self.seconds = stop, self.seconds + seconds
            speed = (stop - first) * self.settings.batch_size / seconds
            means |= {"learning_rate": rate, "images_per_second": speed}
            self.history.append({"step": float(stop), **means})
            yield Progress(stop, self.total, self.images_seen, self.seconds, means)

    def _batch(self, step: int, augment: "Augment | None") -> Batch:
        """The batch of a step, after torch's generators are set for that step."""
        self.machine.seed(self.seed, step)
        batch: Batch = {
            name: value.to(self.machine.dtype) if value.is_floating_point() else value
            for name, value in self.batches[step].items()
        }
        return batch if augment is None else augment(batch)

    @torch.no_grad()
    def _prepare(self, batch: Batch) -> None:
        """First values from the first batch. Several ranks then take the mean of what each found in its share."""
        self.model.prepare(batch)
        self.machine.average([value for value in self.model.state_dict().values() if value.is_floating_point()])

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on: tensors and plain values.

        Raises:
            GenlabError: a parameter is not finite, although the losses still were.
        """
        for player, parameters in self.model.players().items():
            if not all(torch.isfinite(parameter).all() for parameter in parameters):
                raise GenlabError(
                    f"training diverged: after step {self.step} the parameters of player {player!r} are not finite. "
                    "Lower training.learning_rate; the snapshot before it is kept"
                )
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self.optimizers.items()},
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "best_score": self.best_score,
        }

    def states_of_ranks(self) -> list[dict[str, Tensor]]:
        """What each rank has for itself: its pools of past drawings. All ranks must ask together."""
        own, world = pools(self.model), self.machine.fabric.world_size
        if world == 1:
            return []
        plain = torch.contiguous_format
        states = [{n: torch.empty_like(value, memory_format=plain) for n, value in own.items()} for _ in range(world)]
        for name, value in own.items():
            torch.distributed.all_gather([state[name] for state in states], value.contiguous())
        return states

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` and `states_of_ranks` were taken."""
        self.model.load_state_dict(state["model"])
        for name, value in pools(self.model).items() if state.get("ranks") else ():
            value.copy_(state["ranks"][self.machine.fabric.global_rank][name])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for player, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][player])
        self.step, self.seconds, self.history = state["step"], state["seconds"], list(state["history"])
        self.best_score = state["best_score"]


@runtime_checkable
class Augment(Protocol):
    """Changes a training batch at random, from torch's global generator."""

    def __call__(self, batch: Batch, /) -> dict[str, Tensor]: ...
