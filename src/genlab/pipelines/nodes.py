"""The nodes of every model's pipeline: unpack, call the library, pack. Torch is imported when a node runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genlab.pipelines.parameters import resolve

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from genlab.data.store import ImageStore
    from genlab.training.checkpoint import Checkpoint

Parameters = dict[str, Any]


def ingest(model: str, raw: Path, parameters: Parameters) -> "ImageStore":
    """Raw files -> the image store."""
    from genlab.data.sources import SOURCES

    settings = resolve(model, parameters).data
    return SOURCES[settings.source](raw, settings)


def derive(model: str, images: "ImageStore", parameters: Parameters) -> "ImageStore":
    """Images -> their edge drawings, domain a."""
    from genlab.data.pairs import derive_edges

    return derive_edges(images, resolve(model, parameters).data.edges)


def pair(model: str, a: "ImageStore", b: "ImageStore") -> pd.DataFrame:
    """Two image stores -> the table of pairs."""
    from genlab.data.pairs import pair_by_id

    return pair_by_id(a.table, b.table)


def train(
    model: str, a: "ImageStore", b: "ImageStore", pairs: pd.DataFrame, snapshots: Path, parameters: Parameters
) -> Iterator[tuple["Checkpoint", pd.DataFrame]]:
    """Pairs -> the trained model and its history.

    A generator: Kedro saves what is yielded before it asks for more, so that the snapshots go only once the
    checkpoint is safe.
    """
    from genlab.data.pairs import PairedImages
    from genlab.io.tracking import run_of
    from genlab.sampling.translate import FixedSamples
    from genlab.training.fit import Job, Sight, fit
    from genlab.training.progress import ProgressBar
    from genlab.training.snapshots import Snapshots

    settings = resolve(model, parameters)
    paired = PairedImages(pairs, a, b)
    train_pairs = paired.split("train")
    job = Job(
        model=model, arguments=settings.arguments, pairs=train_pairs, settings=settings.training, seed=settings.seed,
        snapshots=snapshots, draw=FixedSamples(paired.split("test"), settings.sampling),
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
    model: str, checkpoint: "Checkpoint", a: "ImageStore", b: "ImageStore", pairs: pd.DataFrame, parameters: Parameters
) -> dict[str, np.ndarray]:
    """The trained model -> its drawings for the test split, by pair id."""
    from genlab.data.pairs import PairedImages
    from genlab.models.base import ImageSpec
    from genlab.sampling.translate import translate_pairs

    settings = resolve(model, parameters).sampling
    checkpoint.require(ImageSpec(b.size, {"a": a.channels, "b": b.channels}))
    return translate_pairs(checkpoint.build(), PairedImages(pairs, a, b).split("test"), settings)


def evaluate(
    model: str, checkpoint: "Checkpoint", translations: dict[str, np.ndarray], a: "ImageStore", b: "ImageStore",
    pairs: pd.DataFrame, parameters: Parameters,
) -> dict[str, float | str]:  # fmt: skip
    """Drawings and their truth -> metrics with their controls."""
    from genlab.data.pairs import PairedImages
    from genlab.evaluation.translation import evaluate_translations

    settings = resolve(model, parameters)
    quality = evaluate_translations(translations, PairedImages(pairs, a, b), checkpoint.build(), settings.evaluation,
                                    {"batch_size": settings.sampling.batch_size})  # fmt: skip
    return {**quality, **checkpoint.costs()}


def report(
    model: str, checkpoint: "Checkpoint", translations: dict[str, np.ndarray], a: "ImageStore", b: "ImageStore",
    pairs: pd.DataFrame, history: pd.DataFrame, parameters: Parameters,
) -> tuple[dict[str, np.ndarray], "go.Figure"]:  # fmt: skip
    """Drawings and history -> the grid *input | generated | truth* and the curves."""
    from genlab.data.pairs import PairedImages
    from genlab.report.curves import draw_curves
    from genlab.sampling.translate import spread, translation_grid

    shown = spread(PairedImages(pairs, a, b).split("test"), resolve(model, parameters).sampling.pictures)
    grid = translation_grid(shown, translations, checkpoint.build())
    return {"translations": grid}, draw_curves(history, f"{model}: losses while training")
