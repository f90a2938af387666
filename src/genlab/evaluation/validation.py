"""A quick distance of a model's new images from real ones, for choosing among its weights while it trains."""

from dataclasses import dataclass
from functools import cached_property

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features.lite0 import Lite0
from genlab.models.base import Model, Samples
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.settings import SampleSettings


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
