"""The ledger: published numbers, and beside each the number of a run with what tells that run apart.

`docs/ledger.yml` has the published numbers, each with the command that answers it. `docs/ledger.json` keeps the numbers
of runs that were found in MLflow, so that `docs/ledger.md` can be made where these runs are not.
"""

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from genlab.errors import GenlabError
from genlab.evaluation.questions import metric_behind
from genlab.experiments.leaderboard import beside, better, controls_of
from genlab.experiments.lineage import chain, missing_links
from genlab.experiments.page import ARROWS, number
from genlab.models import MODELS, model_class
from genlab.tracking.runs import FinishedRun
from genlab.tracking.tracker import flatten

IDLE = re.compile(r"data_root|data\.root|training\.(report|snapshot|picture)_every")
"""Parameters that change no number."""
HEAD = """# Ledger

Published numbers, and what Genlab's runs have. `make ledger` writes this page from `docs/ledger.yml` (the published
numbers), from `docs/ledger.json` (the numbers of runs, kept with what tells the run apart), and from the finished runs
in MLflow; `make ledger STORES="one/mlflow.db other/mlflow.db"` reads these instead. Of several runs that answer a row
the newest stands here. An interval is of 95 %, over test images of one run. Seconds are of training, often beside other
trainings. `data.root=FOLDER` among the `--params` takes a set from a folder in place of the network.

A row that follows the recipe of its source has a tolerance, written down before the run. Outside of it the row is
**red**, and `make ledger` ends with 1. The other rows are of reduced recipes or of other protocols: their gap is shown,
and they are never red. "Second hand" is what notes or public code quote: we did not see the number in the paper.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A published number, and the command that answers it."""

    set: str  # the heading under which the row stands
    what: str  # what was published, in words
    published: float | None  # None: nothing by a protocol of ours
    error: float | None = None  # the published standard error
    source: str
    differs: str  # in what the two protocols and recipes differ
    metric: str
    tolerance: float | None = None  # of a row that follows its source's recipe
    model: str
    env: str | None = None  # None: Genlab has no command for it
    settings: Mapping[str, Any] = field(default_factory=dict)  # what the command types, as a run's parameters are named

    @property
    def command(self) -> str:
        """The command that answers the row."""
        typed = [f"{self.model}.{k}={v}" if k.startswith("model.") else f"{k}={v}" for k, v in self.settings.items()]
        params = f" --params={','.join(typed)}" if typed else ""
        return f"kedro run --pipelines={self.model} --env={self.env}{params}" if self.env else ""

    def is_of(self, run: FinishedRun) -> bool:
        """Whether a run answers the row: it has the row's settings, and nothing else was typed."""
        command = json.loads(run.tags.get("command", '{"parts": "unknown"}'))
        if (run.tags["model"], run.tags.get("environment")) != (self.model, self.env) or command["parts"]:
            return False
        keys = {key.removeprefix(f"{self.model}.") for key in flatten(command["runtime_params"] or {})}
        typed = {key for key in keys if key.partition(".")[0] not in MODELS and not IDLE.fullmatch(key)}
        arguments = inspect.signature(model_class(self.model).__init__).parameters.values()
        known = {f"model.{one.name}": str(one.default) for one in arguments} | {**run.parameters}
        same = all(known.get(key) == str(value) for key, value in self.settings.items())
        return same and typed <= {*self.settings} and self.metric in run.final_metrics and not missing_links(run)

    def is_red(self, kept: Mapping[str, Any] | None) -> bool:
        """Whether the number of a run lies outside the tolerance."""
        if kept is None or self.tolerance is None or self.published is None:
            return False
        return not abs(kept["metrics"][self.metric] - self.published) <= self.tolerance  # nor is NaN within it


def read_rows(folder: Path) -> list[Row]:
    """The published numbers."""
    return [Row(**row) for row in yaml.safe_load((folder / "ledger.yml").read_text())]


def write_ledger(folder: Path, runs: Iterable[FinishedRun]) -> None:
    """Keep what the runs add, and write the page.

    Raises:
        GenlabError: names the rows that are red; everything is written before.
    """
    rows = read_rows(folder)
    found = {(row.command, run.started): run for run in runs for row in rows if row.is_of(run)}
    kept = json.loads((folder / "ledger.json").read_text())
    for (command, started), run in sorted(found.items(), key=lambda one: one[0]):
        if started >= kept.get(command, {}).get("started", 0):
            kept[command] = keep(run, {row.metric for row in rows if row.command == command})
    kept = {row.command: kept[row.command] for row in rows if row.command in kept}
    (folder / "ledger.json").write_text(f"{json.dumps(kept, indent=1)}\n")
    (folder / "ledger.md").write_text(page(rows, kept))
    if red := [row.what for row in rows if row.is_red(kept.get(row.command))]:
        raise GenlabError(f"outside of its tolerance: {'; '.join(red)}. {folder / 'ledger.md'} has the numbers")


def keep(run: FinishedRun, metrics: Iterable[str]) -> dict[str, Any]:
    """What is kept of a run: what tells it apart, and its numbers with their intervals and controls."""
    numbers = {k: v for k, v in run.final_metrics.items() if k in metrics or metric_behind(k) in metrics}
    return {
        "run": run.run_id,
        "name": run.name,
        "started": run.started,
        "commit": run.tags["mlflow.source.git.commit"],
        "machine": run.tags["machine"],
        "data": run.tags["data_fingerprint"],
        "test_images": run.tags["test_fingerprint"],
        "checkpoint": chain(run)[f"{run.tags['model']}.checkpoint"].digest,
        "metrics": numbers | {"train_seconds": run.final_metrics["train_seconds"]},
    }


def page(rows: Iterable[Row], kept: Mapping[str, Mapping[str, Any]]) -> str:
    """The ledger in Markdown: for each set of images a table, and a note for each of its rows."""
    lines = [HEAD]
    for name, group in groupby(rows, key=lambda row: row.set):
        of_set = list(group)
        lines += [f"## {name}\n", "| | metric | published | here | gap | | seconds |", "|---|---|---|---|---|---|---|"]
        lines += [f"| {n}. {row.what} | {_cells(row, kept.get(row.command))} |" for n, row in enumerate(of_set, 1)]
        lines += ["", *(f"{n}. {_note(row, kept.get(row.command))}" for n, row in enumerate(of_set, 1)), ""]
    return "\n".join(lines)


def _cells(row: Row, kept: Mapping[str, Any] | None) -> str:
    way = better(row.metric)
    metric = f"`{row.metric}` {ARROWS[way]}" if way else row.metric
    error = f" ± {row.error:g}" if row.error else ""
    published = "" if row.published is None else f"{row.published:g}{error}"
    tolerance = "" if row.tolerance is None else f"± {row.tolerance:g}"
    if kept is None:
        return " | ".join([metric, published, "not run here", "", f"to be within {tolerance}" * bool(tolerance), ""])
    value = kept["metrics"][row.metric]
    low, high, deviation = (kept["metrics"].get(beside(row.metric, end)) for end in ("low", "high", "standard_error"))
    interval = f" ± {number(deviation)}" if deviation else "" if low is None else f" ({number(low)} to {number(high)})"
    gap = "" if row.published is None else f"{value - row.published:+.3g}"
    verdict = f"**red**, outside {tolerance}" if row.is_red(kept) else f"within {tolerance}" if tolerance else "reduced"
    seconds = f"{kept['metrics']['train_seconds']:,.0f}"
    return " | ".join([metric, published, f"**{number(value)}**{interval}", gap, verdict, seconds])


def _note(row: Row, kept: Mapping[str, Any] | None) -> str:
    said = [f"{row.source} {row.differs}", *([f"`{row.command}`"] if row.env else [])]
    if kept:
        values = controls_of(kept["metrics"], row.metric)
        shown = ", ".join(f"{words} {number(value)}" for words, value in values.items())
        day = datetime.fromtimestamp(kept["started"] / 1000, UTC).date()
        run, commit, data, checkpoint = (kept[name][:8] for name in ("run", "commit", "data", "checkpoint"))
        said += [f"Beside it: {shown}."] if shown else []
        said += [f"Run {run} of {day}, commit {commit}, data {data}, checkpoint {checkpoint}; {kept['machine']}."]
    return "  \n   ".join(said)
