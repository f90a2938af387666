"""What Genlab asks of a medium. All that is known of pictures alone, or of sound alone, stands behind this interface.

A medium is a package of `genlab.media` whose file `medium.py` holds an object `MEDIUM`. B examples in a batch, C
channels. Axes are whatever the medium has: rows and columns of a picture, time of a sound.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

import genlab.media
from genlab.errors import GenlabError

if TYPE_CHECKING:
    from torch import Tensor

PICTURES = "pictures"
"""The medium of a store that names none."""

Settings = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]
"""By domain: channels, then axes."""

Derivation = Callable[[np.ndarray, Settings, np.random.Generator], np.ndarray]
"""One example, the `data` settings and chance -> another example."""


class UnreadableFileError(GenlabError):
    """Says why one file cannot be used. The rest of the set can."""


@runtime_checkable
class Medium(Protocol):
    """One medium. An example in a store is (*axes, C); in a batch of a model it is (C, *axes), in real numbers.

    `settings` are those of `data`, with what suits the source filled in, except where another section is named.
    """

    suffixes: tuple[str, ...]
    """The endings of the files that `write` writes."""

    endings: frozenset[str]
    """The endings of the files that `decode` reads, in lower case."""

    derivations: Mapping[str, Derivation]
    """How domain a is made from domain b, by the values of `data.pairs.kind`."""

    def decoding(self, settings: Settings) -> dict[str, Any]:
        """All that an example depends on besides its file, as plain values."""
        ...

    def recognises(self, path: Path) -> bool:
        """Whether a file whose ending is none of `endings` is an example all the same, by its content."""
        ...

    def holds_two(self, files: Sequence[Path]) -> bool | None:
        """Whether most of these files show two examples side by side; None where they may."""
        ...

    def is_safe(self, data: bytes) -> bool:
        """Whether `decode` gives these bytes to decoders that no damage brings down. Others get their own process."""
        ...

    def decode(
        self, source: bytes | np.ndarray, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        """The examples in a file's bytes or in an array, each with its columns of the store's table.

        Args:
            source: the bytes or the array.
            halves: for each example "left", "right", or "" for all of the file.
            settings: of `data`; and `square_halves`, whether the halves of all other files are square.

        Raises:
            UnreadableFileError: says what is wrong and what to do.
        """
        ...

    def same_frame(self, one: Mapping[str, Any], other: Mapping[str, Any], how: Settings) -> bool:
        """Whether two examples that belong together still lie over each other as they are stored.

        Args:
            one: the columns of the store's table that `decode` gave.
            other: those of the other.
            how: what `decoding` said of both.
        """
        ...

    def common(self, one: np.ndarray, other: np.ndarray) -> tuple[int, np.dtype]:
        """The channels and the type in which both examples can be stored."""
        ...

    def widen(self, example: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
        """The same example in these channels and this type.

        Raises:
            UnreadableFileError: it cannot be said in so many channels.
        """
        ...

    def binarise(self, example: np.ndarray, name: str) -> np.ndarray:
        """Every value as the smallest or the largest. Chance comes from `name`, hexadecimal digits."""
        ...

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        """The shape in a model of an example with these settings."""
        ...

    def to_model_range(self, stored: "Tensor") -> "Tensor":
        """(B, *axes, C) as a store has them -> (B, C, *axes) float32 as a model has them."""
        ...

    def from_model_range(self, x: "Tensor", dtype: np.dtype | type) -> np.ndarray:
        """(B, C, *axes) of a model -> (B, *axes, C) of a store's type."""
        ...

    def augment(self, batch: Mapping[str, "Tensor"], settings: Settings) -> dict[str, "Tensor"]:
        """The same random change for every batch by name; `settings` are those of `training`."""
        ...

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        """The arguments of a model's constructor that follow from the shapes."""
        ...

    def describe(self, shapes: Shapes) -> str:
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
    """The medium of that name.

    Raises:
        GenlabError: there is none; the message names those there are.
    """
    try:
        medium: Medium = import_module(f"genlab.media.{name}.medium").MEDIUM
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(f"genlab.media.{name}"):
            raise  # the medium itself lacks a package
        known = sorted(module.name for module in pkgutil.iter_modules(genlab.media.__path__) if module.ispkg)
        raise GenlabError(f"there is no medium {name!r}; set data.medium to one of: {', '.join(known)}") from error
    return medium
