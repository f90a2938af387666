"""What hidden units look at, and how often they are on; Hinton 2010 (UTML TR 2010-003), section 16."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.integers import to_integers
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import HasUnits
from genlab.nn.noise import Chance
from genlab.report.plots import new_axes, render
from genlab.report.registry import figure

FILTERS = 100  # at most
ACROSS = 10
IMAGES = 200  # rows of the picture of activities, at most


@figure(needs=HasUnits, on=LabelledImages)
def draw_filters(case: Judged[HasUnits, LabelledImages]) -> dict[str, np.ndarray]:
    """`filters`, (H, W, 3) uint8: the weights of each unit to the pixels. Grey is zero; each unit has its own scale."""
    with torch.no_grad():
        weights = case.model.filters()[:FILTERS].permute(0, 2, 3, 1).double().cpu().numpy()
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    shades = 0.5 + 0.5 * weights / np.maximum(largest, 1e-12)
    return {"filters": draw_tiles([to_integers(255 * shades, np.uint8)], across=ACROSS)}


@figure(needs=HasUnits, on=LabelledImages)
def draw_activities(case: Judged[HasUnits, LabelledImages]) -> dict[str, np.ndarray]:
    """`activities`: a row for each of some test images, a column for each unit, how probable it is that it is on.

    A black column is a unit that is never on, a white one is always on, a white row an image that turns on all.
    """
    images = case.shown.spread(IMAGES).pixels

    def call(rng: Chance, x: Tensor) -> Tensor:
        return case.model.units(x)

    found = case.apply(call, range(len(images)), images)
    axes = new_axes(720, 420)
    axes.imshow(found, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set(xlabel="hidden unit", ylabel="test image", title=f"on with a mean probability of {found.mean():.2f}")
    return {"activities": render(axes)}
