"""The facts about the data that a model is built with."""

from collections.abc import Mapping
from dataclasses import dataclass

from genlab.media.base import PICTURES


@dataclass(frozen=True)
class Spec:
    """The shapes that a model is built for, and what else is known of the data."""

    shapes: Mapping[str, tuple[int, ...]]  # by domain ("a" and "b", or "images"): channels, then axes
    classes: tuple[str, ...] = ()  # names of the labels, by their number
    words: tuple[str, ...] = ()  # of the captions, by their number; number 0 is padding
    medium: str = PICTURES  # its full name, which `genlab.media.base.medium_named` knows
    groups: tuple[str, ...] = ()  # names of the groups, such as speakers, by their number
