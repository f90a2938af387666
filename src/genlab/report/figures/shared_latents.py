"""One latent in two domains."""

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.tiles import draw_tiles, stack_pictures
from genlab.models.base import Model, Side
from genlab.sampling.apply import decode_side, encode_side
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import choose_shown, other

SIDES: tuple[Side, Side] = ("a", "b")


def draw_shared_latents(
    model: Model, examples: PairedImages | UnpairedImages, settings: SampleSettings
) -> np.ndarray:  # (H, W, 3) uint8
    """From the z of one image to the z of the next in a few steps, each z drawn in both domains: as a above, as b
    below.

    The first two rows walk between images of a, the last two between images of b. Where the domains share their
    latents, what stands above and below is the same thing at every step.
    """
    walks = []
    for side in SIDES:
        z = encode_side(model, choose_shown(examples, other(side), 4).inputs, side)
        path = [z[i] + (z[i + 1] - z[i]) * step / 3 for i in range(len(z) - 1) for step in range(3)]
        latents = np.stack([*path, z[-1]])
        as_both = [decode_side(model, latents, drawn, getattr(examples, drawn).images.dtype) for drawn in SIDES]
        walks.append(draw_tiles(as_both, across=len(latents)))
    return stack_pictures(walks)
