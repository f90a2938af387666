"""The nodes of every model's pipeline: unpack, call the library, pack. Torch is imported when a node runs."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genlab.errors import GenlabError
from genlab.pipelines.parameters import compare_settings, data_settings, require_batch, resolve

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from genlab.data.arrange.arrange import Arrangement
    from genlab.data.arrange.examples import Examples
    from genlab.data.arrange.labelled import LabelledImages
    from genlab.data.settings import DataSettings
    from genlab.data.store import ImageSet
    from genlab.evaluation.case import Judged
    from genlab.media.base import Drawings
    from genlab.pipelines.parameters import RunSettings
    from genlab.tracking.tracker import Tracker
    from genlab.training.checkpoint import Checkpoint

Parameters = dict[str, Any]

logger = logging.getLogger(__name__)


def _requests(names: Sequence[str], parameters: Parameters) -> "list[DataSettings]":
    """What the models of these names, or "data", want of the data branch."""
    return [data_settings(name, parameters) for name in names]


def _folder(parameters: Parameters, *parts: str) -> Path:
    """A folder below that of all data."""
    return Path(parameters["data_root"], *parts)


def ingest(
    names: Sequence[str], raw: Path, parameters: Parameters
) -> Iterator[tuple[dict[str, "ImageSet"], dict[str, Any], pd.DataFrame, dict[str, np.ndarray]]]:
    """Raw files -> the image sets that the models want; of each a report, as values and as a table, and a picture.

    A generator: Kedro saves what is yielded before it asks for more, so that the report can be read where too many
    files were rejected and the run stops.
    """
    from genlab.data.arrange.view import view
    from genlab.data.ingest import ingest
    from genlab.data.report import describe_set, report_table, require_few_rejected, warnings
    from genlab.data.sources.listing import list_source
    from genlab.report.contact import draw_contact_sheet

    sets, reports, sheets = {}, {}, {}
    requests = _requests(names, parameters)
    for settings in requests:
        name = settings.set_name()
        if name not in sets:
            listing = list_source(raw, settings)
            for other, wanted in zip(names, requests, strict=True):
                if other != "data" and wanted.set_name() == name:
                    require_batch(other, len(listing.entries), parameters)
            sets[name] = ingest(listing, settings, _folder(parameters, "02_intermediate", name))
            whole = view(sets[name], settings.model_copy(update={"classes": None, "binarise": None}))
            reports[name], sheets[name] = describe_set(whole, settings), draw_contact_sheet(whole)
            for warning in warnings(reports[name]):
                logger.warning("%s: %s", reports[name]["source"], warning)
    table = pd.concat([report_table(report).assign(set=name) for name, report in reports.items()])
    yield sets, reports, table, sheets
    for settings in requests:
        require_few_rejected(reports[settings.set_name()], settings)


def derive(names: Sequence[str], images: Mapping[str, "ImageSet"], parameters: Parameters) -> dict[str, "ImageSet"]:
    """Images -> what domain a is made of where pairs are derived, e.g. their edge drawings."""
    from genlab.data.arrange.derive import derive
    from genlab.data.arrange.view import view

    wanted = {settings.derived_name(): settings for settings in _requests(names, parameters)}
    return {
        name: derive(view(images[settings.set_name()], settings), settings, _folder(parameters, "03_primary", name))
        for name, settings in wanted.items()
    }


def _tables(
    names: Sequence[str], images: Mapping[str, "ImageSet"], parameters: Parameters
) -> "Iterator[tuple[str, ImageSet, DataSettings]]":
    """The tables that the models want, each once: its name, the images that it is of, and the settings."""
    from genlab.data.arrange.view import view

    wanted: dict[str, tuple[ImageSet, DataSettings]] = {}
    for settings in _requests(names, parameters):
        stored = images[settings.set_name()]
        wanted.setdefault(settings.table_name(stored.about["key"]), (stored, settings))
    for name, (stored, settings) in wanted.items():
        yield name, view(stored, settings), settings


def pair(
    names: Sequence[str], images: Mapping[str, "ImageSet"], derived: Mapping[str, "ImageSet"], parameters: Parameters
) -> dict[str, pd.DataFrame]:
    """Two domains -> the tables of pairs."""
    from genlab.data.arrange.derive import pair_sides
    from genlab.data.arrange.view import view_derived

    return {
        name: pair_sides(seen, view_derived(derived[settings.derived_name()], seen), settings)
        for name, seen, settings in _tables(names, images, parameters)
    }


def unpair(
    names: Sequence[str], images: Mapping[str, "ImageSet"], derived: Mapping[str, "ImageSet"],
    pairs: Mapping[str, pd.DataFrame], parameters: Parameters,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Two domains -> the tables of images to be trained on without pairs."""
    from genlab.data.arrange.unpair import unpair
    from genlab.data.arrange.view import view_derived

    return {
        name: unpair(seen, view_derived(derived[settings.derived_name()], seen), pairs[name], settings)
        for name, seen, settings in _tables(names, images, parameters)
    }


def caption(names: Sequence[str], images: Mapping[str, "ImageSet"], parameters: Parameters) -> dict[str, pd.DataFrame]:
    """Images -> the tables of their captions, and which of them are held out."""
    from genlab.data.arrange.captions import caption_images

    tables = {}
    for name, seen, settings in _tables(names, images, parameters):
        table = tables[name] = caption_images(seen, settings)
        train = table[table["split"] == "train"]
        logger.info("%d captions to train on, %d held out", (~train["held_out"]).sum(), train["held_out"].sum())
    return tables


def arrange(
    model: str, parameters: Parameters, images: Mapping[str, "ImageSet"], *more: Mapping[str, Any]
) -> "Arrangement":
    """What the model learns from: its own of the image sets, of what is derived from them, and of the tables."""
    from genlab.data.arrange.arrange import Arrangement, arrange
    from genlab.models import MODELS

    entry, settings = MODELS[model], data_settings(model, parameters)
    name, two = settings.set_name(), entry.trains_on != "images"
    table = settings.table_name(images[name].about["key"]) if more else None
    kind = entry.trains_on if two else "captions"
    derived = more[0][settings.derived_name()] if two else None
    examples = arrange(entry.trains_on, settings, images[name], derived, more[-1][table] if table else None)
    return Arrangement(
        entry.trains_on, settings, f"{name}/{images[name].about['key']}",
        f"{settings.derived_name()}/{derived.about['key']}" if derived is not None else None,
        f"{kind}/{table}" if table else None, examples.fingerprint(),
    )  # fmt: skip


def _watched(examples: "Examples") -> str:
    """The split to look at while a model trains: validation, or training where there is none."""
    return "val" if examples.has_split("val") else "train"


def train(model: str, examples: "Examples", parameters: Parameters) -> Iterator[tuple["Checkpoint", pd.DataFrame]]:
    """Images -> the trained model, with its best weights by the validation split, and the history.

    A generator: Kedro saves what is yielded before it asks for more, so that the snapshots go only once the
    checkpoint is safe.
    """
    import torch

    from genlab.data.arrange.labelled import LabelledImages
    from genlab.evaluation.diversity import measure_diversity
    from genlab.evaluation.validation import Score, left_out
    from genlab.models import model_class
    from genlab.report.overview import Overview
    from genlab.sampling.request import requested
    from genlab.tracking.training import TrainingRecord
    from genlab.training.alarms import alarms_of
    from genlab.training.checkpoint import build_model
    from genlab.training.fit import Job, Sight, fit
    from genlab.training.progress import ProgressBar
    from genlab.training.snapshots import Snapshots

    settings, snapshots = resolve(model, parameters), _folder(parameters, "06_models", model, "snapshots")
    with torch.device("meta"):
        built = build_model(model, examples.spec, settings.arguments)
    always_told = getattr(model_class(model), "condition", None)  # others learn from images without a label, too
    if always_told == "labels" and isinstance(examples, LabelledImages):
        examples.require_labels(model)
    # Refuse now what could not be drawn after training.
    requested(getattr(built, "condition", None), examples.spec, settings.sample)
    for sentence in left_out(built, examples, settings.evaluation):
        logger.warning("%s: %s", model, sentence)
    training, watched = examples.split("train"), _watched(examples)
    job = Job(
        model=model, arguments=settings.arguments, examples=training, settings=settings.training, seed=settings.seed,
        snapshots=snapshots, draw=Overview(examples, watched, settings.sample),
        score=Score(examples, watched, settings.training.score_images, settings.seed),
        diversity=measure_diversity(examples, watched, settings.sample),
    )  # fmt: skip
    record = TrainingRecord(model)
    with ProgressBar(model) as bar:

        def watch(sight: Sight) -> None:
            bar.show(sight.progress)
            for alarm in sight.alarms:
                bar.warn(alarm)
            record.see(sight)

        fitted = fit(job, watch)
        for alarm in alarms_of(fitted.history):
            bar.warn(alarm)
    record.end(fitted)
    yield fitted.checkpoint, pd.DataFrame(fitted.history)
    Snapshots(snapshots).clear(fitted.checkpoint.fingerprint)


def _case(
    checkpoint: "Checkpoint", examples: "Examples", settings: "RunSettings", parameters: Parameters,
    drawings: Mapping[str, np.ndarray] | None = None, by_image: pd.DataFrame | None = None,
) -> "Judged[Any, Any]":  # fmt: skip
    """The trained model on its device, beside its images, its drawings and what was measured of each image."""
    from genlab.evaluation.case import Judged
    from genlab.evaluation.features.cache import Cache
    from genlab.training.machine import drawing_device

    chosen = checkpoint.chosen(settings.sample.checkpoint)
    device, statistics = drawing_device(settings.training), settings.sample.statistics
    return Judged(
        chosen.build(device, statistics), examples, settings.sample, statistics=chosen.statistics(statistics),
        drawings=drawings or {}, evaluation=settings.evaluation, cache=Cache(_folder(parameters, "04_feature")),
        untrained=lambda: chosen.build_untrained(device, statistics),
        kept={} if by_image is None else {str(name): row for name, row in by_image.set_index("id").items()},
    )  # fmt: skip


def draw(model: str, checkpoint: "Checkpoint", examples: "Examples", parameters: Parameters) -> "Drawings":
    """The trained model -> its drawings for the test split."""
    from genlab.media.base import Drawings
    from genlab.sampling.registry import drawing

    drawn = drawing.run(_case(checkpoint, examples, resolve(model, parameters), parameters))
    return Drawings(drawn, examples.spec.medium)


def evaluate(
    model: str, checkpoint: "Checkpoint", drawings: dict[str, np.ndarray], examples: "Examples", parameters: Parameters
) -> tuple[dict[str, float | str], pd.DataFrame]:
    """Drawings and what they are held against -> metrics with their controls, and those of each test image."""
    from genlab.data.arrange.words import describe_examples
    from genlab.evaluation.registry import measure

    settings = resolve(model, parameters)
    case = _case(checkpoint, examples, settings, parameters, drawings)
    told = describe_examples(examples, settings.data, getattr(case.model, "condition", None))
    return {**measure.run(case), **checkpoint.chosen(settings.sample.checkpoint).costs(), **told}, case.by_image


def report(
    model: str, checkpoint: "Checkpoint", drawings: dict[str, np.ndarray], history: pd.DataFrame,
    by_image: pd.DataFrame, examples: "Examples", parameters: Parameters,
) -> tuple[dict[str, np.ndarray], "go.Figure"]:  # fmt: skip
    """Drawings, their metrics and history -> the figures and the curves."""
    from genlab.report.curves import draw_curves
    from genlab.report.registry import figure
    from genlab.training.alarms import alarms_of

    case = _case(checkpoint, examples, resolve(model, parameters), parameters, drawings, by_image)
    rows: list[Any] = [row.dropna().to_dict() for _, row in history.iterrows()]
    title = [f"{model}: losses while training", *(f"step {alarm.step}: {alarm.message}" for alarm in alarms_of(rows))]
    return figure.run(case), draw_curves(history, "<br>".join(title))


def show(
    model: str, metrics: dict[str, float | str], figures: Mapping[str, np.ndarray], curves: "go.Figure",
    *sounds: "Drawings",
) -> str:  # fmt: skip
    """A card of the model, as a page: a few drawings, to be heard where they are sound, and the headline metrics.

    The curves are not on it. A node that takes them lets kedro-viz fold them away behind the card.
    """
    from genlab.experiments.page import draw_card
    from genlab.tracking.runs import FinishedRun, to_png

    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    words = {name: value for name, value in metrics.items() if isinstance(value, str)}
    pictures = {name: to_png(pixels) for name, pixels in figures.items() if name.startswith("few_")}
    heard = {name: wav for some in sounds for name, wav in some.as_files().items()}
    return draw_card(FinishedRun("", model, 0, {**words, "model": model}, {}, numbers, pictures=pictures, sounds=heard))


def classify(
    model: str, checkpoint: "Checkpoint", examples: "LabelledImages", parameters: Parameters
) -> tuple[pd.DataFrame, dict[str, float | str], dict[str, np.ndarray]]:
    """The trained encoder, as the beginning of classifiers -> their accuracies one by one, in numbers, and as a plot.

    Where the images have no labels, the second says so and the others are empty: the rest of the run is good.
    """
    from genlab.evaluation.studies import encoder_start as classifiers
    from genlab.report.studies import draw_accuracies
    from genlab.training.checkpoint import build_model

    case = _case(checkpoint, examples, resolve(model, parameters), parameters)
    if reason := classifiers.why_not(examples):
        logger.warning("%s: %s", model, reason)
        return pd.DataFrame(columns=classifiers.COLUMNS), {"classifier_study": reason}, {}
    study = classifiers.compare_classifiers(
        case, lambda: build_model(model, checkpoint.spec, checkpoint.arguments).to(case.device),
        lambda line: logger.info("%s: %s", model, line),
    )  # fmt: skip
    plot = draw_accuracies(study, f"{model}: does its encoder start a classifier?")
    return study, {**classifiers.classifier_metrics(study)}, {"classifiers": plot}


def listen(model: str, checkpoint: "Checkpoint", examples: "LabelledImages", parameters: Parameters) -> "Drawings":
    """The trained model -> recordings to listen to: of each label and group, and continued beginnings."""
    from genlab.report.players import draw_sounds

    return draw_sounds(_case(checkpoint, examples, resolve(model, parameters), parameters))


def sweep_dimensions(
    model: str, checkpoint: "Checkpoint", examples: "Examples", parameters: Parameters
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Short trainings at several latent dimensions -> their reconstruction errors beside PCA's, and a plot."""
    from genlab.evaluation.studies.latent_dimension import compare_dimensions
    from genlab.report.studies import draw_dimensions

    settings = resolve(model, parameters)
    case = _case(checkpoint, examples, settings, parameters)
    study = compare_dimensions(case, checkpoint.chosen(settings.sample.checkpoint), settings.training)
    return study, {"dimensions": draw_dimensions(study, f"{model}: how much is lost")}


def _tracker() -> "Tracker":
    """The tracker of this `kedro run`."""
    from genlab.tracking.tracker import current_tracker

    if (tracker := current_tracker()) is None:
        raise GenlabError("a comparison reads the runs of a project; start it with: kedro run --pipeline=compare")
    return tracker


def atlas(parameters: Parameters, *finished: Any) -> tuple[str, dict[str, np.ndarray]]:
    """The newest whole run of each model -> the atlas: page and picture. `finished` as in `compare`."""
    from genlab.experiments.atlas import build_atlas
    from genlab.experiments.atlas_page import draw_atlas
    from genlab.experiments.atlas_picture import draw_picture
    from genlab.tracking.runs import all_runs, read_pictures, read_sounds, read_table

    tracker, page = _tracker(), _folder(parameters, "08_reporting")
    atlas = build_atlas(
        all_runs(tracker, scores=False),
        lambda run: run.pictures or read_pictures(tracker.uri, run.run_id),
        lambda run: read_table(tracker.uri, run, "history"),
        lambda run: read_sounds(tracker.uri, run),
    )
    site = tracker.project / "build/site/models"
    built = {leaf.model: site / f"{leaf.model}.html" for leaf in atlas.leaves}
    pages = {model: os.path.relpath(path, page) for model, path in built.items() if path.exists()}
    return draw_atlas(atlas, pages), {"atlas": draw_picture(atlas)}


def compare(parameters: Parameters, *finished: Any) -> tuple[pd.DataFrame, str, str]:
    """The finished runs in MLflow, and those of this `kedro run` -> the leaderboard: table, Markdown, page.

    `finished` are what the models of this `kedro run` saved, so that Kedro compares last; what they hold is with the
    runs already.
    """
    from genlab.experiments.leaderboard import build_leaderboard
    from genlab.experiments.page import draw_page, to_markdown
    from genlab.tracking.runs import all_runs, read_pictures, read_sounds, read_table

    tracker, settings = _tracker(), compare_settings(parameters)
    runs = all_runs(tracker, scores=settings.keep == "best")
    board = build_leaderboard(runs, settings)
    for line in board.skipped:
        logger.warning("%s", line)
    pictures = {}
    for run_id, run in board.runs.items():
        pictures[run_id] = run.pictures or read_pictures(tracker.uri, run_id)
        if not pictures[run_id]:
            logger.warning("%s has no picture: its figures are not in MLflow, or are damaged", run_id)
    tables = {run_id: read_table(tracker.uri, run, "by_image") for run_id, run in board.runs.items()}
    sounds = {run_id: read_sounds(tracker.uri, run) for run_id, run in board.runs.items()}
    return board.table, to_markdown(board), draw_page(board, pictures, lambda run: tables[run.run_id], sounds)
