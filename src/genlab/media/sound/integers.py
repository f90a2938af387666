"""How a store writes sound, in numpy: no command that only reads data waits for torch. T samples."""

import numpy as np

LOUDEST = 32767
ENDED = -32768
"""Stands behind the end of a recording. Sound itself never has this value."""


def to_int16(x: np.ndarray) -> np.ndarray:
    """Numbers of which -1 to 1 is full scale -> int16 on the scale of 16-bit files, rounded, clipped to +-32767."""
    return np.clip(np.rint(x * 32768), -LOUDEST, LOUDEST).astype(np.int16)


def pad(samples: np.ndarray, length: int) -> np.ndarray:
    """(T,) int16 -> (length, 1), with `ENDED` behind the end."""
    stored = np.full((length, 1), ENDED, np.int16)
    stored[: len(samples), 0] = samples
    return stored


def without_padding(stored: np.ndarray) -> np.ndarray:
    """(T, 1) int16 -> the samples before the first `ENDED`, (T',)."""
    ended = np.flatnonzero(stored[:, 0] == ENDED)
    return stored[: ended[0] if len(ended) else len(stored), 0]
