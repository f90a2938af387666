"""Recordings of which a model has heard the beginning, continued."""

import numpy as np
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.media.base import medium_named
from genlab.models.base import Completes
from genlab.nn.noise import Chance
from genlab.sampling.case import Case
from genlab.sampling.registry import drawing

KNOWN = 0.2  # seconds that the model hears
RECORDINGS = 8  # at most


@drawing(needs=Completes, on=LabelledImages, of="sound")
def draw_completions(case: Case[Completes, LabelledImages]) -> dict[str, np.ndarray]:
    """Some recordings of the split, evenly spread, continued from their first 0.2 s: "completions/<id>"."""
    model, arguments, some = case.model, case.arguments("complete"), case.shown.spread(RECORDINGS)
    known_samples = round(KNOWN * medium_named(some.spec.medium).arguments(some.spec.shapes)["rate"])

    def call(rng: Chance, x: Tensor) -> Tensor:
        known = torch.zeros_like(x, dtype=torch.bool)
        known[:, :, :known_samples] = True
        return model.complete(x, known, rng, **arguments)

    drawn = case.apply(
        call, range(len(some)), some.pixels, seed=case.sample.seed, batch_size=case.sample.batch_size,
        depth=some.store.images.dtype,
    )  # fmt: skip
    return {f"completions/{name}": one for name, one in zip(some.table["id"], drawn, strict=True)}
