"""What training was worth: the same metric for the model as it was before its first step."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.lite0 import Lite0
from genlab.evaluation.measures.samples import spread_evenly
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Decodes, Model, Samples
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.settings import SampleSettings


def evaluate_untrained(
    untrained: Model, examples: LabelledImages, settings: EvaluationSettings, sample: SampleSettings, cache: Cache
) -> dict[str, float]:
    """`fd_lite0_untrained`: the control of `fd_lite0`, by the same protocol, for a model with its first weights.

    Nothing for a model that is not one pass from latents to images: drawing takes too long for a control.
    """
    if not (settings.features and isinstance(untrained, Samples) and isinstance(untrained, Decodes)):
        return {}
    test, extract = examples.split("test"), Lite0(settings.feature_size)
    real = examples.store.take(spread_evenly(np.unique(test.table["row"].to_numpy()), settings.reference_images))
    told = spread_condition(untrained, test, sample.count)
    drawn = draw_samples(untrained, sample.count, sample, told, examples.store.images.dtype)
    drawn = spread_evenly(drawn, settings.reference_images)
    if min(len(real), len(drawn)) < 2:
        return {}
    ours = Gaussian.of(extract(drawn))
    return {"fd_lite0_untrained": frechet_distance(Gaussian.of(cache.features(extract, real)), ours)}
