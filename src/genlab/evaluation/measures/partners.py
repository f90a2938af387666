"""Whether two domains share a space of latents: is an image's nearest neighbour in the other domain its partner?"""

import numpy as np
import torch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Model, Side
from genlab.sampling.apply import encode_side
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import spread

PAIRS = 100  # held-out pairs among which partners are looked for


def partner_is_nearest(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """(N, Z), (N, Z) -> (N,) of 1.0 where, of all rows of b, row i is the nearest to row i of a; Euclidean distance."""
    nearest = torch.cdist(a.double(), b.double()).argmin(dim=1)
    return (nearest == torch.arange(len(a))).double().numpy()


def evaluate_shared_space(
    model: Model, examples: PairedImages | UnpairedImages, settings: EvaluationSettings, sample: SampleSettings
) -> dict[str, float | str]:
    """`partner_found`: of 100 held-out pairs, for which share of the images of a the nearest of b is the true partner.

    With its 95 % interval, `partner_found_chance`, and `partner_found_pixels`, the same with the images themselves
    in the place of the latents (where they have as many channels). Nothing where no partners are known.
    """
    test = examples.split("test")
    pairs = test if isinstance(test, PairedImages) else test.pairs()
    if pairs is None:
        return {}
    some = spread(pairs, PAIRS)
    images = {"a": some.side("a"), "b": some.side("b")}
    sides: tuple[Side, Side] = ("a", "b")
    codes = (torch.from_numpy(encode_side(model, images[s], s, sample.batch_size)).flatten(1) for s in sides)
    found = partner_is_nearest(*codes)
    low, high = bootstrap_interval(found, resamples=settings.resamples, seed=settings.seed)
    metrics: dict[str, float | str] = {
        "partner_found": float(found.mean()), "partner_found_low": low, "partner_found_high": high,
        "partner_found_chance": 1 / len(some),
    }  # fmt: skip
    if images["a"].shape == images["b"].shape:
        flat = (torch.from_numpy(images[side].astype(np.float32)).flatten(1) for side in ("a", "b"))
        metrics["partner_found_pixels"] = float(partner_is_nearest(*flat).mean())
    return metrics
