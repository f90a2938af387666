"""The image store: one array, usually memory-mapped, and one table with a row per image.

N images, H = W pixels, C channels; uint8 or uint16.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

TABLE_COLUMNS = ["id", "split", "label", "source", "height", "width", "checksum"]
"""id: unique name · split: train or test · label: class name · source: file it came from · height, width: pixels before
fitting · checksum: of the stored pixels."""


@dataclass(frozen=True)
class ImageStore:
    """N images and what is known of each; row i of the table describes image i."""

    images: np.ndarray  # (N, H, W, C)
    table: pd.DataFrame  # N rows, TABLE_COLUMNS

    def __post_init__(self) -> None:
        if len(self.images) != len(self.table) or self.images.ndim != 4:
            raise ValueError(f"{self.images.shape} images do not go with {len(self.table)} rows")

    @property
    def channels(self) -> int:
        return self.images.shape[3]

    @property
    def size(self) -> int:
        """H = W in pixels."""
        return self.images.shape[1]


def checksum(image: np.ndarray) -> str:
    """32 hexadecimal digits that name the pixels, their type and their shape."""
    digest = hashlib.blake2b(f"{image.dtype}{image.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()
