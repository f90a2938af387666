"""One table of all finished runs, in groups that may be compared.

Numbers stand side by side where they are measured on the same test images and by the same protocols. How a model was
trained does not matter for that: it is a column. A run that does not state a protocol lacks its metrics, so it can
stand in any group of its test images.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import Direction, directions
from genlab.experiments.lineage import missing_links
from genlab.experiments.settings import CompareSettings
from genlab.io.record import LINEAGE
from genlab.tracking.runs import FinishedRun

IDENTITY = [
    "group", "model", "dataset", "seed", "run_id", "trained_on", "variant", "environment", "name", "started", "commit",
    "data_fingerprint", "training_protocol", "test_fingerprint", "test_data",
]  # fmt: skip
CONTESTANT = ["model", "variant", "environment", "dataset", "data_fingerprint", "seed"]
"""Tags. Of the runs that share them all, only one is kept."""
SAME_BUT_FOR_SEED = [
    "group", "model", "trained_on", "variant", "environment", "data_fingerprint", "training_protocol",
]  # fmt: skip
BOOKKEEPING = {*IDENTITY, "sweep", "reproduces", "command", "machine", "error", "resumed_from_step", LINEAGE}
"""Tags about a run. Every other tag without a dot is a metric in words, such as `nll_nats_kind`."""

OF_TRAINING = {
    "nearest_train_protocol_hash": ("nearest_train",),
    "classifier_protocol_hash": ("classifier_accuracy", "label_accuracy", "classes_covered", "class_entropy_nats",
                                 "caption_class_accuracy", "classes_per_100_steps"),
}  # fmt: skip
"""Protocols that hold training images, and the metrics that follow from them. Where two runs differ in such a protocol,
only these metrics get columns of their own. All others stay side by side."""

COSTS: dict[str, Direction | None] = {"parameters": None, "train_seconds": "lower"}
"""What a model costs, and which way is better. All other directions stand beside their measures."""


@dataclass(frozen=True)
class Group:
    """Runs that may stand side by side."""

    shared: dict[str, str]  # the test images, and every protocol that one of the runs states
    runs: list[FinishedRun]


@dataclass(frozen=True)
class Leaderboard:
    """The table, and why some runs are not in it."""

    table: pd.DataFrame  # a row per run: IDENTITY, then the metrics, then metrics in words
    skipped: list[str]  # a line each

    def groups(self) -> list[pd.DataFrame]:
        """The rows of each group."""
        return [rows for _, rows in self.table.groupby("group", sort=False)]


def words(run: FinishedRun) -> dict[str, str]:
    """The metrics of a run in words."""
    return {name: text for name, text in run.tags.items() if "." not in name and name not in BOOKKEEPING}


def protocols(run: FinishedRun) -> dict[str, str]:
    """The protocols that a run states, by name."""
    return {name: text for name, text in words(run).items() if "protocol" in name}


def of_training(protocol: str) -> bool:
    """Whether a protocol holds training images."""
    return base_name(protocol) in OF_TRAINING


def why_not(run: FinishedRun) -> str | None:
    """Why a run cannot be compared; None where it can."""
    if not run.final_metrics:
        return "it has no metrics (was it run to `evaluate`?)"
    if not run.tags.get("dataset"):
        return "it does not say its data (the tag dataset)"
    if not run.tags.get("seed", "").isdecimal():
        return f"its seed is {run.tags.get('seed')!r}"
    if missing := missing_links(run):
        return f"nothing tells what its numbers were made from ({missing})"
    return None


def keep_one_each(runs: Iterable[FinishedRun], keep: str) -> list[FinishedRun]:
    """The newest run of each contestant, or the one with the best validation score (the newest of equals)."""

    def rank(run: FinishedRun) -> tuple[float, ...]:
        score = (run.score is not None, -(run.score or 0.0)) if keep == "best" else ()
        return (*score, run.started)

    kept = {tuple(run.tags.get(name, "") for name in CONTESTANT): run for run in sorted(runs, key=rank)}
    return [kept[contestant] for contestant in sorted(kept)]


def group_runs(runs: Iterable[FinishedRun]) -> list[Group]:
    """The runs in groups. Each run joins the first group that contradicts nothing that the run states.

    A run without a fingerprint of its test images stands with runs of the same training data.
    """
    groups: list[Group] = []
    for run in runs:
        stated = {name: text for name, text in protocols(run).items() if not of_training(name)}
        trained_on = f"{run.tags['dataset']} {run.tags.get('data_fingerprint', '')}"
        stated["test images"] = run.tags.get("test_fingerprint") or trained_on
        for group in groups:
            if all(group.shared.get(name, text) == text for name, text in stated.items()):
                group.shared.update(stated)
                group.runs.append(run)
                break
        else:
            groups.append(Group(stated, [run]))
    return groups


def require_one_group(groups: Sequence[Group]) -> None:
    """Refuse runs of one dataset that may not be compared.

    Raises:
        GenlabError: names the runs, and in what they differ.
    """
    first: dict[str, Group] = {}
    for group in groups:
        earlier = first.setdefault(group.runs[0].tags["dataset"], group)
        one, two, shared = earlier.runs[0], group.runs[0], earlier.shared
        differ = [name for name, text in group.shared.items() if shared.get(name, text) != text]
        if differ:
            said = [f"{name} {shared[name]} and {group.shared[name]}" for name in differ]
            if "test images" in differ and "test_data" in one.tags and "test_data" in two.tags:
                said.append(f"in words: {one.tags['test_data']}; and {two.tags['test_data']}")
            raise GenlabError(
                f"{one} and {two} cannot be compared: {'; '.join(said)}. Run one of them again, or let them stand in "
                "separate tables with --params=compare.strict=false"
            )


def build_leaderboard(runs: Sequence[FinishedRun], settings: CompareSettings) -> Leaderboard:
    """The leaderboard of finished runs.

    Raises:
        GenlabError: there is nothing to compare, or, where `strict`, what may not be compared.
    """
    skipped, wanted = [], []
    for run in runs:
        if settings.sweep not in (None, run.tags.get("sweep")) or "reproduces" in run.tags:
            continue
        if reason := why_not(run):
            skipped.append(f"{run} is left out: {reason}")
        else:
            wanted.append(run)
    if not wanted:
        of = f" of the sweep {settings.sweep!r}" if settings.sweep else ""
        nothing = f"there are no finished runs{of} to compare; train something first: kedro run --pipeline=NAME"
        raise GenlabError("; ".join([nothing, *skipped]))
    groups = group_runs(keep_one_each(wanted, settings.keep))
    if settings.strict:
        require_one_group(groups)
    table = pd.DataFrame([row for group in groups for row in _rows(group)])
    measured = table.drop(columns=IDENTITY)
    numbers = measured.select_dtypes("number").columns
    return Leaderboard(table[[*IDENTITY, *numbers, *measured.columns.difference(numbers, sort=False)]], skipped)


def _rows(group: Group) -> list[dict[str, Any]]:
    """A row for each run. Metrics of a training protocol that an earlier run does not have get columns of their own."""
    seen: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
    rows = []
    for run in group.runs:
        row = _row(protocol_hash(group.shared), run)
        for protocol, metrics in OF_TRAINING.items():
            stated = tuple(text for name, text in sorted(protocols(run).items()) if base_name(name) == protocol)
            column = seen[protocol].setdefault(stated, len(seen[protocol]) + 1) if stated else 1
            if column > 1:
                start = rf"^({'|'.join(metrics)})"
                row = {re.sub(start, rf"\1 ({column})", k) if k in run.metrics else k: v for k, v in row.items()}
        rows.append(row)
    return rows


def _row(group: str, run: FinishedRun) -> dict[str, Any]:
    identity = {name: run.tags.get(name, "") for name in IDENTITY} | {
        "group": group,
        "seed": int(run.tags["seed"]),
        "run_id": run.run_id,
        "name": run.name,
        "started": datetime.fromtimestamp(run.started / 1000, UTC).isoformat(timespec="seconds"),
        "commit": run.tags.get("mlflow.source.git.commit", ""),
    }
    return words(run) | run.final_metrics | identity


def base_name(metric: str) -> str:
    """A metric's name without the direction of a translation, and without the number of its column."""
    return re.sub(r" \(\d+\)", "", metric).removesuffix("_a_to_b").removesuffix("_b_to_a")


def better(metric: str) -> Direction | None:
    """Which way a metric is better; None where neither is."""
    return {**directions(), **COSTS}.get(base_name(metric))


def numeric(table: pd.DataFrame) -> list[str]:
    """The metrics of a table that are numbers, and that any of its runs has."""
    return list(table.drop(columns=IDENTITY).select_dtypes("number").dropna(axis=1, how="all").columns)


def main_metrics(table: pd.DataFrame) -> list[str]:
    """The metrics of a table: where lower is better, then the others, and what the models cost last.

    A number is a metric if one way is better or if it has an interval. Controls and counts are none.
    """
    names, known = numeric(table), [*directions()]
    measured = [name for name in names if better(name) or name in COSTS or f"{name}_low" in names]

    def rank(name: str) -> tuple[bool, bool, int, str]:
        base = base_name(name)
        return name in COSTS, better(name) != "lower", known.index(base) if base in known else len(known), name

    return sorted(measured, key=rank)


def kind(row: "pd.Series[Any]", metric: str) -> str:
    """Whether a number is exact or a bound, computed or estimated; "" where it does not say."""
    text = row.get(f"{metric}_kind")
    return text if isinstance(text, str) else ""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of runs that differ in nothing else, with the half width of its 95 % t-interval.

    Columns: `SAME_BUT_FOR_SEED`, `seeds` (how many), `<metric>` and `<metric>_interval` (NaN for one seed), and the
    `_kind`s.
    """
    from scipy import stats

    runs = table.groupby(SAME_BUT_FOR_SEED, sort=False)
    values = runs[main_metrics(table)]
    width = values.sem() * stats.t.ppf(0.975, values.count() - 1)
    kinds = runs[[name for name in table.columns if name.endswith("_kind")]].first()
    parts = [runs.size().rename("seeds"), values.mean(), width.add_suffix("_interval"), kinds]
    return pd.concat(parts, axis=1).reset_index()


def best_rows(table: pd.DataFrame, metric: str) -> set[Any]:
    """The index of the best value, where there is more than one value and one way is better."""
    values = table[metric].dropna()
    if not better(metric) or values.nunique() < 2:
        return set()
    best = values.max() if better(metric) == "higher" else values.min()
    return set(values.index[values == best])


def title(table: pd.DataFrame) -> str:
    """What the runs of a group are measured on, in words."""
    row = table.iloc[0]
    return row["test_data"] or f"{row['dataset']}, data {row['data_fingerprint'] or 'without fingerprint'}"


def protocol_line(table: pd.DataFrame) -> str:
    """The names of the test images and of the protocols that the runs of a group share."""
    stated = {"test images": table["test_fingerprint"].iloc[0][:12]}
    for name in table.columns:
        if "protocol_hash" in name and not of_training(name) and (found := table[name].dropna().tolist()):
            stated[name.replace("protocol_hash", "protocol").replace("_", " ")] = found[0]
    return ", ".join(f"{name} {text}" for name, text in stated.items() if text)
