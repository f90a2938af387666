"""How much drawings differ from each other: what a collapsed generator has lost. N images, H = W pixels, C channels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.models.base import Decodes, Model, Samples
from genlab.sampling.case import Case
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.settings import SampleSettings

COUNT = 64  # images among which distances are taken


def mean_distance(images: np.ndarray) -> float:
    """The mean Euclidean distance between two of (N, H, W, C) images, in pixel values."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    norms = (flat**2).sum(axis=1)
    squared = np.maximum(norms[:, None] + norms - 2 * flat @ flat.T, 0)
    np.fill_diagonal(squared, 0)
    return float(np.sqrt(squared).sum() / (len(flat) * (len(flat) - 1)))


@dataclass(frozen=True)
class Diversity:
    """The mean distance between the same few drawings as a share of that between as many real images."""

    examples: LabelledImages  # all splits
    split: str
    settings: SampleSettings
    between_real: float

    def __call__(self, model: Model) -> float | None:
        """None for a model that is not one pass from latents to images: others take long, and do not collapse."""
        if not (isinstance(model, Samples) and isinstance(model, Decodes)):
            return None
        case: Case[Any, LabelledImages] = Case(model, self.examples, self.settings, self.split)
        return mean_distance(draw_samples(case, COUNT, spread_condition(case, COUNT))) / self.between_real


def measure_diversity(
    examples: Examples, split: str, settings: SampleSettings
) -> Callable[[Model], float | None] | None:
    """What measures a model against a split's images; None where there are not two different ones of one domain."""
    if not isinstance(examples, LabelledImages):
        return None
    some = examples.split(split).spread(COUNT)
    between_real = mean_distance(some.pixels) if len(some) > 1 else 0
    return Diversity(examples, split, settings, between_real) if between_real > 0 else None
