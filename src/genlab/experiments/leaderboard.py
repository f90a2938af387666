"""One table of all finished runs, in groups that may be compared.

Numbers stand side by side only where the data are the same (dataset and fingerprint) and no protocol that both runs
state differs: such runs form a group. Where one run states a protocol and another does not, the second lacks those
metrics, and nothing is mixed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.experiments.settings import CompareSettings

BOOKKEEPING = (
    "model", "dataset", "seed", "environment", "variant", "sweep", "reproduces", "command", "machine", "error",
    "data_fingerprint", "training_protocol", "resumed_from_step",
)  # fmt: skip
"""Tags that are about a run; every other tag without a dot is a metric in words, such as `nll_nats_kind`."""

IDENTITY = ["group", "model", "dataset", "seed", "run_id", "variant", "environment", "name", "started", "commit",
            "data_fingerprint", "training_protocol"]  # fmt: skip
SAME_BUT_FOR_SEED = ["group", "model", "variant", "environment", "training_protocol"]

HIGHER = ("psnr", "ssim", "precision", "recall", "density", "coverage", "label_accuracy", "probe_accuracy",
          "images_per_second")  # fmt: skip
LOWER = ("l1", "mse", "lpips", "fid", "kid", "fd_lite0", "kid_lite0", "cycle_l1", "nll_nats", "bits_per_dim",
         "train_seconds")  # fmt: skip
TRAINING_ONLY = ("learning_rate",)  # recorded while a model trains, without the slash of a curve
COUNTS = (
    "step",
    "images_seen",
    "test_images",
    "drawn_images",
    "reference_images",
    "train_images",
    "images_per_second",
)  # beside the metrics, not among them
LAST = ("parameters", "train_seconds")  # what it cost
DIRECTIONS = ("_a_to_b", "_b_to_a")
KIND_OF = {"bits_per_dim": "nll_nats"}  # one is the other by a constant factor, and so as exact


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

    def said(self, tag: str, parameter: str) -> str | None:
        """A tag, or the parameter that says the same on runs without it."""
        return self.tags.get(tag) or self.parameters.get(parameter)


@dataclass(frozen=True)
class Leaderboard:
    """The table, and who is not in it and why."""

    table: pd.DataFrame  # a row per run: IDENTITY, then the metrics, then metrics in words
    skipped: list[str]  # a line each


def final_metrics(run: FinishedRun) -> dict[str, float]:
    """The metrics of the finished model; a name with a slash is a curve from training."""
    return {name: value for name, value in run.metrics.items() if "/" not in name and name not in TRAINING_ONLY}


def words(run: FinishedRun) -> dict[str, str]:
    """The metrics in words."""
    return {name: text for name, text in run.tags.items() if "." not in name and name not in BOOKKEEPING}


def protocols(run: FinishedRun) -> dict[str, str]:
    """The protocols that a run states, by name."""
    return {name: text for name, text in words(run).items() if "protocol" in name}


def why_not(run: FinishedRun) -> str | None:
    """Why a run cannot be compared; None where it can."""
    if not final_metrics(run):
        return "it has no metrics (was it run to `evaluate`?)"
    if run.said("dataset", "data.source") is None:
        return "it says neither the tag dataset nor the parameter data.source"
    seed = run.said("seed", "seed")
    if seed is None or not seed.isdecimal():
        return f"its seed is {seed!r}"
    return None


def contestant(run: FinishedRun) -> tuple[str | None, ...]:
    """What two runs share of which only one is kept."""
    tags = run.tags
    return (tags["model"], tags.get("variant"), tags.get("environment", tags.get("kedro.env")),
            run.said("dataset", "data.source"), tags.get("data_fingerprint"), run.said("seed", "seed"))  # fmt: skip


def keep_one_each(runs: Iterable[FinishedRun], keep: str) -> list[FinishedRun]:
    """Of each contestant the newest run, or the one with the best validation score (the newest of equals)."""
    kept: dict[tuple[str | None, ...], FinishedRun] = {}
    for run in sorted(runs, key=lambda run: run.started):
        rival = kept.get(contestant(run))
        worse = keep == "best" and rival is not None and rival.score is not None and (
            run.score is None or run.score > rival.score
        )  # fmt: skip
        if not worse:
            kept[contestant(run)] = run
    return sorted(kept.values(), key=lambda run: tuple(part or "" for part in contestant(run)))


def group_runs(runs: Iterable[FinishedRun]) -> list[tuple[dict[str, str], list[FinishedRun]]]:
    """Runs that may stand side by side, with what they share: data, and the protocols that any of them states."""
    groups: list[tuple[dict[str, str], list[FinishedRun]]] = []
    for run in runs:
        stated = {
            "dataset": run.said("dataset", "data.source") or "",
            "data_fingerprint": run.tags.get("data_fingerprint", ""),
            **protocols(run),
        }
        for shared, members in groups:
            if all(shared.get(name, text) == text for name, text in stated.items()):
                shared |= stated
                members.append(run)
                break
        else:
            groups.append((stated, [run]))
    return groups


def require_one_group(groups: Sequence[tuple[Mapping[str, str], Sequence[FinishedRun]]]) -> None:
    """Refuse runs of one dataset that may not be compared.

    Raises:
        GenlabError: names the runs, and in what they differ.
    """
    first: dict[str, tuple[Mapping[str, str], Sequence[FinishedRun]]] = {}
    for shared, runs in groups:
        other, others = first.setdefault(shared["dataset"], (shared, runs))
        differ = [f"{key} {other[key]} and {shared[key]}" for key in other if shared.get(key, other[key]) != other[key]]
        if differ:
            names = [f"{run.name} ({run.run_id[:8]})" for run in (others[0], runs[0])]
            raise GenlabError(
                f"{names[0]} and {names[1]} cannot be compared: {'; '.join(differ)}. Run one of them again, or let "
                "them stand in separate tables with --params=compare.strict=false"
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
        reason = why_not(run)
        if reason:
            skipped.append(f"{run.name} ({run.run_id[:8]}) is left out: {reason}")
        else:
            wanted.append(run)
    if not wanted:
        of = f" of the sweep {settings.sweep!r}" if settings.sweep else ""
        raise GenlabError("; ".join([
            f"there are no finished runs{of} to compare; train something first: kedro run --pipeline=pix2pix", *skipped
        ]))  # fmt: skip
    groups = group_runs(keep_one_each(wanted, settings.keep))
    if settings.strict:
        require_one_group(groups)
    rows = [_row(protocol_hash(shared), run) for shared, members in groups for run in members]
    table = pd.DataFrame(rows)
    names = [name for name in table.columns if name not in IDENTITY]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(table[name])]
    return Leaderboard(table[[*IDENTITY, *numbers, *(name for name in names if name not in numbers)]], skipped)


def _row(group: str, run: FinishedRun) -> dict[str, Any]:
    tags = run.tags
    return {
        "group": group,
        "model": tags["model"],
        "dataset": run.said("dataset", "data.source"),
        "seed": int(run.said("seed", "seed") or 0),
        "run_id": run.run_id,
        "variant": tags.get("variant", ""),
        "environment": tags.get("environment", tags.get("kedro.env", "")),
        "name": run.name,
        "started": datetime.fromtimestamp(run.started / 1000, UTC).isoformat(timespec="seconds"),
        "commit": tags.get("mlflow.source.git.commit", ""),
        "data_fingerprint": tags.get("data_fingerprint", ""),
        "training_protocol": tags.get("training_protocol", ""),
        **{name: value for name, value in final_metrics(run).items() if name not in IDENTITY},
        **{name: text for name, text in words(run).items() if name not in final_metrics(run)},
    }


def base_name(metric: str) -> str:
    """A metric's name without the direction of a translation."""
    for direction in DIRECTIONS:
        metric = metric.removesuffix(direction)
    return metric


def better(metric: str) -> str:
    """Which way a metric is better: "higher", "lower", or "" where neither is."""
    name = base_name(metric)
    return "higher" if name in HIGHER else "lower" if name in LOWER else ""


def numeric(table: pd.DataFrame) -> list[str]:
    """The metrics of a table that are numbers, and that any of its runs has."""
    names = [name for name in table.columns if name not in IDENTITY and pd.api.types.is_numeric_dtype(table[name])]
    return [name for name in names if table[name].notna().any()]


def main_metrics(table: pd.DataFrame) -> list[str]:
    """The metrics of a table: what is known to be one, or has an interval; and what the model cost, last.

    Their intervals, controls and counts are not among them.
    """
    names = numeric(table)
    known = [*LOWER, *HIGHER]

    def rank(name: str) -> tuple[int, str]:
        base = base_name(name)
        return (len(known) + 1 if name in LAST else known.index(base) if base in known else len(known)), name

    measured = [name for name in names if better(name) or name in LAST or f"{name}_low" in names]
    return sorted((name for name in measured if name not in COUNTS), key=rank)


def kind(row: "pd.Series[Any]", metric: str) -> str:
    """Whether a number is exact, a bound or an estimate; "" where it does not say."""
    for name in (metric, KIND_OF.get(metric, metric)):
        text = row.get(f"{name}_kind")
        if isinstance(text, str):
            return text
    return ""


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, with the half width of its 95 % t-interval, of runs that differ in nothing else.

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
            row[name] = values.mean()
            few = len(values) < 2
            width = float("nan") if few else stats.t.ppf(0.975, len(values) - 1) * values.sem()
            row[f"{name}_interval"] = width
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
    """What a group's runs share, in a line."""
    row = table.iloc[0]
    stated = {name: table[name].dropna().unique()[:1] for name in table.columns if "protocol_hash" in name}
    named = "".join(f", {name} {values[0]}" for name, values in stated.items() if len(values))
    return f"{row['dataset']}, data {row['data_fingerprint'] or 'without fingerprint'}{named}"


def number(value: float) -> str:
    """Four significant digits, and whole numbers as such."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def to_markdown(board: Leaderboard) -> str:
    """A table for each group: a line per model and settings, mean ± 95 % interval where there are several seeds."""
    parts = ["# Leaderboard"]
    for _, table in board.table.groupby("group", sort=False):
        summary, names = summarise(table), main_metrics(table)
        shown = [name for name in ("variant", "environment") if summary[name].astype(bool).any()]
        arrows = {"higher": " ↑", "lower": " ↓", "": ""}
        lines = [["model", *shown, "seeds", *(f"{name}{arrows[better(name)]}" for name in names)]]
        best = {name: best_rows(summary, name) for name in names}
        for index, row in summary.iterrows():
            cells = [row["model"], *(row[name] for name in shown), str(row["seeds"])]
            for name in names:
                cells.append(_cell(row, name, index in best[name]))
            lines.append(cells)
        ruler = "|".join(["---"] * len(lines[0]))
        body = [f"| {' | '.join(cells)} |" for cells in lines]
        parts.append("\n".join([f"## {title(table)}\n", body[0], f"|{ruler}|", *body[1:]]))
    if board.skipped:
        parts.append("\n".join(["Left out:\n", *(f"- {line}" for line in board.skipped)]))
    return "\n\n".join(parts) + "\n"


def _cell(row: "pd.Series[Any]", name: str, best: bool) -> str:
    if pd.isna(row[name]):
        return ""
    text = number(row[name])
    if row[f"{name}_interval"] > 0:  # neither one seed nor a count
        text += f" ± {row[f'{name}_interval']:.2g}"
    text = f"**{text}**" if best else text
    return f"{text} ({kind(row, name)})" if kind(row, name) else text
