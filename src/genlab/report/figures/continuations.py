"""Recordings continued from their beginning."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Completes
from genlab.report.registry import figure
from genlab.sampling.drawings.completions import RECORDINGS


@figure(needs=Completes, on=LabelledImages, of="sound", overview=True)
def draw_continuations(case: Judged[Completes, LabelledImages]) -> dict[str, np.ndarray]:
    """`completions`: recordings of the split, and under each how the model goes on after its first 0.2 s."""
    drawn, some = case.group("completions"), case.shown.spread(RECORDINGS)
    strips = {"original": some.pixels, "continued": np.stack([drawn[name] for name in some.table["id"]])}
    return {"completions": draw_tiles([case.show(strip) for strip in strips.values()], strip_names=[*strips])}
