"""How the reconstruction error falls as codes grow: short trainings of one model at several sizes of code, and PCA."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.features.principal import PrincipalComponents
from genlab.evaluation.pixel_errors import mse
from genlab.models.base import Encodes
from genlab.sampling.draw import encode_images, reconstruct_images
from genlab.training.checkpoint import Checkpoint
from genlab.training.fit import Job, augment_streams, build_training
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings

COLUMNS = ["method", "latent_dim", "steps", "mse"]


def compare_dimensions(
    case: Judged[Encodes, LabelledImages], trained: Checkpoint, training: TrainingSettings
) -> pd.DataFrame:
    """The mse on the test split by latent dimension, in rows of three methods.

    "trained to the end" is the case's model, of the checkpoint `trained`. "trained briefly" is the same model with
    another argument `latent_dim`, trained for a share of its steps, on one device. "PCA" keeps as many components of
    the training split. Dimensions that are not smaller than an image are left out.
    """
    train, test, settings = case.examples.split("train"), case.shown.pixels, case.evaluation.dimension
    dimensions = [z for z in sorted(set(settings.dimensions)) if z < test[0].size]
    steps = max(1, round(settings.share * trained.step))
    short = training.model_copy(update={"steps": steps, "report_every": steps, "devices": 1})
    machine = open_machine(short)
    components = PrincipalComponents.of(train, max(dimensions, default=1), trained.seed)

    def error(model: Any) -> float:
        judged: Any = replace(case, model=model)
        return float(mse(reconstruct_images(judged, test), test).mean())

    rows: list[tuple[str, int, int, float]] = []
    for latent_dim in dimensions:
        arguments = {**trained.arguments, "latent_dim": latent_dim}
        job = Job(trained.model, arguments, train, short, trained.seed, snapshots=Path())  # which writes none
        run = build_training(job, machine)
        for _ in run.run(augment_streams(job)):
            pass
        rows.append(("trained briefly", latent_dim, steps, error(run.model)))
        pca = mse(components.reconstruct(test, latent_dim), test).mean()
        rows.append(("PCA", latent_dim, 0, float(pca)))
    latent_dim = encode_images(case, test[:1]).shape[1]
    rows.append(("trained to the end", latent_dim, trained.step, error(case.model)))
    return pd.DataFrame(rows, columns=COLUMNS)
