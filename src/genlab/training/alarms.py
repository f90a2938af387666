"""Warnings while models train: one has won, repeats itself, runs away, or has learned nothing. Training goes on.

Alarms depend on the rows of the history alone. A resumed run reads the rows again and so knows what was said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["discriminator_saturated", "generator_collapsed", "divergence", "learned_nothing"]

PATIENCE = 5  # reports in a row that must look bad
LOOKS = 2  # likewise, of drawings, which are looked at more rarely
SATURATED = 0.999  # share of right answers of a discriminator
COLLAPSED = 0.2  # distance between drawings, as a share of that between real images
GROWTH = 30.0  # of a loss above its lowest, as a multiple of that (of 1 where it is smaller)
GAIN = 0.01  # share of the untrained model's score, or of a first loss, by which training must have lowered it
SHOWN = 4  # reports below which losses show no course


@dataclass(frozen=True)
class Alarm:
    """What looks wrong, since when, and what may help."""

    kind: Kind
    step: int
    message: str


@dataclass
class Alarms:
    """Reads the history row by row, and raises every kind of alarm once."""

    raised: dict[Kind, Alarm] = field(default_factory=dict)
    _bad: dict[str, int] = field(default_factory=dict)  # reports in a row, by what they are about
    _losses: dict[str, list[float]] = field(default_factory=dict)  # of every player

    def read(self, row: Mapping[str, float]) -> list[Alarm]:
        """The alarms that this row raises.

        Args:
            row: `step`; "loss_<player>", what that player minimises; where they are known "<player>/accuracy", a
                discriminator's share of right answers, and "validation/diversity", the mean distance between drawings
                as a share of that between real images.
        """
        new = []
        for name, value in row.items():
            found = self._judge(name, value)
            if found and found[0] not in self.raised:
                alarm = Alarm(found[0], int(row["step"]), found[1])
                self.raised[alarm.kind] = alarm
                new.append(alarm)
        return new

    def _judge(self, name: str, value: float) -> tuple[Kind, str] | None:
        if name.endswith("/accuracy") and self._lasting(name, value >= SATURATED):
            return "discriminator_saturated", (
                f"the {name.partition('/')[0]} has been right {value:.1%} of the time for {PATIENCE} reports, so that "
                "it may teach nothing any more; another loss, a penalty, or a smaller or slower discriminator may help"
            )
        if name.startswith("loss_"):
            self._losses.setdefault(name, []).append(value)
            lowest = min(self._losses[name])
            if self._lasting(name, value - lowest > GROWTH * max(abs(lowest), 1.0)):
                return "divergence", (
                    f"the loss of the {name.removeprefix('loss_')} has grown from {lowest:.3g} to {value:.3g}; a lower "
                    "training.learning_rate or a gradient penalty may help"
                )
        if name == "validation/diversity" and self._lasting(name, value < COLLAPSED, LOOKS):
            return "generator_collapsed", (
                f"drawings differ from each other {value:.0%} as much as real images do; another loss, a lower "
                "training.learning_rate or larger batches may help"
            )
        return None

    def finish(self, row: Mapping[str, float]) -> Alarm | None:
        """Whether the whole training was worth nothing.

        The score of the untrained model tells. Where there is none, the losses do: an adversary's may rise in a good
        training, but not those of all players.

        Args:
            row: the last, with `step` and, where they are known, "validation/score" and "validation/untrained".
        """
        if "validation/untrained" in row:
            score, untrained = row["validation/score"], row["validation/untrained"]
            if score < untrained - GAIN * abs(untrained):
                return None
            found = (
                f"its score on the validation split is {score:.4g}; untrained it was {untrained:.4g} (lower is better)"
            )
        else:
            for losses in self._losses.values():
                late = losses[-max(1, len(losses) // 4) :]
                if len(losses) < SHOWN or sum(late) / len(late) < losses[0] - GAIN * abs(losses[0]):
                    return None
            if not self._losses:
                return None
            found = "no player's loss is lower than at the first report"
        return Alarm("learned_nothing", int(row["step"]), f"{found}; try another training.learning_rate, or more steps")

    def _lasting(self, name: str, bad: bool, patience: int = PATIENCE) -> bool:
        self._bad[name] = self._bad.get(name, 0) + 1 if bad else 0
        return self._bad[name] >= patience


def alarms_of(history: Sequence[Mapping[str, float]]) -> list[Alarm]:
    """All alarms of a whole training."""
    alarms = Alarms()
    found = [alarm for row in history for alarm in alarms.read(row)]
    return [*found, *filter(None, [alarms.finish(history[-1])])]
