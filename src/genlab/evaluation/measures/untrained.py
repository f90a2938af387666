"""What training was worth: the same metric for the model as it was before its first step."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features.lite0 import Lite0
from genlab.evaluation.measures.samples import Reals, each_set, spread_evenly
from genlab.evaluation.registry import measure
from genlab.models.base import Decodes, Samples
from genlab.sampling.draw import draw_samples, spread_condition


@measure(needs=(Samples, Decodes), on=LabelledImages, controls={"untrained": "the first weights"})
def judge_untrained(case: Judged[Samples, LabelledImages]) -> Metrics:
    """`fd_lite0_untrained`: the control of `fd_lite0`, by the same protocol, for a model with its first weights.

    Only for a model that draws in one pass from latents to images: others take too long for a control.
    """
    if case.untrained is None:
        return {}
    first, count = replace(case, model=case.untrained()), case.sample.count

    def distance(drawn: np.ndarray, reals: Reals, protocol: Mapping[str, Any]) -> Metrics:
        if min(len(reals.test), len(drawn)) < 2:
            return {}
        extract = Lite0(case.evaluation.feature_size, case.device)
        untrained = spread_evenly(draw_samples(first, count, spread_condition(case, count)), len(drawn))
        real, ours = Gaussian.of(case.cache.features(extract, reals.test)), Gaussian.of(extract(untrained))
        return {"fd_lite0_untrained": frechet_distance(real, ours)}

    return each_set(case, distance)
