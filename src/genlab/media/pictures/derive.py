"""One picture made from another: edges, grey, low resolution, a hole, noise."""

from collections.abc import Mapping

import numpy as np

from genlab.media.base import Derivation
from genlab.media.pictures.decode import resize, to_channels
from genlab.media.pictures.integers import largest, to_integers
from genlab.media.pictures.settings import EdgeSettings


def draw_edges(image: np.ndarray, settings: EdgeSettings) -> np.ndarray:
    """Black lines on white, (H, W, 1) uint8, where scikit-image's Canny detector sees edges in (H, W, C)."""
    from skimage.feature import canny

    grey = image.mean(axis=2) / largest(image.dtype)
    lines = canny(grey, sigma=settings.sigma, low_threshold=settings.low, high_threshold=settings.high)
    return np.where(lines, 0, 255).astype(np.uint8)[:, :, None]


def take_colour(image: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H, W, 1): luminance of RGB, the mean of other channels."""
    if image.shape[2] in (1, 3):
        return to_channels(image, 1)
    return image.mean(axis=2, keepdims=True).round().astype(image.dtype)


def lower_resolution(image: np.ndarray, factor: int) -> np.ndarray:
    """`factor` times fewer pixels a side, at least one, and enlarged again; bicubic, same shape."""
    h, w, _ = image.shape
    return resize(resize(image, max(1, h // factor), max(1, w // factor)), h, w)


def cut_hole(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mid-grey rectangle at a random place, `share` of the image high and wide."""
    h, w, _ = image.shape
    rows, columns = max(1, round(h * share)), max(1, round(w * share))
    top, left = rng.integers(h - rows + 1), rng.integers(w - columns + 1)
    masked = image.copy()
    masked[top : top + rows, left : left + columns] = largest(image.dtype) // 2
    return masked


def add_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of `deviation` times the pixel range, rounded and clipped."""
    return to_integers(image + rng.normal(0.0, deviation * largest(image.dtype), image.shape), image.dtype)


DERIVATIONS: Mapping[str, Derivation] = {
    "edges": lambda image, settings, rng: draw_edges(image, settings["edges"]),
    "grey": lambda image, settings, rng: take_colour(image),
    "low_resolution": lambda image, settings, rng: lower_resolution(image, settings["pairs"].factor),
    "masked": lambda image, settings, rng: cut_hole(image, settings["pairs"].hole, rng),
    "noisy": lambda image, settings, rng: add_noise(image, settings["pairs"].noise, rng),
}
"""By the values of `data.pairs.kind`."""
