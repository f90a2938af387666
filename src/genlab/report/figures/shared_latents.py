"""One latent in two domains."""

import numpy as np
import torch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.levels import to_model_range, to_pixels
from genlab.media.pictures.tiles import draw_tiles, stack_pictures
from genlab.models.base import DecodesDomains, EncodesDomains, Model, Side
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import choose_shown, in_evaluation, other

SIDES: tuple[Side, Side] = ("a", "b")


@torch.no_grad()
def draw_shared_latents(
    model: Model, examples: PairedImages | UnpairedImages, settings: SampleSettings
) -> np.ndarray:  # (H, W, 3) uint8
    """From the z of one image to the z of the next in a few steps, each z drawn in both domains: as a above, as b
    below.

    The first two rows walk between images of a, the last two between images of b. Where the domains share their
    latents, what stands above and below is the same thing at every step.
    """
    assert isinstance(model, EncodesDomains)
    assert isinstance(model, DecodesDomains)
    walks = []
    with in_evaluation(model) as (device, dtype):
        for side in SIDES:
            images = choose_shown(examples, other(side), 4).inputs
            z = model.encode_domain(to_model_range(torch.from_numpy(images).to(device)).to(dtype), side)
            path = [z[i] + (z[i + 1] - z[i]) * step / 3 for i in range(len(z) - 1) for step in range(3)]
            latents = torch.stack([*path, z[-1]])
            depth = {s: getattr(examples, s).images.dtype for s in SIDES}
            as_both = [to_pixels(model.decode_domain(latents, drawn), depth[drawn]) for drawn in SIDES]
            walks.append(draw_tiles(as_both, across=len(latents)))
    return stack_pictures(walks)
