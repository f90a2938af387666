"""The finished runs, in a table for each question and each group of runs that may be compared.

A run answers the questions that its model is able to answer. Numbers stand side by side where they are measured on the
same test images and by the same protocols. How a model was trained does not matter for that: it is a column. A run that
does not state a protocol lacks its metrics, so it can stand in any group of its test images.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.questions import QUESTIONS, Question, base_name, metric_behind, split_direction
from genlab.evaluation.registry import Direction, controls, directions
from genlab.experiments.lineage import missing_links
from genlab.experiments.settings import CompareSettings
from genlab.io.record import LINEAGE
from genlab.models import MODELS, model_class
from genlab.tracking.runs import FinishedRun

IDENTITY = [
    "question", "group", "model", "dataset", "seed", "run_id", "trained_on", "variant", "environment", "name",
    "started", "commit", "data_fingerprint", "training_protocol", "test_fingerprint", "test_data",
]  # fmt: skip
CONTESTANT = ["model", "variant", "environment", "dataset", "data_fingerprint", "seed"]
"""Tags. Of the runs that share them all, only one is kept."""
SAME = ("model", "trained_on", "variant", "environment", "data_fingerprint", "training_protocol")
"""Tags. Runs that share them differ in nothing but the seed."""
SAME_BUT_FOR_SEED = ["question", "group", *SAME]
BOOKKEEPING = {*IDENTITY, "sweep", "reproduces", "command", "machine", "error", "resumed_from_step", LINEAGE}
"""Tags about a run. Every other tag without a dot is a metric in words, such as `nll_nats_kind`."""

OF_TRAINING = {
    "nearest_train_protocol_hash": ("nearest_train",),
    "classifier_protocol_hash": ("classifier_accuracy", "label_accuracy", "classes_covered", "class_entropy_nats",
                                 "caption_class_accuracy", "classes_per_100_steps"),
    "group_classifier_protocol_hash": ("group_accuracy",),
    "kernel_distance_protocol_hash": ("kernel_distance",),
}  # fmt: skip
"""Protocols that hold training images, and the metrics that follow from them. Where two runs differ in such a protocol,
only these metrics get columns of their own. All others stay side by side."""

COSTS: dict[str, Direction | None] = {"parameters": None, "train_seconds": "lower", "draw_seconds": "lower"}
"""What a model costs, and which way is better. All other directions stand beside their measures."""


@dataclass(frozen=True)
class Group:
    """Runs that may stand side by side."""

    question: Question
    shared: dict[str, str]  # the test images, and every protocol that one of the runs states
    runs: list[FinishedRun]


@dataclass(frozen=True)
class Leaderboard:
    """The table, and why some runs are not in it."""

    table: pd.DataFrame  # a row per question and run: IDENTITY, then the metrics, then metrics in words
    skipped: list[str]  # a line each
    runs: Mapping[str, FinishedRun]  # by id

    def questions(self) -> dict[str, list[pd.DataFrame]]:
        """The rows of each group, by question. A group has the columns that one of its runs fills."""
        found: dict[str, list[pd.DataFrame]] = {}
        for _, rows in self.table.groupby("group", sort=False):
            found.setdefault(rows["question"].iloc[0], []).append(rows.dropna(axis=1, how="all"))
        return found


def words(run: FinishedRun) -> dict[str, str]:
    """The metrics of a run in words."""
    return {name: text for name, text in run.tags.items() if "." not in name and name not in BOOKKEEPING}


def protocols(run: FinishedRun, question: Question) -> dict[str, str]:
    """The protocols that a run states of a question, by name. One that no measure names is of every question."""
    others = {name for other in QUESTIONS for name in other.protocols} - question.protocols
    return {name: text for name, text in words(run).items() if "protocol" in name and base_name(name) not in others}


def of_training(protocol: str) -> bool:
    """Whether a protocol holds training images."""
    return base_name(protocol) in OF_TRAINING


def why_not(run: FinishedRun) -> str | None:
    """Why a run cannot be compared; None where it can."""
    if not run.final_metrics:
        return "it has no metrics (was it run to `evaluate`?)"
    if not any(answers(run, question) for question in QUESTIONS):
        return "none of its metrics answers a question that its model can answer"
    if not run.tags.get("dataset"):
        return "it does not say its data (the tag dataset)"
    if not run.tags.get("seed", "").isdecimal():
        return f"its seed is {run.tags.get('seed')!r}"
    if missing := missing_links(run):
        return f"nothing tells what its numbers were made from ({missing})"
    return None


def answers(run: FinishedRun, question: Question) -> bool:
    """Whether a run has metrics of a question that its model is able to answer; an unknown model may be able to."""
    name = run.tags["model"]
    able = name not in MODELS or issubclass(model_class(name), question.asks)
    asked = question.told in (None, "told" in run.tags)
    return able and asked and not {*question.metrics}.isdisjoint(map(metric_behind, run.final_metrics))


def keep_one_each(runs: Iterable[FinishedRun], keep: str) -> list[FinishedRun]:
    """The newest run of each contestant, or the one with the best validation score (the newest of equals)."""

    def rank(run: FinishedRun) -> tuple[float, ...]:
        score = (run.score is not None, -(run.score or 0.0)) if keep == "best" else ()
        return (*score, run.started)

    kept = {tuple(run.tags.get(name, "") for name in CONTESTANT): run for run in sorted(runs, key=rank)}
    return [kept[contestant] for contestant in sorted(kept)]


def group_runs(runs: Iterable[FinishedRun], question: Question) -> list[Group]:
    """The runs that answer a question, in groups. Each joins the first group that contradicts nothing that it states.

    A run without a fingerprint of its test images stands with runs of the same training data.
    """
    groups: list[Group] = []
    for run in runs:
        if not answers(run, question):
            continue
        stated = {name: text for name, text in protocols(run, question).items() if not of_training(name)}
        trained_on = f"{run.tags['dataset']} {run.tags.get('data_fingerprint', '')}"
        stated["test images"] = run.tags.get("test_fingerprint") or trained_on
        for group in groups:
            if all(group.shared.get(name, text) == text for name, text in stated.items()):
                group.shared.update(stated)
                group.runs.append(run)
                break
        else:
            groups.append(Group(question, stated, [run]))
    return groups


def require_one_group(groups: Sequence[Group]) -> None:
    """Refuse runs of one dataset and one question that may not be compared.

    Raises:
        GenlabError: names the runs, and in what they differ.
    """
    first: dict[tuple[str, str], Group] = {}
    for group in groups:
        earlier = first.setdefault((group.question.words, group.runs[0].tags["dataset"]), group)
        if earlier is not group:
            raise GenlabError(
                f"{earlier.runs[0]} and {group.runs[0]} cannot be compared: {why_apart(earlier, group)}. Run one of "
                "them again, or let them stand in separate tables with --params=compare.strict=false"
            )


def why_apart(one: Group, other: Group) -> str:
    """In what two groups differ."""
    differ = [name for name, text in other.shared.items() if one.shared.get(name, text) != text]
    said = [f"{name} {one.shared[name]} and {other.shared[name]}" for name in differ]
    in_words = [group.runs[0].tags.get("test_data") for group in (one, other)]
    if "test images" in differ and all(in_words):
        said.append(f"in words: {'; and '.join(map(str, in_words))}")
    return "; ".join(said)


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
    kept = keep_one_each(wanted, settings.keep)
    groups = [group for question in QUESTIONS for group in group_runs(kept, question)]
    if settings.strict:
        require_one_group(groups)
    table = pd.DataFrame([row for group in groups for row in _rows(group)])
    measured = table.drop(columns=IDENTITY)
    numbers = measured.select_dtypes("number").columns
    columns = [*IDENTITY, *numbers, *measured.columns.difference(numbers, sort=False)]
    return Leaderboard(table[columns], skipped, {run.run_id: run for run in kept})


def _rows(group: Group) -> list[dict[str, Any]]:
    """A row for each run. Metrics of a training protocol that an earlier run does not have get columns of their own."""
    seen: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
    rows = []
    for run in group.runs:
        row = _row(group, run)
        for protocol, metrics in OF_TRAINING.items():
            stated = tuple(text for name, text in sorted(words(run).items()) if base_name(name) == protocol)
            column = seen[protocol].setdefault(stated, len(seen[protocol]) + 1) if stated else 1
            if column > 1:
                start = rf"^({'|'.join(metrics)})"
                row = {re.sub(start, rf"\1 ({column})", k) if k in run.final_metrics else k: v for k, v in row.items()}
        rows.append(row)
    return rows


def _row(group: Group, run: FinishedRun) -> dict[str, Any]:
    identity = {name: run.tags.get(name, "") for name in IDENTITY} | {
        "question": group.question.words,
        "group": protocol_hash({"question": group.question.words, **group.shared}),
        "seed": int(run.tags["seed"]),
        "run_id": run.run_id,
        "name": run.name,
        "started": datetime.fromtimestamp(run.started / 1000, UTC).isoformat(timespec="seconds"),
        "commit": run.tags.get("mlflow.source.git.commit", ""),
    }
    stated, mine = protocols(run, group.question), {"", *group.question.metrics}
    values = {name: v for name, v in (words(run) | run.final_metrics).items() if metric_behind(name) in mine}
    return {name: v for name, v in values.items() if "protocol" not in name or name in stated} | identity


def better(metric: str) -> Direction | None:
    """Which way a metric is better; None where neither is."""
    return {**directions(), **COSTS}.get(base_name(metric))


def beside(metric: str, ending: str) -> str:
    """The name of an end of a metric's interval or of one of its controls: `l1_low`, `l1_mean_image_b_to_a`."""
    stem, direction = split_direction(metric)
    return f"{stem}_{ending}{direction}"


def controls_of(row: "pd.Series[Any] | Mapping[str, Any]", metric: str) -> dict[str, float]:
    """What a metric is held against, in words, and its value."""
    found = ((said, row.get(beside(metric, ending))) for ending, said in controls().items())
    return {said: value for said, value in found if pd.notna(value)}


def question_of(table: pd.DataFrame) -> Question:
    """The question that the runs of a group answer."""
    return next(one for one in QUESTIONS if one.words == table["question"].iloc[0])


def main_metrics(table: pd.DataFrame) -> list[str]:
    """The metrics of a group: the question's headline, its other metrics, those of no measure, what the models cost.

    A number is a metric if a measure says so or if it has an interval. Controls and counts are none.
    """
    known = question_of(table).metrics
    names = list(table.drop(columns=IDENTITY).select_dtypes("number").dropna(axis=1, how="all").columns)
    measured = [n for n in names if base_name(n) in known or n in COSTS or beside(n, "low") in names]

    def rank(name: str) -> tuple[bool, int, str]:
        base = base_name(name)
        return name in COSTS, known.index(base) if base in known else len(known), name

    return sorted(measured, key=rank)


def kind(row: "pd.Series[Any] | Mapping[str, Any]", metric: str) -> str:
    """Whether a number is exact or a bound, computed or estimated; "" where it does not say."""
    text = row.get(f"{metric}_kind")
    return text if isinstance(text, str) else ""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of runs that differ in nothing else, with its 95 % interval.

    Columns: `SAME_BUT_FOR_SEED`, `seeds` (how many), `run_id` (of one of them), `<metric>`, `<metric>_low` and
    `<metric>_high` (of one seed: the run's own interval, over test images; of several: Student's, over seeds), and the
    `_kind`s.
    """
    from scipy import stats

    names = main_metrics(table)
    ends = {end: [n for n in names if beside(n, end) in table] for end in ("low", "high")}
    runs = table.groupby(SAME_BUT_FOR_SEED, sort=False)
    values, count = runs[names], runs.size()
    width = values.sem().mul(stats.t.ppf(0.975, values.count() - 1))
    parts = [count.rename("seeds").to_frame(), runs[["run_id"]].first(), values.mean()]
    for end, sign in (("low", -1), ("high", 1)):
        over_seeds = values.mean() + sign * width
        own = runs[[beside(n, end) for n in ends[end]]].first().set_axis(ends[end], axis=1)
        found = over_seeds.where(count > 1, own.reindex(columns=names))
        parts.append(found.set_axis([beside(name, end) for name in names], axis=1))
    kinds = runs[[name for name in table.columns if name.endswith("_kind")]].first()
    return pd.concat([*parts, kinds], axis=1).reset_index()


def control_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """What stands in the place of the models, a row each: `model` (what it is, in words) and its metrics.

    Where a control is another one for another model, as PCA with as many numbers is, each has a row that names these.
    """
    rows: list[dict[str, Any]] = []
    for control, said in controls().items():
        found: list[tuple[dict[str, float], list[str]]] = []
        for _, run in table.iterrows():
            values = {m: v for m in main_metrics(table) if pd.notna(v := run.get(beside(m, control)))}
            if not values:
                continue
            for known, models in found:
                if all(math.isclose(known.get(name, value), value, rel_tol=1e-6) for name, value in values.items()):
                    known |= values
                    models.append(run["model"])
                    break
            else:
                found.append((values, [run["model"]]))
        for values, models in found:
            whose = f", for {', '.join(dict.fromkeys(models))}" if len(found) > 1 else ""
            rows.append({"model": f"{said}{whose}", **values})
    return rows


def best_rows(table: pd.DataFrame, metric: str) -> set[Any]:
    """The index of the best value, where there is more than one value and one way is better."""
    values = table[metric].dropna()
    if not better(metric) or values.nunique() < 2:
        return set()
    best = values.max() if better(metric) == "higher" else values.min()
    return set(values.index[values == best])


def title(table: pd.DataFrame) -> str:
    """What the runs of a group are measured on and how, in words."""
    row = table.iloc[0]
    data = row["test_data"] or f"{row['dataset']}, data {row['data_fingerprint'][:12] or 'without fingerprint'}"
    said = [name for name in table.columns.difference(IDENTITY, sort=False) if base_name(name).endswith("_protocol")]
    in_words = [text for name in said for text in first_of(table[name])]
    return "; ".join([data, *in_words])


def first_of(column: "pd.Series[Any]") -> list[str]:
    """The first text of a column that all runs of a group share; none where it is empty."""
    return [text for text in column.dropna() if text][:1]


def shared_hashes(table: pd.DataFrame) -> dict[str, str]:
    """The test images and the protocols that the runs of a group share, by name."""
    names = [name for name in table.columns if "protocol_hash" in name and not of_training(name)]
    return {
        name.replace("fingerprint", "images").replace("_hash", "").replace("_", " "): text[:12]
        for name in ("test_fingerprint", *names) for text in first_of(table[name])
    }  # fmt: skip
