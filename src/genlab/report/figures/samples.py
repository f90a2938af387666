"""New images in a grid."""

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Samples
from genlab.report.registry import figure


@figure(needs=Samples, on=LabelledImages, overview=True)
def draw_grid_of_samples(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`samples`: `sample.pictures` of the new images, evenly spread."""
    new = list(case.group("samples").values())
    some = np.stack([new[place] for place in evenly(len(new), case.sample.pictures)])
    return {"samples": draw_tiles([case.show(some)])}
