"""Warnings while adversaries train: one has won, repeats itself, or runs away. Training goes on.

Alarms depend on the rows of the history alone. A resumed run reads the rows again and so knows what was said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["discriminator_saturated", "generator_collapsed", "divergence"]

PATIENCE = 5  # reports in a row that must look bad
LOOKS = 2  # likewise, of drawings, which are looked at more rarely
SATURATED = 0.999  # share of right answers of a discriminator
COLLAPSED = 0.2  # distance between drawings, as a share of that between real images
GROWTH = 30.0  # of a loss above its lowest, as a multiple of that (of 1 where it is smaller)


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
    _lowest: dict[str, float] = field(default_factory=dict)  # of every player's loss

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
            lowest = self._lowest[name] = min(value, self._lowest.get(name, value))
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

    def _lasting(self, name: str, bad: bool, patience: int = PATIENCE) -> bool:
        self._bad[name] = self._bad.get(name, 0) + 1 if bad else 0
        return self._bad[name] >= patience
