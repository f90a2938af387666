"""How long a model takes to draw one image, by itself, on the device of the evaluation."""

import time
from collections.abc import Callable

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.registry import measure
from genlab.models.base import Samples, Translates
from genlab.sampling.draw import draw_samples, other, spread_condition, translate_images

LONGEST = 1.0  # seconds after which no further image is drawn


def median_seconds(draw: Callable[[], np.ndarray]) -> Metrics:
    """`draw_seconds`: the median over as many drawings as a second holds, one at least."""
    times: list[float] = []
    while sum(times) < LONGEST:
        start = time.perf_counter()
        draw()
        times.append(time.perf_counter() - start)
    return {"draw_seconds": float(np.median(times))}


@measure(needs=Samples, on=LabelledImages)
def time_samples(case: Judged[Samples, LabelledImages]) -> Metrics:
    """Of one new image. In a batch each takes less."""
    return median_seconds(lambda: draw_samples(case, 1, spread_condition(case, 1)))


@measure(needs=Translates, on=TwoDomains)
def time_translations(case: Judged[Translates, TwoDomains]) -> Metrics:
    """Of one translation, into the first domain that the model reaches."""
    to = case.model.targets[0]
    image = case.shown.side(other(to))[:1]
    return median_seconds(lambda: translate_images(case, image, to))
