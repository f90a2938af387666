"""Fixed binarisation: each grey image is drawn once as a black and white one.

Each value becomes white with its own intensity as the probability (Salakhutdinov and Murray 2008). The draw depends on
the image alone, so all epochs, runs and models have the same black and white images: only then can densities be
compared. Some authors draw training images anew at each step. That is another problem, and its numbers are better: here
`data.binarise=dynamic`, which `genlab.data.batches` draws.
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
