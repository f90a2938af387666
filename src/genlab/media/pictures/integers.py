"""Between the integers of a store and real numbers, in numpy: no command that only reads data waits for torch.

N images, H, W pixels, C channels, D = H W C numbers.
"""

import numpy as np


def largest(dtype: np.dtype | type) -> int:
    """The integer that stands for the brightest value: 255 or 65535."""
    return int(np.iinfo(dtype).max)


def to_unit_range(pixels: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """Unsigned integers of any shape -> the same in [0, 1]."""
    return pixels.astype(dtype) / largest(pixels.dtype)


def flatten(pixels: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """(N, H, W, C) unsigned integers -> (N, D) in [0, 1]."""
    return to_unit_range(pixels, dtype).reshape(len(pixels), -1)


def to_integers(values: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """Values on the scale of an integer type -> that type, rounded and clipped."""
    return values.round().clip(0, largest(dtype)).astype(dtype)


def to_levels(pixels: np.ndarray, levels: int) -> np.ndarray:
    """(N, H, W, C) unsigned integers -> (N, D) int64 from 0 to `levels` - 1; all levels are equally wide."""
    return (pixels.reshape(len(pixels), -1).astype(np.int64) * levels) // (largest(pixels.dtype) + 1)
