"""Images and their reconstructions."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Reconstructs
from genlab.report.registry import figure


@figure(needs=Reconstructs, on=LabelledImages, overview=True)
def draw_grid_of_reconstructions(case: Judged[Reconstructs, LabelledImages]) -> dict[str, np.ndarray]:
    """`reconstructions`: some images, evenly spread, each over its reconstruction."""
    shown, again = case.shown.spread(case.sample.pictures), case.group("reconstructions")
    pair = [shown.pixels, np.stack([again[name] for name in shown.table["id"]])]
    return {"reconstructions": draw_tiles([*map(case.show, pair)], strip_names=("original", "reconstruction"))}
