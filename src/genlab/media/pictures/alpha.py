"""What a file says besides colours: how transparent a pixel is, and how the picture is to be held."""

import numpy as np

from genlab.media.pictures.integers import largest

LUMINANCE = np.array([299, 587, 114])
"""Thousandths of red, green and blue in grey: ITU-R 601-2, as in Pillow."""


def composite(pixels: np.ndarray, background: tuple[int, int, int], premultiplied: bool = False) -> np.ndarray:
    """(H, W, C + 1) with alpha last -> (H, W, C) over the background, same type, rounded; C is 1 or 3."""
    top = largest(pixels.dtype)
    behind = np.array(background) / 255 * top
    if pixels.shape[2] == 2:
        behind = behind @ LUMINANCE[:, None] / 1000
    alpha = pixels[:, :, -1:] / top
    before = pixels[:, :, :-1] * (1 if premultiplied else alpha)
    return (before + behind * (1 - alpha)).round().clip(0, top).astype(pixels.dtype)


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) as a person is meant to see it; `orientation` is EXIF's and TIFF's, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
