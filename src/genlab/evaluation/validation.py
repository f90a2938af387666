"""Scores for choosing among a model's weights while it trains."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features.lite0 import Lite0
from genlab.models.base import Model, Samples, Validates
from genlab.nn.noise import Chance
from genlab.sampling.apply import apply
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.settings import SampleSettings

VALIDATED = 1000  # examples at most
BATCH = 100  # examples at a time


def validate(model: Model, examples: Examples) -> float:
    """The mean of what the model says of itself (`Validates`), over at most `VALIDATED` evenly spread examples."""
    assert isinstance(model, Validates)
    some = examples.spread(VALIDATED) if isinstance(examples, LabelledImages) else examples
    streams = some.streams()
    count = min(VALIDATED, *map(len, streams))
    batch: dict[str, np.ndarray] = {}
    for stream in streams:
        rows = np.linspace(0, len(stream) - 1, count).round().astype(int)
        batch |= {name: store.take(places[rows]) for name, (store, places) in stream.rows.items()}
        batch |= {name: values[rows] for name, values in stream.values.items()}

    def call(rng: Chance, *values: Tensor) -> Tensor:
        return model.validation(dict(zip(batch, values, strict=True)), rng)

    found = apply(model, call, range(count), *batch.values(), batch_size=BATCH)
    return float(found.astype(np.float64).mean())


@dataclass(frozen=True)
class ValidationDistance:
    """The Frechet distance of a model's drawings from real images, for choosing among its weights; lower is better.

    Few drawings and few images, and so far above fd_lite0 and useless but for comparing two states of one model: the
    counts, and with them the bias, are the same.
    """

    examples: LabelledImages  # a split that is not the test split
    sample: SampleSettings
    count: int = 500

    @cached_property
    def real(self) -> Gaussian:
        """Of the real images, computed once."""
        return Gaussian.of(Lite0()(self.examples.spread(self.count).pixels))

    def __call__(self, model: Model) -> float:
        assert isinstance(model, Samples)
        told = spread_condition(model, self.examples, self.count)
        drawn = draw_samples(model, self.count, self.sample, told, self.examples.store.images.dtype)
        return frechet_distance(self.real, Gaussian.of(Lite0()(drawn)))
