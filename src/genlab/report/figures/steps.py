"""How new images take shape."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import ShowsSteps
from genlab.nn.noise import Chance
from genlab.report.registry import figure
from genlab.sampling.draw import spread_condition

DRAWINGS = 8  # rows
FRAMES = 12  # in a row, at most


@figure(needs=ShowsSteps, on=LabelledImages)
def draw_steps(case: Judged[ShowsSteps, LabelledImages]) -> dict[str, np.ndarray]:
    """`steps`, (H, W, 3) uint8: a row for each of some drawings, from its first state to its last."""
    model, arguments = case.model, case.arguments("steps")

    def call(rng: Chance, told: Tensor | None) -> Tensor:
        return torch.stack(list(model.steps(len(rng), rng, told, FRAMES, **arguments)), dim=1).flatten(0, 1)

    states = case.apply(
        call, range(DRAWINGS), spread_condition(case, DRAWINGS), seed=case.sample.seed,
        batch_size=case.sample.batch_size, depth=case.examples.store.images.dtype,
    )  # fmt: skip
    return {"steps": draw_tiles([case.show(states)], across=len(states) // DRAWINGS)}
