"""New images."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.base import Samples
from genlab.sampling.case import Case
from genlab.sampling.draw import draw_samples, spread_condition
from genlab.sampling.registry import drawing
from genlab.sampling.request import requested


@drawing(needs=Samples, on=LabelledImages)
def draw_new(case: Case[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`sample.count` new images, "samples/<number>", told what the images of the split are told."""
    drawn = draw_samples(case, case.sample.count, spread_condition(case, case.sample.count))
    return {f"samples/{number:05d}": pixels for number, pixels in enumerate(drawn)}


@drawing(needs=Samples, on=LabelledImages)
def draw_requested(case: Case[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """As many drawings as a grid shows of what a person asks for, "requested/<number>"; none where nothing is asked."""
    told = requested(case.model.condition, case.examples.spec, case.sample)
    if told is None:
        return {}
    drawn = draw_samples(case, case.sample.pictures, np.resize(told, (case.sample.pictures, *told.shape[1:])))
    return {f"requested/{number:05d}": pixels for number, pixels in enumerate(drawn)}
