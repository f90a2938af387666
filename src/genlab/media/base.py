"""What Genlab asks of a medium. All that is known of pictures alone, or of sound alone, stands behind this interface.

A medium is a package of `genlab.media` whose file `medium.py` holds an object `MEDIUM`. B examples in a batch, N in a
store, C channels. Axes are whatever the medium has: rows and columns of a picture, time of a sound.

A store and a `Spec` carry the full name of their medium: what `Medium.named` says. Behind a colon stands what all
examples share and no example tells, such as the sampling rate: "sound:8000".
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

import genlab.media
from genlab.errors import GenlabError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

PICTURES = "pictures"
"""The medium of a store that names none."""

Settings = Mapping[str, Any]
Source = bytes | np.ndarray | Path
"""What an example is decoded from: the bytes of a file, an array, or a file's path."""

Row = Mapping[Any, Any]
"""What a table says of one example, by column."""

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

    kind: str
    """What its examples are to a model: what is registered as `of="pictures"` is for those of this kind."""

    unit: str
    """What people call several examples: "images"."""

    number: str
    """What people call one number of an example: "pixel"."""

    columns: tuple[str, ...]
    """The columns of the store's table that `decode` fills."""

    dtypes: tuple[np.dtype, ...]
    """The types that a store may have."""

    suffixes: tuple[str, ...]
    """The endings of the files that `write` writes. No two media share one."""

    stored: tuple[str, ...]
    """The settings that decide how an example is stored."""

    endings: frozenset[str]
    """The endings of the files that `decode` reads, in lower case."""

    derivations: Mapping[str, Derivation]
    """How domain a is made from domain b, by the values of `data.pairs.kind`."""

    streams: bool
    """Whether `decode` is given the paths of files, since they may be larger than memory; else their bytes."""

    def named(self, settings: Settings) -> str:
        """The full name with these settings.

        Raises:
            GenlabError: one of them is not for this medium.
        """
        ...

    def sharing(self, shared: str) -> "Medium":
        """The medium of which the full name says `shared` behind the colon."""
        ...

    def decoding(self, settings: Settings) -> dict[str, Any]:
        """All that an example depends on besides its file, as plain values."""
        ...

    def recognises(self, path: Path) -> bool:
        """Whether a file whose ending is none of `endings` is an example all the same, by its content."""
        ...

    def holds_two(self, files: Sequence[Path]) -> bool | None:
        """Whether most of these files show two examples side by side; None where they may."""
        ...

    def is_safe(self, source: bytes | Path) -> bool:
        """Whether `decode` gives this file to decoders that no damage brings down. Others get their own process."""
        ...

    def decode(
        self, source: Source, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        """The examples in a file or in an array, each with its `columns`.

        Args:
            source: bytes or an array; or, of a medium that `streams`, the path of a file.
            halves: for each example "left", "right", or "" for all of the file.
            settings: of `data`; and `square_halves`, whether the halves of all other files are square.

        Raises:
            UnreadableFileError: says what is wrong and what to do.
        """
        ...

    def counts(self, table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
        """What the data report says of `columns`: how many examples by kind, or sums, each under a heading."""
        ...

    def doubts(self, table: "pd.DataFrame", dtype: np.dtype) -> list[str]:
        """What looks wrong with the examples of one domain, a sentence each, as of what stands in `columns`.

        Args:
            table: the domain's rows.
            dtype: of its store.
        """
        ...

    def size(self, one: Row) -> str:
        """How large an example was in its file, in words, of its `columns`."""
        ...

    def same_frame(self, one: Row, other: Row, how: Settings) -> bool:
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
        """Every value as the smallest or the largest. Chance comes from `name`, hexadecimal digits.

        Raises:
            GenlabError: examples of this medium are never drawn so.
        """
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

    def as_pictures(self, stored: np.ndarray) -> np.ndarray:
        """Examples (N, *axes, C) as pictures (N, H, W, C) of unsigned integers, H = W, for networks that see pictures.

        Of pictures: themselves.
        """
        ...

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        """The arguments of a model's constructor that follow from the shapes, and from what the full name says."""
        ...

    def extent(self, axes: Sequence[int]) -> str:
        """How large an example is in a store, in words."""
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

    def named_in(self, path: Path) -> str:
        """The full name, as a file says that `write` wrote."""
        ...

    def show(self, example: np.ndarray) -> np.ndarray:
        """An example (*axes, C) of a store for a person to look at: (H, W, C) of unsigned integers.

        Of a picture: itself.
        """
        ...


class Drawings(dict[str, np.ndarray]):
    """Examples (*axes, C) by name, and the full name of their medium, which says how they are written."""

    def __init__(self, drawn: Mapping[str, np.ndarray], medium: str) -> None:
        super().__init__(drawn)
        self.medium = medium

    def as_files(self) -> dict[str, bytes]:
        """The bytes of the file that the medium writes of each."""
        medium, found = medium_named(self.medium), {}
        for name, example in self.items():
            with TemporaryDirectory() as folder:
                medium.write(Path(folder) / "one", example)
                [path] = Path(folder).iterdir()
                found[name] = path.read_bytes()
        return found


def medium_named(name: str) -> Medium:
    """The medium of that name, in full or without what stands behind the colon.

    Raises:
        GenlabError: there is none; the message names those there are.
    """
    package, _, shared = name.partition(":")
    try:
        medium = import_module(f"genlab.media.{package}.medium").MEDIUM
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(f"genlab.media.{package}"):
            raise  # the medium itself lacks a package
        raise GenlabError(
            f"there is no medium {name!r}; set data.medium to one of: {', '.join(every_name())}"
        ) from error
    found: Medium = medium.sharing(shared) if shared else medium
    return found


def medium_of(settings: Settings) -> Medium:
    """The medium that the `data` settings ask for."""
    return medium_named(medium_named(settings["medium"]).named(settings))


def medium_of_file(path: Path) -> str | None:
    """The full name of the medium that wrote a file; None where its ending is that of none."""
    found = (medium for medium in map(medium_named, every_name()) if path.suffix in medium.suffixes)
    return next((medium.named_in(path) for medium in found), None)


def every_name() -> list[str]:
    """The names of all media."""
    return sorted(module.name for module in pkgutil.iter_modules(genlab.media.__path__) if module.ispkg)
