"""Static binarisation: grey images drawn as black and white ones, once for all.

Densities of binarised images are comparable only where everybody has the same ones, or at least draws them in the same
way (Salakhutdinov and Murray 2008): each value is white with its own intensity as the probability. Here the draw is a
function of the image alone, so that training and test images are the same in every epoch, every run and every model.
Drawing anew in every epoch, as some do, is another problem with better numbers.
"""

import numpy as np

from genlab.media.pictures.integers import largest


def binarise(pixels: np.ndarray, checksum: str) -> np.ndarray:
    """(H, W, C) unsigned integers -> 0 or the largest of their type, at random by intensity.

    Args:
        pixels: one image.
        checksum: hexadecimal digits that name the image: the seed of the draw.
    """
    top = largest(pixels.dtype)
    chance = np.random.default_rng(int(checksum, 16)).random(pixels.shape)
    return np.where(chance * top < pixels, top, 0).astype(pixels.dtype)
