"""Is one model better than another? The difference over the same test images, and over the same seeds, in words."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genlab.errors import GenlabError
from genlab.evaluation.questions import QUESTIONS, Question, base_name
from genlab.experiments.leaderboard import OF_TRAINING, SAME, answers, better, group_runs, why_apart, why_not, words
from genlab.tracking.runs import FinishedRun

ByImage = Callable[[FinishedRun], pd.DataFrame | None]
"""A run -> its metrics for each test image, where they are known."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: runs that differ in nothing but the seed."""

    label: str
    runs: dict[int, FinishedRun]  # by seed
    by_image: pd.DataFrame  # means over the seeds, a row for each test image by id; empty where a run lacks them


def sides_of(sides: Sequence[Sequence[FinishedRun]], by_image: ByImage) -> list[Side]:
    """Runs side by side; they are called by their models and variants, or by their names where these are the same."""
    labels = [", ".join(filter(None, (runs[0].tags["model"], runs[0].tags.get("variant")))) for runs in sides]
    found = []
    for label, runs in zip(labels, sides, strict=True):
        known = [table.set_index("id") for run in runs if (table := by_image(run)) is not None]
        means = pd.concat(known).groupby(level=0).mean() if len(known) == len(runs) else pd.DataFrame()
        unique = label if labels.count(label) == 1 else runs[0].name
        found.append(Side(unique, {int(run.tags["seed"]): run for run in runs}, means))
    return found


def paired_interval(differences: np.ndarray) -> tuple[float, float, float]:
    """The mean of (N,) differences, and the ends of its 95 % interval by Student's t."""
    from scipy import stats

    mean, scatter = differences.mean(), differences.std(ddof=1) / math.sqrt(len(differences))
    width = stats.t.ppf(0.975, len(differences) - 1) * scatter
    return float(mean), float(mean - width), float(mean + width)


def in_words(one: str, other: str, metric: str, differences: np.ndarray, over: str) -> str:
    """What (N,) differences of a metric, `one` less `other`, say of the two."""
    mean, low, high = paired_interval(differences)
    way = better(metric)
    if low <= 0 <= high or way is None:
        said = f"{one} and {other} cannot be told apart" if low <= 0 <= high else f"{one} differs from {other}"
        return f"{metric}: {said}; the difference is {mean:.3g} (95 % interval {low:.3g} to {high:.3g}, over {over})"
    winner, loser = (one, other) if (mean < 0) == (way == "lower") else (other, one)
    small, large = sorted((abs(low), abs(high)))
    by = f"{abs(mean):.3g} (95 % interval {small:.3g} to {large:.3g}, over {over})"
    return f"{metric}: {winner} is better than {loser} by {by}"


def compare_sides(question: Question, one: Side, other: Side) -> list[str]:
    """What two sides that may be compared say of each other, a line for each metric and each kind of interval."""
    first, *rest = runs = [*one.runs.values(), *other.runs.values()]
    apart = {metric for protocol, metrics in OF_TRAINING.items() for metric in metrics
             if len({words(run).get(protocol) for run in runs}) > 1}  # fmt: skip
    known = question.metrics
    found = [name for name in first.final_metrics if base_name(name) in known and base_name(name) not in apart]
    shared = [name for name in found if all(name in run.final_metrics for run in rest)]
    same_images = not one.by_image.empty and one.by_image.index.equals(other.by_image.index)
    kept = {*one.by_image} & {*other.by_image} if same_images else set()
    seeds = sorted(one.runs.keys() & other.runs.keys())
    lines = []
    for name in sorted(shared, key=lambda name: known.index(base_name(name))):
        if name not in kept and base_name(name) not in question.headline:
            continue
        if name in kept and len(one.by_image) > 1:
            images = (one.by_image[name] - other.by_image[name]).to_numpy()
            lines.append(in_words(one.label, other.label, name, images, f"the same {len(images):,} test images"))
        if len(seeds) > 1:
            values = [np.array([side.runs[seed].final_metrics[name] for seed in seeds]) for side in (one, other)]
            lines.append(in_words(one.label, other.label, name, values[0] - values[1], f"{len(seeds)} seeds"))
        elif name not in kept:
            mine, theirs = (next(iter(side.runs.values())).final_metrics[name] for side in (one, other))
            lines.append(
                f"{name}: {one.label} has {mine:.4g}, {other.label} {theirs:.4g}; it has no value for each test image, "
                "so only several seeds of both can tell them apart"
            )
    return lines


def find_side(wanted: str, runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The run with this id or name, or the newest of this model, first; then the newest of each other seed.

    Args:
        wanted: id, name or model.
        runs: finished ones, oldest first.

    Raises:
        GenlabError: there is none, or it cannot be compared.
    """
    found = [run for run in runs if wanted in (run.run_id, run.name)] or [
        run for run in runs if run.tags["model"] == wanted and why_not(run) is None
    ]
    if not found:
        raise GenlabError(f"no finished run has the id, the name or the model {wanted!r}; make mlflow shows them")
    chosen = found[-1]
    if reason := why_not(chosen):
        raise GenlabError(f"{chosen} cannot be compared: {reason}")
    like = [run for run in runs if why_not(run) is None and all(run.tags.get(n) == chosen.tags.get(n) for n in SAME)]
    seeds = {run.tags["seed"]: run for run in like} | {chosen.tags["seed"]: chosen}
    return [chosen, *(run for run in seeds.values() if run is not chosen)]


def compare_runs(one: str, other: str, runs: Sequence[FinishedRun], by_image: ByImage) -> list[str]:
    """Which of two is better at the questions that both answer, in lines.

    Raises:
        GenlabError: one of them is not there, or they may not be compared.
    """
    a, b = find_side(one, runs), find_side(other, runs)
    if {run.run_id for run in a} & {run.run_id for run in b}:  # two seeds of one model
        a, b = a[:1], b[:1]
    if a[0].run_id == b[0].run_id:
        raise GenlabError(f"{one} and {other} are the same run, {a[0]}")
    sides = sides_of([a, b], by_image)
    lines, apart = [], []
    for question in QUESTIONS:
        if not all(answers(run, question) for run in (a[0], b[0])):
            continue
        groups = group_runs([*a, *b], question)
        if len(groups) > 1:
            apart.append(f"{question.words}: {why_apart(*groups[:2])}")
        else:
            said = compare_sides(question, *sides)
            lines += (
                [f"{question.words}, on {a[0].tags.get('test_data') or a[0].tags['dataset']}", *said] if said else []
            )
    if not lines:
        reason = "; ".join(apart) or "they answer no question that both can answer"
        raise GenlabError(f"{sides[0].label} and {sides[1].label} cannot be compared: {reason}")
    return [*lines, *(f"Not compared. {reason}" for reason in apart)]
