"""How good a model's new images are while it trains: a small `fd_lite0`, for choosing among its weights."""

from dataclasses import dataclass
from functools import cached_property

from genlab.data.labelled import LabelledImages
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features import Lite0
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Model
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.settings import SampleSettings


@dataclass(frozen=True)
class SampleScore:
    """fd_lite0 of `score_images` new images against the images of a split, whose features are computed once.

    So few images bias the distance upwards, alike for all weights that are compared; it is not the `fd_lite0` of the
    metrics, and may not be put beside it.
    """

    examples: LabelledImages
    sample: SampleSettings
    evaluation: EvaluationSettings

    @cached_property
    def extract(self) -> Lite0:
        return Lite0(self.evaluation.feature_size)

    @cached_property
    def real(self) -> Gaussian:
        return Gaussian.of(self.extract(self.examples.spread(4 * self.evaluation.score_images).pixels))

    def __call__(self, model: Model) -> float:
        count = self.evaluation.score_images
        told = spread_condition(model, self.examples, count)  # type: ignore[arg-type]
        drawn = draw_samples(model, count, self.sample, told, self.examples.store.images.dtype)
        return frechet_distance(self.real, Gaussian.of(self.extract(drawn)))
