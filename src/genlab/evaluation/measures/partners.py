"""Whether two domains share a space of latents: is an image's nearest neighbour in the other domain its partner?"""

import numpy as np
import torch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.levels import to_model_range
from genlab.models.base import EncodesDomains, Model, Side
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import in_evaluation, spread

PAIRS = 100  # held-out pairs among which partners are looked for


@torch.no_grad()
def encode_images(model: Model, images: np.ndarray, side: Side, batch_size: int) -> torch.Tensor:
    """(N, H, W, C) pixels of a domain -> what the model keeps of each, flat: (N, Z) float32 on the CPU."""
    assert isinstance(model, EncodesDomains)
    codes = []
    with in_evaluation(model) as (device, dtype):
        for start in range(0, len(images), batch_size):
            x = to_model_range(torch.from_numpy(images[start : start + batch_size]).to(device)).to(dtype)
            codes.append(model.encode_domain(x, side).flatten(1).float().cpu())
    return torch.cat(codes)


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
    found = partner_is_nearest(*(encode_images(model, images[side], side, sample.batch_size) for side in ("a", "b")))
    low, high = bootstrap_interval(found, resamples=settings.resamples, seed=settings.seed)
    metrics: dict[str, float | str] = {
        "partner_found": float(found.mean()), "partner_found_low": low, "partner_found_high": high,
        "partner_found_chance": 1 / len(some),
    }  # fmt: skip
    if images["a"].shape == images["b"].shape:
        flat = (torch.from_numpy(images[side].astype(np.float32)).flatten(1) for side in ("a", "b"))
        metrics["partner_found_pixels"] = float(partner_is_nearest(*flat).mean())
    return metrics
