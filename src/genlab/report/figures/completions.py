"""Images of which a model has seen the upper half."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.integers import largest
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Completes
from genlab.nn.noise import Chance
from genlab.report.registry import figure

IMAGES = 12  # at most, in a row
COMPLETIONS = 4  # of each


@figure(needs=Completes, on=LabelledImages, of="pictures")
def draw_completions(case: Judged[Completes, LabelledImages]) -> dict[str, np.ndarray]:
    """`completions`, (H, W, 3) uint8: some images, the half that the model sees, and under it several completions."""
    model, arguments, images = case.model, case.arguments("complete"), case.shown.spread(IMAGES).pixels
    hidden = images.copy()
    hidden[:, images.shape[1] // 2 :] = largest(images.dtype) // 2

    def call(rng: Chance, x: Tensor) -> Tensor:
        known = torch.zeros_like(x[:, :1], dtype=torch.bool)
        known[:, :, : x.shape[2] // 2] = True
        return model.complete(x, known, rng, **arguments)

    drawn = case.apply(
        call, range(COMPLETIONS * len(images)), np.concatenate([hidden] * COMPLETIONS), seed=case.sample.seed,
        batch_size=case.sample.batch_size, depth=images.dtype,
    )  # fmt: skip
    strips = [images, hidden, *drawn.reshape(COMPLETIONS, *images.shape)]
    names = ("original", "known", *(f"drawn {number}" for number in range(1, COMPLETIONS + 1)))
    return {"completions": draw_tiles(strips, strip_names=names)}
