"""Charts in the numbers of an SVG, which a template draws: axes with ticks, labels clear of each other, lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator

from genlab.report.curves import is_positive, names_by_player

WIDTH, HEIGHT = 380, 300  # of a chart
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 42  # around its axes
LETTER, LINE = 6.6, 14  # width and height of a letter in a label
MOST_POINTS = 200  # of a line

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Axis:
    """Values between `low` and `high` as places between `start` and `end`."""

    name: str
    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(cls, name: str, values: Sequence[float], start: float, end: float, log: bool = False) -> "Axis":
        """An axis on which all these values have room."""
        low, high = min(values), max(values)
        if log:
            return cls(name, low / 1.6, high * 1.6, start, end, log)
        room = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
        return cls(name, low - room, high + room, start, end)

    def at(self, value: float) -> float:
        """The place of a value."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Some round values: their places, and how they are written."""
        wide = self.high / self.low > 100 if self.log else False
        locator = LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)) if self.log else MaxNLocator(5)
        return [(self.at(v), f"{v:,g}") for v in locator.tick_values(self.low, self.high) if self.low <= v <= self.high]


def axes_for(
    names: tuple[str, str], x: Sequence[float], y: Sequence[float], log: tuple[bool, bool] = (False, False)
) -> tuple[Axis, Axis]:
    """The axes of a chart that holds these values."""
    across = Axis.around(names[0], x, LEFT, WIDTH - RIGHT, log[0])
    return across, Axis.around(names[1], y, HEIGHT - BOTTOM, TOP, log[1])


@dataclass(frozen=True)
class Point:
    """A model in a chart: its values, each with the ends of its interval, which are the value where it has none."""

    model: str
    label: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]


@dataclass(frozen=True)
class Scatter:
    """Points that may stand in one chart."""

    title: str
    points: list[Point]
    names: tuple[str, str]  # of the axes
    log: bool  # is x logarithmic?
    axes: tuple[Axis, Axis] = field(init=False)
    labels: list[tuple[float, float]] = field(init=False)  # where each point's label begins: left, the line of writing

    def __post_init__(self) -> None:
        x, y = ([value for point in self.points for value in getattr(point, name)] for name in "xy")
        object.__setattr__(self, "axes", axes_for(self.names, x, y, (self.log, False)))
        places = [(self.axes[0].at(point.x[0]), self.axes[1].at(point.y[0])) for point in self.points]
        object.__setattr__(self, "labels", place_labels(places, [point.label for point in self.points]))


def place_labels(points: Sequence[tuple[float, float]], labels: Sequence[str]) -> list[tuple[float, float]]:
    """Where each label stands: the nearest place around its point where it covers no point and no other label."""
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    found = []
    for (x, y), label in zip(points, labels, strict=True):
        width = LETTER * len(label)
        around = [
            (x + far * across + (min(across, 0) - (across == 0) / 2) * width, y + (far + LINE / 2) * down - LINE / 2)
            for far in (8, 16, 26, 38, 52, 70, 90, 112, 136)
            for across, down in ((1, -1), (1, 1), (-1, -1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1))
        ]
        boxes = [(left, top, left + width, top + LINE) for left, top in around]
        free = [box for box in boxes if is_inside(box) and not any(overlap(box, other) for other in taken)]
        box = (free or boxes)[0]
        taken.append(box)
        found.append((round(box[0], 1), round(box[3] - 3, 1)))
    return found


def is_inside(box: Box) -> bool:
    """Whether a box is within the axes."""
    return box[0] > LEFT and box[1] > 0 and box[2] < WIDTH and box[3] < HEIGHT - BOTTOM


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a place."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@dataclass(frozen=True)
class Lines:
    """The curves of one player: its terms over the steps."""

    title: str
    axes: tuple[Axis, Axis]
    lines: dict[str, str]  # by name: the points, as SVG has them


def curves(history: pd.DataFrame) -> list[Lines]:
    """A chart for each player, of its terms over the steps; logarithmic where all are positive.

    Args:
        history: as in `draw_curves`.
    """
    charts = []
    for player, mine in names_by_player(history).items():
        known = {name: history[["step", name]].replace([np.inf, -np.inf], np.nan).dropna() for name in mine}
        thin = {name: rows.iloc[:: -(-len(rows) // MOST_POINTS)] for name, rows in known.items() if len(rows)}
        if not thin:
            continue
        steps, values = (pd.concat([rows.iloc[:, column] for rows in thin.values()]) for column in (0, 1))
        x, y = axes_for(("step", ""), steps, values, (False, is_positive(values.to_frame())))
        lines = {
            name.partition("/")[2]: " ".join(f"{x.at(step)},{y.at(value)}" for step, value in rows.to_numpy())
            for name, rows in thin.items()
        }
        charts.append(Lines(player, (x, y), lines))
    return charts
