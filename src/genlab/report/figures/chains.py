"""Where a model's chain goes from real images."""

from itertools import islice

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import HasChain
from genlab.nn.noise import Chance
from genlab.report.registry import figure

CHAINS = 8  # rows
STEPS = 15  # in a row


@figure(needs=HasChain, on=LabelledImages)
def draw_chains(case: Judged[HasChain, LabelledImages]) -> dict[str, np.ndarray]:
    """`chains`, (H, W, 3) uint8: a row for each of some test images, and behind it the states of its chain in order."""
    model, starts = case.model, case.shown.spread(CHAINS).pixels

    def call(rng: Chance, x: Tensor) -> Tensor:
        return torch.stack([x, *islice(model.chain(x, rng), STEPS)], dim=1).flatten(0, 1)

    states = case.apply(call, range(len(starts)), starts, seed=case.sample.seed, depth=starts.dtype)
    return {"chains": draw_tiles([states], across=1 + STEPS)}
