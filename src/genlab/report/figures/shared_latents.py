"""One latent in two domains."""

from typing import Any

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles, stack_pictures
from genlab.models.base import DecodesDomains, EncodesDomains, Side
from genlab.report.registry import figure
from genlab.sampling.draw import decode_side, encode_side

SIDES: tuple[Side, Side] = ("a", "b")
WALKED = 4  # images of each domain


@figure(needs=(EncodesDomains, DecodesDomains), on=TwoDomains)
def draw_shared_latents(case: Judged[Any, TwoDomains]) -> dict[str, np.ndarray]:
    """`shared_latents`: from the z of one image to the z of the next in a few steps, each z drawn in both domains.

    The first two rows walk between images of a, the last two between images of b; each has a above and b below. Where
    the domains share their latents, what stands above and below is the same thing at every step.
    """
    pairs, walks = case.shown.pairs(), []
    some = (case.shown if pairs is None else pairs).spread(WALKED)
    for side in SIDES:
        z = encode_side(case, some.side(side), side)
        path = [z[i] + (z[i + 1] - z[i]) * step / 3 for i in range(len(z) - 1) for step in range(3)]
        latents = np.stack([*path, z[-1]])
        as_both = [decode_side(case, latents, drawn) for drawn in SIDES]
        walks.append(draw_tiles(as_both, across=len(latents)))
    return {"shared_latents": stack_pictures(walks)}
