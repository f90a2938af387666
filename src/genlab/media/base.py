"""What Genlab asks of a medium. All that is known of pictures alone, or of sound alone, stands behind this interface.

A medium is a package of `genlab.media` whose file `medium.py` holds an object `MEDIUM`. B examples in a batch, C
channels; axes are whatever the medium has: rows and columns of a picture, time of a sound.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PICTURES = "pictures"
"""The medium of a store that names none."""


class Medium(Protocol):
    """One medium. An example in a store is (*axes, C); in a batch of a model it is (C, *axes), in real numbers."""

    suffixes: tuple[str, ...]
    """The endings of the files that `write` writes."""

    def to_model_range(self, stored: "Tensor") -> "Tensor":
        """(B, *axes, C) as a store has them -> (B, C, *axes) float32 as a model has them."""
        ...

    def from_model_range(self, x: "Tensor", dtype: np.dtype | type) -> np.ndarray:
        """(B, C, *axes) of a model -> (B, *axes, C) of a store's type."""
        ...

    def augment(self, batch: Mapping[str, "Tensor"], settings: Mapping[str, Any]) -> dict[str, "Tensor"]:
        """The same random change for every batch by name; `settings` are those of `training`."""
        ...

    def arguments(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """The arguments of a model's constructor that follow from the shapes by domain, (C, *axes) each."""
        ...

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> str:
        """The shapes in words, for messages."""
        ...

    def write(self, path: Path, example: np.ndarray) -> None:
        """Write (*axes, C) to `path`, with one of `suffixes` behind it."""
        ...

    def read(self, path: Path) -> np.ndarray:
        """What `write` wrote.

        Raises:
            GenlabError: the file is damaged.
        """
        ...

    def preview(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        """Several examples for a person to look at, as one picture (H, W, 3) uint8."""
        ...


def medium_named(name: str) -> Medium:
    """The medium of that name."""
    medium: Medium = import_module(f"genlab.media.{name}.medium").MEDIUM
    return medium
