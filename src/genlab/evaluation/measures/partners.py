"""Whether two domains share a space of latents: is an image's nearest neighbour in the other domain its partner?"""

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.distances import nearest
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.registry import measure
from genlab.models.base import EncodesDomains, Side
from genlab.sampling.draw import encode_side

PAIRS = 100  # held-out pairs among which partners are looked for


def partner_is_nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, ...), (N, ...) -> (N,) of 1.0 where, of all rows of b, row i is the nearest to row i of a."""
    flat_a, flat_b = (side.reshape(len(side), -1).astype(np.float64) for side in (a, b))
    return (nearest(flat_a, [flat_b])[0] == np.arange(len(a))).astype(np.float64)


@measure(
    needs=EncodesDomains,
    on=TwoDomains,
    better={"partner_found": "higher"},
    controls={"chance": "chance", "pixels": "the pixels themselves"},
)
def find_partners(case: Judged[EncodesDomains, TwoDomains]) -> Metrics:
    """`partner_found`: of 100 held-out pairs, for which share of the images of a the nearest of b is the true partner.

    With its 95 % interval, `partner_found_chance`, and `partner_found_pixels`, the same with the images themselves
    in the place of the latents (where they have as many channels). Nothing where no partners are known.
    """
    pairs, settings = case.shown.pairs(), case.evaluation
    if pairs is None:
        return {}
    some = pairs.spread(PAIRS)
    images = {"a": some.side("a"), "b": some.side("b")}
    sides: tuple[Side, Side] = ("a", "b")
    found = partner_is_nearest(*(encode_side(case, images[side], side) for side in sides))
    low, high = bootstrap_interval(found, resamples=settings.resamples, seed=settings.seed)
    metrics: Metrics = {
        "partner_found": float(found.mean()), "partner_found_low": low, "partner_found_high": high,
        "partner_found_chance": 1 / len(some),
    }  # fmt: skip
    if images["a"].shape == images["b"].shape:
        metrics["partner_found_pixels"] = float(partner_is_nearest(images["a"], images["b"]).mean())
    return metrics
