"""The atlas: every model in its place in the lecture's tree, with what its newest whole run on this machine says."""

import inspect
import math
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter

import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.questions import QUESTIONS, split_column
from genlab.experiments.leaderboard import (
    COSTS,
    Leaderboard,
    beside,
    better,
    build_leaderboard,
    controls_of,
    main_metrics,
    question_of,
    title,
    why_not,
)
from genlab.experiments.page import ARROWS, ON_A_CARD, few_sounds
from genlab.experiments.reproduce import Command, read_command
from genlab.experiments.settings import CompareSettings
from genlab.models import MODELS, model_class, title_and_paper
from genlab.models.base import (
    Capability,
    Completes,
    Decodes,
    DecodesDomains,
    Encodes,
    EncodesDomains,
    Family,
    HasDensity,
    Model,
    Reconstructs,
    Samples,
    ShowsSteps,
    Translates,
)
from genlab.report.chart import Lines, Point, Scatter, curves
from genlab.report.registry import figure
from genlab.tracking.runs import FinishedRun
from genlab.tracking.tracker import flatten

ABILITIES: dict[str, tuple[type[Capability], ...]] = {
    "sample": (Samples,), "score": (HasDensity,), "encode": (Encodes, EncodesDomains),
    "decode": (Decodes, DecodesDomains), "reconstruct": (Reconstructs,), "complete": (Completes,),
    "translate": (Translates,), "show its steps": (ShowsSteps,),
}  # fmt: skip
"""What a model may be able to do, and the capabilities of which it then has one."""

TOLD = "be told what"  # the ability that an attribute says


@dataclass(frozen=True)
class Number:
    """A metric of a run beside its interval and its controls."""

    question: str
    column: str  # of the leaderboard
    row: "pd.Series[float]"

    @property
    def metric(self) -> str:
        """As `metrics.json` calls it."""
        return split_column(self.column)

    @property
    def controls(self) -> dict[str, float]:
        """What stands in the place of the model, in words, and its value; the hardest to beat comes first."""
        found = controls_of(self.row, self.column).items()
        return dict(sorted(found, key=itemgetter(1), reverse=better(self.column) == "higher"))


@dataclass(frozen=True)
class Leaf:
    """A model, and its newest whole run where there is one."""

    model: str
    kind: type[Model]
    run: FinishedRun | None
    numbers: list[Number] = field(default_factory=list)  # the headline of each question that it answers
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    sounds: Mapping[str, bytes] = field(default_factory=dict)  # WAVs
    charts: list[Lines] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The name of its class."""
        return self.kind.__name__

    @property
    def family(self) -> Family:
        """Where it stands."""
        return self.kind.family

    @property
    def place(self) -> str:
        """Its file, as the project has it."""
        return f"src/{self.kind.__module__.replace('.', '/')}.py"

    @property
    def source(self) -> str:
        """The text of its file."""
        return inspect.getsource(sys.modules[self.kind.__module__])

    @property
    def paper(self) -> list[str]:
        """What its file says first: a sentence, then the paper."""
        return title_and_paper(self.model)

    @property
    def density(self) -> str:
        """What its log-likelihoods are: of the run, else of its class."""
        if self.run and (said := self.run.tags.get("nll_nats_kind")):
            return said
        if not issubclass(self.kind, HasDensity):
            return "none"
        return ", ".join(getattr(self.kind, "density", ("exact or bound: by its arguments",)))

    @property
    def first_numbers(self) -> list[Number]:
        """Of its numbers the first and the last: how well it draws, and what it says of an image."""
        return self.numbers[:1] + self.numbers[1:][-1:]

    @property
    def first_pictures(self) -> dict[str, bytes]:
        """Those of the first question that it answers in pictures."""
        for start in (start for question in QUESTIONS for start in question.pictures[:1]):
            if found := {name: png for name, png in self.pictures.items() if name.startswith(start)}:
                return found
        return {}

    @property
    def all_pictures(self) -> dict[str, bytes]:
        """All, these first."""
        return {**self.first_pictures, **self.pictures}

    @property
    def command(self) -> str:
        """What makes the run, or a first one."""
        given = _command(self.run) if self.run else None
        typed, env = (given["runtime_params"], given["env"]) if given else ({}, None)
        parameters = flatten({name: value for name, value in typed.items() if name != "data_root"})
        said = ",".join(f"{name}={'null' if value is None else value}" for name, value in parameters.items())
        options = {"--pipeline": self.model, "--env": env, "--params": said}
        return shlex.join(["kedro", "run", *(f"{name}={value}" for name, value in options.items() if value)])

    def can(self, ability: str) -> str:
        """Whether it is able to, in a word: "no" or how."""
        if ability == TOLD:
            told = getattr(self.kind, "condition", "by setting" if issubclass(self.kind, Samples) else None)
            return told or "no"
        if not issubclass(self.kind, ABILITIES[ability]):
            return "no"
        return self.density if ability == "score" else "yes"


@dataclass(frozen=True)
class Branch:
    """A branch of the tree: more branches, and leaves."""

    branches: "dict[str, Branch]" = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)


@dataclass(frozen=True)
class Atlas:
    """What the page and the picture show."""

    leaves: list[Leaf]  # in the order of the tree
    scatters: dict[str, list[Scatter]]  # by the question that they answer

    @property
    def tree(self) -> Branch:
        """The leaves on their branches."""
        root = Branch()
        for leaf in self.leaves:
            branch = root
            for name in leaf.family.value:
                branch = branch.branches.setdefault(name, Branch())
            branch.leaves.append(leaf)
        return root


def _command(run: FinishedRun) -> Command | None:
    """The command that makes a whole run again; None where none does."""
    with suppress(GenlabError):
        if not (command := read_command(run))["parts"]:
            return command
    return None


def newest_whole(runs: Iterable[FinishedRun]) -> dict[str, FinishedRun]:
    """The newest run of each model that has all that is told about it, and that one command makes again."""
    whole = (run for run in runs if "reproduces" not in run.tags and _command(run) and not why_not(run))
    return {run.tags["model"]: run for run in sorted(whole, key=lambda run: run.started)}


def build_atlas(
    runs: Iterable[FinishedRun], pictures: Callable[[FinishedRun], Mapping[str, bytes]],
    history: Callable[[FinishedRun], pd.DataFrame | None], sounds: Callable[[FinishedRun], Mapping[str, bytes]],
) -> Atlas:  # fmt: skip
    """Every model of `MODELS`, with the newest of its finished runs; `pictures` are PNGs by name, `sounds` WAVs."""
    newest = newest_whole(runs)
    board = build_leaderboard([*newest.values()], CompareSettings()) if newest else None
    tables = [table for tables in board.questions().values() for table in tables] if board else []
    leaves = []
    for model in MODELS:
        if not (run := newest.get(model)):
            leaves.append(Leaf(model, model_class(model), None))
            continue
        numbers = [number for table in tables for number in _headlines(table, run)]
        losses = history(run)
        charts = [] if losses is None else curves(losses)
        leaves.append(
            Leaf(model, model_class(model), run, numbers, pictures(run), few_sounds(sounds(run), ON_A_CARD), charts)
        )
    order = list(Family)
    leaves.sort(key=lambda leaf: order.index(leaf.family))
    return Atlas(leaves, _scatters(board, tables) if board else {})


def _headlines(table: pd.DataFrame, run: FinishedRun) -> Iterable[Number]:
    """The first metric that a run has of a group; nothing where it is not in the group."""
    for _, row in table[table["run_id"] == run.run_id].iterrows():
        known = [name for name in main_metrics(table) if name not in COSTS and pd.notna(row[name])]
        yield from (Number(row["question"], name, row) for name in known[:1])


@cache
def captions() -> dict[str, str]:
    """What figures show, by how their names begin: figures say it in their first line."""
    said = (" ".join((entry.function.__doc__ or "").split("\n\n")[0].split()) for entry in figure.all)
    found = (re.match(r"`(\w+?)(?:_<domain>)?`(?:, \(H, W, 3\) uint8)?: (.*)", text) for text in said)
    return {match[1]: match[2].replace("`", "") for match in found if match}


def caption(name: str) -> str:
    """What the figure of this name shows."""
    known = [start for start in captions() if name.startswith(start)]
    return captions()[max(known, key=len)] if known else name.replace("_", " ")


def _quality(table: pd.DataFrame) -> str | None:
    """The headline metric with an interval that most models of a group have; None where there is none."""
    names = [n for n in main_metrics(table) if n not in COSTS and beside(n, "low") in table]
    headline = [n for n in names if split_column(n) in question_of(table).headline]
    return max(headline, key=lambda name: table[name].notna().sum(), default=None)


def _scatters(board: Leaderboard, tables: list[pd.DataFrame]) -> dict[str, list[Scatter]]:
    """The charts of the three questions. Models stand in one chart where they share the protocols of both axes.

    Times can be compared where the machine is the same.
    """
    draws = [t for t in tables if {Samples, Translates}.intersection(question_of(t).asks) and _quality(t)]
    scores = [t for t in tables if HasDensity in question_of(t).asks]
    probable = [
        _scatter(title(score), both, metrics, log=False)
        for score in scores for drawn in draws
        if (metrics := (main_metrics(score)[0], str(_quality(drawn))))
        and len(both := _with_both(drawn.merge(score[["run_id", *score.columns.difference(drawn.columns)]]), metrics))
    ]  # fmt: skip
    costs: dict[str, list[Scatter]] = {"train_seconds": [], "draw_seconds": []}
    for time, charts in costs.items():
        for table in draws:
            machines = table["run_id"].map(lambda run_id: board.runs[run_id].tags.get("machine", ""))
            for machine, rows in table.groupby(machines):
                metrics = time, str(_quality(table))
                if time in rows and len(known := _with_both(rows, metrics)):
                    heading = f"{question_of(table).words}: {title(table)}; {machine}"
                    charts.append(_scatter(heading, known, metrics, log=True))
    return {
        "Do models that find new images probable also draw well?": probable,
        "What does quality cost in training?": costs["train_seconds"],
        "What does quality cost in drawing?": costs["draw_seconds"],
    }


def _with_both(rows: pd.DataFrame, metrics: tuple[str, str]) -> pd.DataFrame:
    """The rows that have both metrics."""
    return rows.dropna(subset=list(metrics))


def _scatter(heading: str, rows: pd.DataFrame, metrics: tuple[str, str], log: bool) -> Scatter:
    """A point for each row."""

    def value(row: "pd.Series[float]", name: str) -> tuple[float, float, float]:
        ends = (row.get(beside(name, end), math.nan) for end in ("low", "high"))
        low, high = (row[name] if pd.isna(end) else end for end in ends)
        return row[name], low, high

    points = [
        Point(row["model"], model_class(row["model"]).__name__, value(row, metrics[0]), value(row, metrics[1]))
        for _, row in rows.iterrows()
    ]
    names = [f"{split_column(name).replace('_', ' ')} {ARROWS.get(better(name) or '', '')}" for name in metrics]
    return Scatter(heading, points, (names[0], names[1]), log)
