"""The nodes of every model's pipeline: unpack, call the library, pack. Torch is imported when a node runs."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genlab.errors import GenlabError
from genlab.pipelines.parameters import compare_settings, data_settings, resolve

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from genlab.data.arrange.examples import Examples
    from genlab.data.store import ImageSet
    from genlab.training.checkpoint import Checkpoint

Parameters = dict[str, Any]

logger = logging.getLogger(__name__)


def ingest(
    name: str, raw: Path, place: Path, parameters: Parameters
) -> Iterator[tuple["ImageSet", dict[str, Any], pd.DataFrame, dict[str, np.ndarray]]]:
    """Raw files -> the image set, the data report as values and as a table, and the contact sheet.

    A generator: Kedro saves what is yielded before it asks for more, so that the report can be read where too many
    files were rejected and the run stops.
    """
    from genlab.data.ingest import ingest
    from genlab.data.report import describe_set, report_table, require_few_rejected, warnings
    from genlab.data.sources.listing import list_source
    from genlab.report.contact import draw_contact_sheet

    settings = data_settings(name, parameters)
    images = ingest(list_source(raw, settings), settings, place)
    report = describe_set(images, settings)
    for warning in warnings(report):
        logger.warning("%s: %s", report["source"], warning)
    yield images, report, report_table(report), {"contact_sheet": draw_contact_sheet(images)}
    require_few_rejected(report, settings)


def derive(name: str, images: "ImageSet", place: Path, parameters: Parameters) -> "ImageSet":
    """Images -> what domain a is made of where pairs are derived, e.g. their edge drawings."""
    from genlab.data.arrange.derive import derive

    return derive(images, data_settings(name, parameters), place)


def pair(name: str, images: "ImageSet", derived: "ImageSet", parameters: Parameters) -> pd.DataFrame:
    """Two domains -> the table of pairs."""
    from genlab.data.arrange.derive import pair_sides

    return pair_sides(images, derived, data_settings(name, parameters))


def unpair(
    name: str, images: "ImageSet", derived: "ImageSet", pairs: pd.DataFrame, parameters: Parameters
) -> pd.DataFrame:
    """Two domains -> the table of images to be trained on without pairs."""
    from genlab.data.arrange.unpair import unpair

    return unpair(images, derived, pairs, data_settings(name, parameters))


def caption(name: str, images: "ImageSet", parameters: Parameters) -> pd.DataFrame:
    """Images -> the table of their captions, and which of them are held out."""
    from genlab.data.arrange.captions import caption_images

    captions = caption_images(images, data_settings(name, parameters))
    train = captions[captions["split"] == "train"]
    logger.info("%s: %d captions to train on, %d held out", name, (~train["held_out"]).sum(), train["held_out"].sum())
    return captions


def _arranged(model: str, inputs: tuple[Any, ...]) -> "Examples":
    """What the model learns from, out of the catalog's image sets and tables."""
    from genlab.data.arrange.arrange import arrange
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.models import MODELS

    if MODELS[model].captions:
        images, captions = inputs
        return LabelledImages.of(images).with_captions(captions)
    return arrange(MODELS[model].trains_on, *inputs)


def _watched(examples: "Examples") -> "Examples":
    """The split to look at while a model trains: validation, or training where there is none."""
    return examples.split("val" if examples.has_split("val") else "train")


def train(
    model: str, snapshots: Path, parameters: Parameters, *inputs: Any
) -> Iterator[tuple["Checkpoint", "Checkpoint", pd.DataFrame]]:
    """Images -> the trained model, the same with the best score on the validation split, and the history.

    A generator: Kedro saves what is yielded before it asks for more, so that the snapshots go only once the
    checkpoint is safe.
    """
    import torch

    from genlab.data.arrange.labelled import LabelledImages
    from genlab.evaluation.diversity import measure_diversity
    from genlab.evaluation.evaluate import scorer
    from genlab.models import model_class
    from genlab.sampling.draw import FixedSamples
    from genlab.sampling.request import requested
    from genlab.tracking.tracker import run_of
    from genlab.training.checkpoint import build_model
    from genlab.training.fit import Job, Sight, fit
    from genlab.training.progress import ProgressBar
    from genlab.training.snapshots import Snapshots

    settings = resolve(model, parameters)
    examples = _arranged(model, inputs)
    with torch.device("meta"):
        condition = getattr(build_model(model, examples.spec, settings.arguments), "condition", None)
    always_told = getattr(model_class(model), "condition", None)  # others learn from images without a label, too
    if always_told == "labels" and isinstance(examples, LabelledImages):
        examples.require_labels(model)
    requested(condition, examples.spec, settings.sample)  # refuses now what could not be drawn after training
    training, watched = examples.split("train"), _watched(examples)
    job = Job(
        model=model, arguments=settings.arguments, examples=training, settings=settings.training, seed=settings.seed,
        snapshots=snapshots, draw=FixedSamples(watched, settings.sample),
        score=scorer(watched, settings.sample, settings.evaluation),
        diversity=measure_diversity(watched, settings.sample),
    )  # fmt: skip
    run = run_of(model)
    if run:
        run.log_dataset(settings.data.source, training.fingerprint(), f"{len(training)} {training.unit}")

    with ProgressBar(model) as bar:

        def watch(sight: Sight) -> None:
            bar.show(sight.progress)
            if run:
                run.log_metrics(sight.progress.values, sight.progress.step)
            looked = {"validation/score": sight.score, "validation/diversity": sight.diversity}
            if run and any(value is not None for value in looked.values()):
                run.log_metrics({k: v for k, v in looked.items() if v is not None}, sight.progress.step)
            for alarm in sight.alarms:
                bar.warn(alarm)
                if run:
                    run.log_metrics({f"alarm/{alarm.kind}": 1.0}, alarm.step)
                    run.set_tags({f"alarm.{alarm.kind}": f"step {alarm.step}: {alarm.message}"})
            if run and sight.picture is not None:
                run.log_picture("drawings", sight.picture, sight.progress.step)

        fitted = fit(job, watch)
    if run and fitted.resumed_from:
        run.set_tags({"resumed_from_step": str(fitted.resumed_from)})
        for row in fitted.history:
            if row["step"] <= fitted.resumed_from:
                run.log_metrics({name: value for name, value in row.items() if name != "step"}, int(row["step"]))
    yield fitted.checkpoint, fitted.best, pd.DataFrame(fitted.history)
    Snapshots(snapshots).clear(fitted.checkpoint.fingerprint)


def _chosen(model: str, checkpoint: "Checkpoint", best: "Checkpoint", parameters: Parameters) -> "Checkpoint":
    return best if resolve(model, parameters).sample.checkpoint == "best" else checkpoint


def draw(
    model: str, checkpoint: "Checkpoint", best: "Checkpoint", parameters: Parameters, *inputs: Any
) -> dict[str, np.ndarray]:
    """The trained model -> its drawings for the test split."""
    from genlab.sampling.draw import draw

    examples = _arranged(model, inputs)
    chosen = _chosen(model, checkpoint, best, parameters)
    chosen.require(examples.spec)
    return draw(chosen.build(), examples.split("test"), resolve(model, parameters).sample)


def evaluate(
    model: str, checkpoint: "Checkpoint", best: "Checkpoint", drawings: dict[str, np.ndarray],
    features: Path, parameters: Parameters, *inputs: Any,
) -> dict[str, float | str]:  # fmt: skip
    """Drawings and what they are held against -> metrics with their controls."""
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.data.arrange.words import describe_examples
    from genlab.evaluation.evaluate import evaluate
    from genlab.evaluation.features.cache import Cache
    from genlab.evaluation.measures.untrained import evaluate_untrained

    settings, examples, cache = resolve(model, parameters), _arranged(model, inputs), Cache(features)
    chosen = _chosen(model, checkpoint, best, parameters)
    built = chosen.build()
    quality = evaluate(built, examples, drawings, settings.evaluation, settings.sample, cache)
    if isinstance(examples, LabelledImages):
        first = chosen.build_untrained()
        quality |= evaluate_untrained(first, examples, settings.evaluation, settings.sample, cache)
    told = describe_examples(examples, settings.data, getattr(built, "condition", None))
    return {**quality, **chosen.costs(), **told}


def report(
    model: str, checkpoint: "Checkpoint", best: "Checkpoint", drawings: dict[str, np.ndarray], history: pd.DataFrame,
    features: Path, parameters: Parameters, *inputs: Any,
) -> tuple[dict[str, np.ndarray], "go.Figure"]:  # fmt: skip
    """Drawings and history -> the figures and the curves."""
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.evaluation.features.cache import Cache
    from genlab.report.curves import draw_curves
    from genlab.report.figures.draw import draw_figures
    from genlab.report.figures.memorisation import draw_sample_figures

    examples, settings = _arranged(model, inputs), resolve(model, parameters)
    chosen = _chosen(model, checkpoint, best, parameters)
    figures = draw_figures(chosen.build(), examples.split("test"), drawings, settings.sample)
    if isinstance(examples, LabelledImages):
        figures |= draw_sample_figures(examples, drawings, settings.evaluation, settings.sample, Cache(features))
    return figures, draw_curves(history, f"{model}: losses while training")


def classify(
    model: str, checkpoint: "Checkpoint", best: "Checkpoint", parameters: Parameters, *inputs: Any
) -> tuple[pd.DataFrame, dict[str, float | str], dict[str, np.ndarray]]:
    """The trained encoder, as the beginning of classifiers -> their accuracies one by one, in numbers, and as a plot.

    Where the images have no labels, the second says so and the others are empty: the rest of the run is good.
    """
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.evaluation.studies import encoder_start as classifiers
    from genlab.report.figures.studies import draw_accuracies
    from genlab.training.checkpoint import build_model

    settings, examples = resolve(model, parameters), _arranged(model, inputs)
    assert isinstance(examples, LabelledImages)
    if reason := classifiers.why_not(examples):
        logger.warning("%s: %s", model, reason)
        return pd.DataFrame(columns=classifiers.COLUMNS), {"classifier_study": reason}, {}
    chosen = _chosen(model, checkpoint, best, parameters)
    study = classifiers.compare_classifiers(
        chosen.build(), lambda: build_model(chosen.model, chosen.spec, chosen.arguments), examples,
        settings.evaluation.classifiers, lambda line: logger.info("%s: %s", model, line),
    )  # fmt: skip
    plot = draw_accuracies(study, f"{model}: does its encoder start a classifier?")
    return study, {**classifiers.classifier_metrics(study)}, {"classifiers": plot}


def sweep_dimensions(
    model: str, checkpoint: "Checkpoint", best: "Checkpoint", parameters: Parameters, *inputs: Any
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Short trainings at several latent dimensions -> their reconstruction errors beside PCA's, and a plot."""
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.evaluation.studies.latent_dimension import compare_dimensions
    from genlab.report.figures.studies import draw_dimensions

    settings, examples = resolve(model, parameters), _arranged(model, inputs)
    assert isinstance(examples, LabelledImages)
    chosen = _chosen(model, checkpoint, best, parameters)
    study = compare_dimensions(chosen, examples, settings.training, settings.sample, settings.evaluation.dimension)
    return study, {"dimensions": draw_dimensions(study, f"{model}: how much is lost")}


def compare(parameters: Parameters, *finished: Any) -> tuple[pd.DataFrame, str, str]:
    """The finished runs in MLflow, and those of this `kedro run` -> the leaderboard: table, Markdown, page.

    `finished` are what the models of this `kedro run` saved, so that Kedro compares last; what they hold is with the
    runs already.
    """
    from genlab.experiments.leaderboard import build_leaderboard, to_markdown
    from genlab.experiments.page import draw_page
    from genlab.experiments.runs import all_runs, read_pictures
    from genlab.tracking.tracker import current_tracker

    tracker = current_tracker()
    if tracker is None:
        raise GenlabError("a comparison reads the runs of a project; start it with: kedro run --pipeline=compare")
    settings = compare_settings(parameters)
    runs = all_runs(tracker, scores=settings.keep == "best")
    board = build_leaderboard(runs, settings)
    for line in board.skipped:
        logger.warning("%s", line)
    at_hand = {run.run_id: dict(run.pictures) for run in runs}
    pictures = {}
    for run_id in board.table["run_id"]:
        pictures[run_id] = at_hand[run_id] or read_pictures(tracker.uri, run_id)
        if not pictures[run_id]:
            logger.warning("%s has no picture: its figures are not in MLflow, or are damaged", run_id)
    return board.table, to_markdown(board), draw_page(board, pictures)
