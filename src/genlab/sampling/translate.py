"""Translating images with a trained model."""

from dataclasses import dataclass

import numpy as np
import torch

from genlab.data.batches import to_model_range, to_pixels
from genlab.data.pairs import PairedImages
from genlab.models.base import Model, Side, Translates
from genlab.sampling.grids import draw_grid
from genlab.sampling.settings import SamplingSettings


@torch.no_grad()
def translate_images(
    model: Model, images: np.ndarray, to: Side, *, batch_size: int, seed: int, depth: np.dtype | None = None
) -> np.ndarray:
    """(N, H, W, C) pixels -> (N, H, W, D) pixels in domain `to`, of the integer type `depth` (None: that of the input).

    Where the model normalises by the test batch, `batch_size` is part of the result. The noise depends on `seed` and
    the image's place alone. The model is left in the mode, training or not, in which it came.
    """
    assert isinstance(model, Translates)
    device = next(model.parameters()).device
    dtype = next(model.parameters()).dtype
    rng = torch.Generator(device).manual_seed(seed)
    was_training = model.training
    model.eval()
    drawings = []
    for start in range(0, len(images), batch_size):
        x = to_model_range(torch.from_numpy(np.ascontiguousarray(images[start : start + batch_size])).to(device))
        drawings.append(to_pixels(model.translate(x.to(dtype), to, rng), depth or images.dtype))
    model.train(was_training)
    return np.concatenate(drawings)


def translate_pairs(model: Model, pairs: PairedImages, settings: SamplingSettings) -> dict[str, np.ndarray]:
    """The drawing of every pair's input, (H, W, C) pixels by pair id, in the model's first target domain."""
    assert isinstance(model, Translates)
    target = model.targets[0]
    drawings = translate_images(
        model, pairs.side(other(target)), target, batch_size=settings.batch_size, seed=settings.seed,
        depth=getattr(pairs, target).images.dtype,
    )  # fmt: skip
    return dict(zip(pairs.table["id"], drawings, strict=True))


def other(side: Side) -> Side:
    """The other domain."""
    return "b" if side == "a" else "a"


def spread(pairs: PairedImages, count: int) -> PairedImages:
    """At most `count` of the pairs, evenly spread over the table: the same for the same pairs, of every class."""
    rows = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
    by_label = pairs.table.sort_values(["label", "id"], kind="stable")
    return PairedImages(by_label.iloc[rows].reset_index(drop=True), pairs.a, pairs.b)


@dataclass(frozen=True)
class FixedSamples:
    """The same test pairs, drawn again and again while a model trains."""

    pairs: PairedImages  # of which `spread` takes some
    settings: SamplingSettings

    def __call__(self, model: Model) -> np.ndarray:
        """The grid *input | generated | truth* as (H, W, 3) uint8."""
        shown = spread(self.pairs, self.settings.pictures)
        return translation_grid(shown, translate_pairs(model, shown, self.settings), model)


def translation_grid(shown: PairedImages, drawings: dict[str, np.ndarray], model: Model) -> np.ndarray:
    """The grid *input | generated | truth* of some pairs, small images enlarged; (H, W, 3) uint8."""
    assert isinstance(model, Translates)
    target = model.targets[0]
    columns = {
        "input": shown.side(other(target)),
        "generated": np.stack([drawings[name] for name in shown.table["id"]]),
        "truth": shown.side(target),
    }
    size = shown.b.size
    return np.asarray(draw_grid(columns, scale=max(1, 64 // size), blocks=max(1, min(4, 1024 // (3 * max(size, 64))))))
