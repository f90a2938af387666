"""How probable images are to a model that knows their energy; log Z is found once, with its standard error."""

import logging
import math

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.measures.likelihood import BATCH, likelihood_metrics
from genlab.evaluation.registry import measure
from genlab.models.base import HasEnergy
from genlab.nn.noise import Chance

logger = logging.getLogger(__name__)

AGREE = 3.0  # standard errors within which estimates of log Z agree
LARGEST_ERROR = 0.5  # nats; where 100 chains scatter more, fewer than four of them are the estimate


def doubt(estimates: list[tuple[float, float]], temperatures: int) -> str:
    """Why estimates of log Z are not to be trusted, in one line; empty where nothing speaks against them."""
    (log_z, error), *others = estimates
    said = " and ".join(f"{value:.2f} \u00b1 {scatter:.2f}" for value, scatter in estimates)
    if any(abs(value - log_z) > AGREE * math.hypot(error, scatter) for value, scatter in others):
        return f"estimates of log Z disagree, {said} nats: raise evaluation.temperatures ({temperatures})"
    if error > LARGEST_ERROR:
        return f"log Z is uncertain, {said} nats: raise evaluation.temperatures ({temperatures}) or evaluation.effort"
    return ""


@measure(needs=HasEnergy, on=LabelledImages, papers={"log_partition_nats": "Salakhutdinov and Murray 2008"})
def evaluate_energy(case: Judged[HasEnergy, LabelledImages]) -> Metrics:
    """`likelihood_metrics` of a model that knows energies.

    `log_partition_nats` is log Z, `log_partition_nats_error` its standard error. It is part of the interval of
    `nll_nats`. `log_partition_nats_apart` is how far the model's other estimates are from it, at most; where they
    disagree, a warning says so.
    """
    model, settings, images = case.model, case.evaluation, case.shown.pixels

    def log_partition(rng: Chance) -> Tensor:
        return torch.tensor([model.log_partition(rng, settings.effort, settings.temperatures)], dtype=torch.float64)

    [estimates] = case.apply(log_partition, [0], seed=settings.seed).tolist()
    [log_z, error], *others = estimates
    if message := doubt(estimates, settings.temperatures):
        logger.warning("%s: %s", type(model).__name__, message)
    energy = case.apply(lambda _, x: model.energy(x), range(len(images)), images, batch_size=BATCH)
    found = likelihood_metrics(case, energy.astype(np.float64) + log_z, error)
    apart = {"log_partition_nats_apart": max(abs(value - log_z) for value, _ in others)} if others else {}
    return {**found, "log_partition_nats": log_z, "log_partition_nats_error": error, **apart}
