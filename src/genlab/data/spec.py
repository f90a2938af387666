"""What images are like, as far as a model must know before it is built."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSpec:
    """The shape of the images that a model is built for, and what is known of them."""

    size: int  # H = W in pixels
    channels: Mapping[str, int]  # by domain: "a" and "b", or "images"
    classes: tuple[str, ...] = ()  # names of the labels, by their number
    words: tuple[str, ...] = ()  # of the captions, by their number; number 0 is padding
