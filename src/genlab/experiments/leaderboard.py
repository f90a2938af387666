"""One table of all finished runs, in groups that may be compared.

Numbers stand side by side where they are measured on the same test images and by the same protocols. How a model was
trained does not matter for that: it is a column. A run that does not state a protocol lacks its metrics, so it can
stand in any group of its test images.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.experiments.settings import CompareSettings

IDENTITY = [
    "group", "model", "dataset", "seed", "run_id", "trained_on", "variant", "environment", "name", "started", "commit",
    "data_fingerprint", "training_protocol", "test_fingerprint", "test_data",
]  # fmt: skip
SAME_BUT_FOR_SEED = [
    "group", "model", "trained_on", "variant", "environment", "data_fingerprint", "training_protocol",
]  # fmt: skip
SHOWN = ["model", "trained_on", "variant", "environment"]  # what a row is called
BOOKKEEPING = {*IDENTITY, "sweep", "reproduces", "command", "machine", "error", "resumed_from_step"}
"""Tags about a run. Every other tag without a dot is a metric in words, such as `nll_nats_kind`."""

OF_TRAINING = {
    "nearest_train_protocol_hash": ("nearest_train",),
    "classifier_protocol_hash": ("classifier_accuracy", "label_accuracy", "classes_covered", "class_entropy_nats",
                                 "caption_class_accuracy"),
}  # fmt: skip
"""Protocols that hold training images, and the metrics that follow from them. Where two runs differ in one, only these
metrics get columns of their own; all others stay side by side."""

HIGHER = ("psnr", "ssim", "precision", "recall", "density", "coverage", "label_accuracy", "probe_accuracy")
LOWER = ("l1", "mse", "lpips", "fid", "kid", "fd_lite0", "kid_lite0", "cycle_l1", "nll_nats", "bits_per_dim",
         "train_seconds")  # fmt: skip
LAST = ("parameters", "train_seconds")  # what it cost
KIND_OF = {"bits_per_dim": "nll_nats"}  # one is the other by a constant factor, so both are as exact
ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


@dataclass(frozen=True)
class FinishedRun:
    """What MLflow knows of a run."""

    run_id: str
    name: str
    started: int  # milliseconds since 1970
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    score: float | None = None  # the best on the validation split; lower is better
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # PNGs, where they are at hand

    @property
    def dataset(self) -> str | None:
        """The name of the data; older runs have it as a parameter."""
        return self.tags.get("dataset") or self.parameters.get("data.source")

    @property
    def seed(self) -> str | None:
        """The seed of the training; older runs have it as a parameter."""
        return self.tags.get("seed") or self.parameters.get("seed")

    @property
    def test_images(self) -> str:
        """A name of the test images. A run without their fingerprint stands with runs of the same training data."""
        return self.tags.get("test_fingerprint") or f"{self.dataset} {self.tags.get('data_fingerprint', '')}"

    @property
    def final_metrics(self) -> dict[str, float]:
        """The metrics of the finished model. A name with a slash is a curve, as is the learning rate."""
        return {name: v for name, v in self.metrics.items() if "/" not in name and name != "learning_rate"}

    @property
    def words(self) -> dict[str, str]:
        """The metrics in words."""
        return {name: text for name, text in self.tags.items() if "." not in name and name not in BOOKKEEPING}

    @property
    def protocols(self) -> dict[str, str]:
        """The protocols that the run states, by name."""
        return {name: text for name, text in self.words.items() if "protocol" in name}

    @property
    def contestant(self) -> tuple[str, ...]:
        """Of the runs that share this, only one is kept."""
        tags = self.tags
        environment = tags.get("environment", tags.get("kedro.env"))
        parts = (tags["model"], tags.get("variant"), environment, self.dataset, tags.get("data_fingerprint"), self.seed)
        return tuple(part or "" for part in parts)

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id[:8]})"


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


def why_not(run: FinishedRun) -> str | None:
    """Why a run cannot be compared; None where it can."""
    if not run.final_metrics:
        return "it has no metrics (was it run to `evaluate`?)"
    if run.dataset is None:
        return "it says neither the tag dataset nor the parameter data.source"
    if run.seed is None or not run.seed.isdecimal():
        return f"its seed is {run.seed!r}"
    return None


def keep_one_each(runs: Iterable[FinishedRun], keep: str) -> list[FinishedRun]:
    """The newest run of each contestant, or the one with the best validation score (the newest of equals)."""
    kept: dict[tuple[str, ...], FinishedRun] = {}
    for run in sorted(runs, key=lambda run: run.started):
        rival = kept.get(run.contestant)
        worse = keep == "best" and rival is not None and rival.score is not None and (
            run.score is None or run.score > rival.score
        )  # fmt: skip
        if not worse:
            kept[run.contestant] = run
    return sorted(kept.values(), key=lambda run: run.contestant)


def of_training(protocol: str) -> bool:
    """Whether a protocol holds training images."""
    return base_name(protocol) in OF_TRAINING


def group_runs(runs: Iterable[FinishedRun]) -> list[Group]:
    """The runs in groups: each run stands in the first that states nothing else than it does."""
    groups: list[Group] = []
    for run in runs:
        stated = {name: text for name, text in run.protocols.items() if not of_training(name)}
        stated["test images"] = run.test_images
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
    first: dict[str | None, Group] = {}
    for group in groups:
        one, two = first.setdefault(group.runs[0].dataset, group).runs[0], group.runs[0]
        shared = first[two.dataset].shared
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
        raise GenlabError("; ".join([
            f"there are no finished runs{of} to compare; train something first: kedro run --pipeline=NAME", *skipped
        ]))  # fmt: skip
    groups = group_runs(keep_one_each(wanted, settings.keep))
    if settings.strict:
        require_one_group(groups)
    table = pd.DataFrame([row for group in groups for row in _rows(group)])
    names = [name for name in table.columns if name not in IDENTITY]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(table[name])]
    return Leaderboard(table[[*IDENTITY, *numbers, *(name for name in names if name not in numbers)]], skipped)


def _rows(group: Group) -> list[dict[str, Any]]:
    """A row for each run. Metrics of a training protocol that an earlier run does not have get columns of their own."""
    seen: dict[str, list[tuple[str, ...]]] = {protocol: [] for protocol in OF_TRAINING}
    rows = []
    for run in group.runs:
        row = _row(protocol_hash(group.shared), run)
        for protocol, metrics in OF_TRAINING.items():
            stated = tuple(text for name, text in sorted(run.protocols.items()) if base_name(name) == protocol)
            if stated and stated not in seen[protocol]:
                seen[protocol].append(stated)
            if stated and (place := seen[protocol].index(stated)):
                row = {
                    re.sub(rf"^({'|'.join(metrics)})", rf"\1 ({place + 1})", name) if name in run.metrics else name: v
                    for name, v in row.items()
                }
        rows.append(row)
    return rows


def _row(group: str, run: FinishedRun) -> dict[str, Any]:
    tags = run.tags
    numbers = {name: value for name, value in run.final_metrics.items() if name not in IDENTITY}
    return {
        "group": group,
        "model": tags["model"],
        "dataset": run.dataset,
        "seed": int(run.seed or 0),
        "run_id": run.run_id,
        "variant": tags.get("variant", ""),
        "environment": tags.get("environment", tags.get("kedro.env", "")),
        "name": run.name,
        "started": datetime.fromtimestamp(run.started / 1000, UTC).isoformat(timespec="seconds"),
        "commit": tags.get("mlflow.source.git.commit", ""),
        **{name: tags.get(name, "") for name in IDENTITY[-4:]},
        "trained_on": tags.get("trained_on", ""),
        **{name: text for name, text in run.words.items() if name not in numbers},
        **numbers,
    }


def base_name(metric: str) -> str:
    """A metric's name without the direction of a translation, and without the number of its column."""
    return re.sub(r" \(\d+\)", "", metric).removesuffix("_a_to_b").removesuffix("_b_to_a")


def better(metric: str) -> str:
    """Which way a metric is better: "higher", "lower", or "" where neither is."""
    name = base_name(metric)
    return "higher" if name in HIGHER else "lower" if name in LOWER else ""


def numeric(table: pd.DataFrame) -> list[str]:
    """The metrics of a table that are numbers, and that any of its runs has."""
    names = [name for name in table.columns if name not in IDENTITY and pd.api.types.is_numeric_dtype(table[name])]
    return [name for name in names if table[name].notna().any()]


def main_metrics(table: pd.DataFrame) -> list[str]:
    """The metrics of a table, and what the models cost, last.

    A number is a metric where one way is better or where it has an interval. Controls and counts are none.
    """
    names = numeric(table)
    known = [*LOWER, *HIGHER]

    def rank(name: str) -> tuple[int, str]:
        base = base_name(name)
        return (len(known) + 1 if name in LAST else known.index(base) if base in known else len(known)), name

    measured = [name for name in names if better(name) or name in LAST or f"{name}_low" in names]
    return sorted(measured, key=rank)


def kind(row: "pd.Series[Any]", metric: str) -> str:
    """Whether a number is exact or a bound, computed or estimated; "" where it does not say."""
    for name in (metric, KIND_OF.get(metric, metric)):
        text = row.get(f"{name}_kind")
        if isinstance(text, str):
            return text
    return ""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of runs that differ in nothing else, with the half width of its 95 % t-interval.

    Columns: `SAME_BUT_FOR_SEED`, `seeds` (how many), `<metric>` and `<metric>_interval` (NaN for one seed), and the
    `_kind`s.
    """
    from scipy import stats

    names = main_metrics(table)
    kinds = [name for name in table.columns if name.endswith("_kind")]
    rows = []
    for key, runs in table.groupby(SAME_BUT_FOR_SEED, sort=False):
        row: dict[str, Any] = {**dict(zip(SAME_BUT_FOR_SEED, key, strict=True)), "seeds": len(runs)}
        for name in names:
            values = runs[name].dropna()
            few = len(values) < 2
            row[name] = values.mean()
            row[f"{name}_interval"] = float("nan") if few else stats.t.ppf(0.975, len(values) - 1) * values.sem()
        rows.append({**row, **{name: runs[name].iloc[0] for name in kinds}})
    return pd.DataFrame(rows)


def best_rows(table: pd.DataFrame, metric: str) -> set[Any]:
    """The index of the best value, where there is more than one value and one way is better."""
    values = table[metric].dropna()
    if len(values) < 2 or not better(metric) or values.nunique() == 1:
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


def number(value: float) -> str:
    """Four significant digits, and whole numbers as such."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def escape(text: str) -> str:
    """A text as Markdown shows it: no HTML, no end of a cell, no link, no emphasis."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def to_markdown(board: Leaderboard) -> str:
    """A table for each group: a line per model and settings, mean ± 95 % interval where there are several seeds."""
    parts = ["# Leaderboard"]
    for _, table in board.table.groupby("group", sort=False):
        summary, names = summarise(table), main_metrics(table)
        shown = [name for name in SHOWN if name == "model" or summary[name].astype(bool).any()]
        best = {name: best_rows(summary, name) for name in names}
        lines = [[name.replace("_", " ") for name in shown] + ["seeds"]]
        lines[0] += [escape(name) + ARROWS[better(name)] for name in names]
        lines.append(["---"] * len(lines[0]))
        for index, row in summary.iterrows():
            cells = [*(escape(row[name]) for name in shown), str(row["seeds"])]
            lines.append([*cells, *(_cell(row, name, index in best[name]) for name in names)])
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        parts += [f"## {escape(title(table))}", body, escape(protocol_line(table))]
    if board.skipped:
        parts.append("\n".join(["Left out:\n", *(f"- {escape(line)}" for line in board.skipped)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(row: "pd.Series[Any]", name: str, best: bool) -> str:
    if pd.isna(row[name]):
        return ""
    text = number(row[name])
    if row[f"{name}_interval"] > 0:  # neither one seed nor a count
        text += f" ± {row[f'{name}_interval']:.2g}"
    text = f"**{text}**" if best else text
    return f"{text} ({escape(kind(row, name))})" if kind(row, name) else text
