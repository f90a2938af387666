"""How probable images are to a model that knows their energy; log Z is found once, with its standard error."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.measures.likelihood import BATCH, likelihood_metrics
from genlab.evaluation.registry import measure
from genlab.models.base import HasEnergy
from genlab.nn.noise import Chance


@measure(needs=HasEnergy, on=LabelledImages)
def evaluate_energy(case: Judged[HasEnergy, LabelledImages]) -> Metrics:
    """`likelihood_metrics` of a model that knows energies.

    `log_partition_nats` is log Z, `log_partition_nats_error` its standard error. It is part of the interval of
    `nll_nats`.
    """
    model, settings, images = case.model, case.evaluation, case.shown.pixels

    def log_partition(rng: Chance) -> Tensor:
        return torch.tensor([model.log_partition(rng, settings.effort)], dtype=torch.float64)

    [[log_z, error]] = case.apply(log_partition, [0], seed=settings.seed).tolist()
    energy = case.apply(lambda _, x: model.energy(x), range(len(images)), images, batch_size=BATCH)
    found = likelihood_metrics(case, energy.astype(np.float64) + log_z, error)
    return {**found, "log_partition_nats": log_z, "log_partition_nats_error": error}
