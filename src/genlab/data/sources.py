"""Sources: raw files in, an image store out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from genlab.data.idx import read_idx
from genlab.data.settings import DataSettings
from genlab.data.store import TABLE_COLUMNS, ImageStore, checksum
from genlab.errors import GenlabError

FASHION_CLASSES = (
    "t_shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip


def fit_image(image: np.ndarray, size: int, fit: str) -> np.ndarray:
    """(H, W) uint8 -> (size, size) uint8: padded with black on all sides, or stretched (bicubic).

    Raises:
        GenlabError: an image to be padded is larger than `size`.
    """
    if fit == "stretch":
        return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
    spare = (size - image.shape[0], size - image.shape[1])
    if min(spare) < 0:
        raise GenlabError(
            f"images of {image.shape[0]}x{image.shape[1]} pixels do not fit into data.image_size={size} by padding; "
            "set data.fit=stretch or a larger data.image_size"
        )
    return np.pad(image, [(n // 2, n - n // 2) for n in spare])


def read_fashion_mnist(raw: Path, settings: DataSettings) -> ImageStore:
    """The embedded sample of Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): four IDX files in raw/fashion_mnist.

    Raises:
        GenlabError: a file is missing or damaged, images and labels differ in number, or a class has no such name.
    """
    if unknown := set(settings.classes or ()) - set(FASHION_CLASSES):
        raise GenlabError(
            f"data.classes names {', '.join(sorted(unknown))}; fashion_mnist has {', '.join(FASHION_CLASSES)}"
        )
    images, rows = [], []
    for split, prefix in (("train", "train"), ("test", "t10k")):
        path = raw / "fashion_mnist" / f"{prefix}-images-idx3-ubyte.gz"
        pixels = read_idx(path)
        labels = read_idx(path.with_name(f"{prefix}-labels-idx1-ubyte.gz"))
        if len(pixels) != len(labels):
            raise GenlabError(
                f"{path} holds {len(pixels)} images but there are {len(labels)} labels; restore both files"
            )
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            name = FASHION_CLASSES[label]
            if settings.classes is None or name in settings.classes:
                fitted = fit_image(image, settings.image_size, settings.fit)[:, :, None]  # (H, W) -> (H, W, 1)
                images.append(fitted)
                rows.append((f"{split}_{number:05d}", split, name, path.name, *image.shape, checksum(fitted)))
    return ImageStore(np.stack(images), pd.DataFrame(rows, columns=TABLE_COLUMNS))


SOURCES: dict[str, Callable[[Path, DataSettings], ImageStore]] = {"fashion_mnist": read_fashion_mnist}
CHANNELS: dict[str, int] = {"fashion_mnist": 1}
"""How many channels a source's images have, known before any file is read."""
