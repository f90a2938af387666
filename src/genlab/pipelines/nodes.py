"""The nodes of every model's pipeline: unpack, call the library, pack. Torch is imported when a node runs."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genlab.pipelines.parameters import data_settings, resolve

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from genlab.data.pairs import PairedImages
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
    from genlab.data.sources import list_source
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
    from genlab.data.derive import derive

    return derive(images, data_settings(name, parameters), place)


def pair(name: str, images: "ImageSet", derived: "ImageSet", parameters: Parameters) -> pd.DataFrame:
    """Two domains -> the table of pairs."""
    from genlab.data.derive import pair_sides

    return pair_sides(images, derived, data_settings(name, parameters))


def unpair(
    name: str, images: "ImageSet", derived: "ImageSet", pairs: pd.DataFrame, parameters: Parameters
) -> pd.DataFrame:
    """Two domains -> the table of images to be trained on without pairs."""
    from genlab.data.unpair import unpair

    return unpair(images, derived, pairs, data_settings(name, parameters))


def _paired(images: "ImageSet", derived: "ImageSet", pairs: pd.DataFrame) -> "PairedImages":
    from genlab.data.derive import sides
    from genlab.data.pairs import PairedImages

    return PairedImages(pairs, *sides(images, derived))


def train(
    model: str, images: "ImageSet", derived: "ImageSet", pairs: pd.DataFrame, snapshots: Path, parameters: Parameters
) -> Iterator[tuple["Checkpoint", pd.DataFrame]]:
    """Pairs -> the trained model and its history.

    A generator: Kedro saves what is yielded before it asks for more, so that the snapshots go only once the
    checkpoint is safe.
    """
    from genlab.io.tracking import run_of
    from genlab.sampling.translate import FixedSamples
    from genlab.training.fit import Job, Sight, fit
    from genlab.training.progress import ProgressBar
    from genlab.training.snapshots import Snapshots

    settings = resolve(model, parameters)
    paired = _paired(images, derived, pairs)
    train_pairs = paired.split("train")
    watched = paired.split("val") if paired.has_split("val") else train_pairs
    job = Job(
        model=model, arguments=settings.arguments, pairs=train_pairs, settings=settings.training, seed=settings.seed,
        snapshots=snapshots, draw=FixedSamples(watched, settings.sampling),
    )  # fmt: skip
    run = run_of(model)
    if run:
        run.log_dataset(settings.data.source, train_pairs.fingerprint(), f"{len(train_pairs)} pairs")

    with ProgressBar(model) as bar:

        def watch(sight: Sight) -> None:
            bar.show(sight.progress)
            if run:
                run.log_metrics(sight.progress.values, sight.progress.step)
            if run and sight.picture is not None:
                run.log_picture("translations", sight.picture, sight.progress.step)

        fitted = fit(job, watch)
    if run and fitted.resumed_from:
        run.set_tags({"resumed_from_step": str(fitted.resumed_from)})
        for row in fitted.history:
            if row["step"] <= fitted.resumed_from:
                run.log_metrics({name: value for name, value in row.items() if name != "step"}, int(row["step"]))
    yield fitted.checkpoint, pd.DataFrame(fitted.history)
    Snapshots(snapshots).clear(fitted.checkpoint.fingerprint)


def translate(
    model: str,
    checkpoint: "Checkpoint",
    images: "ImageSet",
    derived: "ImageSet",
    pairs: pd.DataFrame,
    parameters: Parameters,
) -> dict[str, np.ndarray]:
    """The trained model -> its drawings for the test split, by pair id."""
    from genlab.models.base import ImageSpec
    from genlab.sampling.translate import translate_pairs

    settings = resolve(model, parameters).sampling
    paired = _paired(images, derived, pairs)
    checkpoint.require(ImageSpec(paired.b.size, {"a": paired.a.channels, "b": paired.b.channels}))
    return translate_pairs(checkpoint.build(), paired.split("test"), settings)


def evaluate(
    model: str, checkpoint: "Checkpoint", translations: dict[str, np.ndarray], images: "ImageSet", derived: "ImageSet",
    pairs: pd.DataFrame, parameters: Parameters,
) -> dict[str, float | str]:  # fmt: skip
    """Drawings and their truth -> metrics with their controls."""
    from genlab.evaluation.translation import evaluate_translations

    settings = resolve(model, parameters)
    paired = _paired(images, derived, pairs)
    quality = evaluate_translations(translations, paired, checkpoint.build(), settings.evaluation,
                                    {"batch_size": settings.sampling.batch_size})  # fmt: skip
    return {**quality, **checkpoint.costs()}


def report(
    model: str, checkpoint: "Checkpoint", translations: dict[str, np.ndarray], images: "ImageSet", derived: "ImageSet",
    pairs: pd.DataFrame, history: pd.DataFrame, parameters: Parameters,
) -> tuple[dict[str, np.ndarray], "go.Figure"]:  # fmt: skip
    """Drawings and history -> the grid *input | generated | truth* and the curves."""
    from genlab.report.curves import draw_curves
    from genlab.sampling.translate import spread, translation_grid

    shown = spread(_paired(images, derived, pairs).split("test"), resolve(model, parameters).sampling.pictures)
    grid = translation_grid(shown, translations, checkpoint.build())
    return {"translations": grid}, draw_curves(history, f"{model}: losses while training")
