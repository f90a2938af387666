"""New images while they come about."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Model, ShowsSteps
from genlab.nn.noise import Chance
from genlab.sampling.apply import apply
from genlab.sampling.draw import spread_condition
from genlab.sampling.settings import SampleSettings

DRAWINGS = 8  # rows
FRAMES = 12  # in a row, at most


def draw_steps(model: Model, examples: LabelledImages, settings: SampleSettings) -> dict[str, np.ndarray]:
    """`steps`, (H, W, 3) uint8: a row for each of some drawings, from its first state to its last."""
    assert isinstance(model, ShowsSteps)

    def call(rng: Chance, told: Tensor | None) -> Tensor:
        return torch.stack(list(model.steps(len(rng), rng, told, FRAMES)), dim=1).flatten(0, 1)

    states = apply(
        model, call, range(DRAWINGS), spread_condition(model, examples, DRAWINGS), seed=settings.seed,
        batch_size=settings.batch_size, depth=examples.store.images.dtype,
    )  # fmt: skip
    return {"steps": draw_tiles([states], across=len(states) // DRAWINGS)}
