"""Pictures as a medium: what `genlab.media.base.Medium` asks, answered by the files beside this one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.errors import GenlabError
from genlab.media.base import PICTURES, Medium, Row, Settings, Shapes
from genlab.media.pictures.binarise import binarise
from genlab.media.pictures.decode import DECODER, decode_examples, is_safe, scaled_size, to_channels
from genlab.media.pictures.derive import DERIVATIONS
from genlab.media.pictures.facts import COLUMNS, count_pictures, doubt_pictures
from genlab.media.pictures.recognise import ENDINGS, is_picture, mostly_twice_as_wide
from genlab.media.pictures.settings import STORED
from genlab.media.pictures.write import read_picture, write_picture

if TYPE_CHECKING:
    from torch import Tensor


class Pictures:
    """A store has (H, W, C) uint8 or uint16, a model (C, H, W) in [-1, 1]; H = W. Torch is imported when needed."""

    kind = PICTURES
    unit = "images"
    number = "pixel"
    columns: tuple[str, ...] = COLUMNS
    dtypes: tuple[np.dtype, ...] = (np.dtype(np.uint8), np.dtype(np.uint16))
    suffixes: tuple[str, ...] = (".png", ".tif")
    endings = ENDINGS
    stored: tuple[str, ...] = STORED
    derivations = DERIVATIONS
    streams = False
    recognises = staticmethod(is_picture)
    holds_two = staticmethod(mostly_twice_as_wide)
    is_safe = staticmethod(is_safe)
    decode = staticmethod(decode_examples)
    binarise = staticmethod(binarise)
    write = staticmethod(write_picture)
    read = staticmethod(read_picture)
    counts = staticmethod(count_pictures)
    doubts = staticmethod(doubt_pictures)

    def named(self, settings: Settings) -> str:
        if settings["view"] != "samples":
            raise GenlabError(
                f"data.view={settings['view']} is a view of sound; leave it out, or set data.source to sound"
            )
        return PICTURES

    def named_in(self, path: Path) -> str:
        return PICTURES

    def sharing(self, shared: str) -> Medium:
        return self

    def decoding(self, settings: Settings) -> dict[str, Any]:
        given = {name: settings[name] for name in STORED}
        return {"decoder": DECODER, **given, "background": list(settings["background"])}

    def size(self, one: Row) -> str:
        return f"{one['width']}x{one['height']}"

    def same_frame(self, one: Row, other: Row, how: Settings) -> bool:
        sizes = [scaled_size(side["height"], side["width"], how["image_size"], how["fit"]) for side in (one, other)]
        allowed = 0 if how["fit"] == "pad" else 1  # pixel, by rounding
        return all(abs(here - there) <= allowed for here, there in zip(*sizes, strict=True))

    def common(self, one: np.ndarray, other: np.ndarray) -> tuple[int, np.dtype]:
        channels = 3 if (one.shape[-1], other.shape[-1]) == (1, 3) else one.shape[-1]
        return channels, max(one.dtype, other.dtype, key=lambda kind: kind.itemsize)

    def widen(self, example: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
        pixels = to_channels(example, channels)
        return pixels if pixels.dtype == dtype else pixels.astype(dtype) * dtype.type(257)  # 255 becomes 65535

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        return channels, settings["image_size"], settings["image_size"]

    def to_model_range(self, stored: "Tensor") -> "Tensor":
        from genlab.media.pictures.levels import to_model_range

        return to_model_range(stored)

    def from_model_range(self, x: "Tensor", dtype: np.dtype | type) -> np.ndarray:
        from genlab.media.pictures.levels import to_pixels

        return to_pixels(x, dtype)

    def augment(self, batch: Mapping[str, "Tensor"], settings: Settings) -> dict[str, "Tensor"]:
        from genlab.media.pictures.augment import augment

        return augment(batch, **settings)

    def as_pictures(self, stored: np.ndarray) -> np.ndarray:
        return stored

    def show(self, example: np.ndarray) -> np.ndarray:
        return example

    def extent(self, axes: Sequence[int]) -> str:
        return " × ".join(map(str, axes))  # noqa: RUF001

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        channels = {"channels" if name == "images" else f"channels_{name}": shape[0] for name, shape in shapes.items()}
        return {"image_size": list(shapes.values())[-1][-1], **channels}

    def describe(self, shapes: Shapes) -> str:
        height, width = list(shapes.values())[-1][1:]
        channels = " and ".join(f"{shape[0]} channel(s) in {domain}" for domain, shape in shapes.items())
        return f"{height}x{width} images with {channels}"


MEDIUM = Pictures()
