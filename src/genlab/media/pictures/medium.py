"""Pictures as a medium: what `genlab.media.base.Medium` asks, answered by the files beside this one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.media.pictures.tiles import paste_side_by_side
from genlab.media.pictures.write import read_picture, write_picture

if TYPE_CHECKING:
    from torch import Tensor


class Pictures:
    """A store has (H, W, C) uint8 or uint16, a model (C, H, W) in [-1, 1]; H = W. Torch is imported when needed."""

    suffixes = (".png", ".tif")

    def to_model_range(self, stored: "Tensor") -> "Tensor":
        from genlab.media.pictures.levels import to_model_range

        return to_model_range(stored)

    def from_model_range(self, x: "Tensor", dtype: np.dtype | type) -> np.ndarray:
        from genlab.media.pictures.levels import to_pixels

        return to_pixels(x, dtype)

    def augment(self, batch: Mapping[str, "Tensor"], settings: Mapping[str, Any]) -> dict[str, "Tensor"]:
        from genlab.media.pictures.augment import augment

        return augment(batch, **settings)

    def arguments(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        channels = {"channels" if name == "images" else f"channels_{name}": shape[0] for name, shape in shapes.items()}
        return {"image_size": list(shapes.values())[-1][-1], **channels}

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> str:
        height, width = list(shapes.values())[-1][1:]
        channels = " and ".join(f"{shape[0]} channel(s) in {domain}" for domain, shape in shapes.items())
        return f"{height}x{width} images with {channels}"

    def write(self, path: Path, example: np.ndarray) -> None:
        write_picture(path, example)

    def read(self, path: Path) -> np.ndarray:
        return read_picture(path)

    def preview(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        return paste_side_by_side(examples)


MEDIUM = Pictures()
