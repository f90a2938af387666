"""The images that a model trains on, in one of three arrangements: pairs, unpaired domains, or images with labels.

The trainer, the drawing and the evaluation see them through `Examples`; a batch is made by `genlab.data.batches`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from genlab.data.spec import Spec
from genlab.data.store import ImageStore
from genlab.errors import GenlabError


@dataclass(frozen=True)
class Stream:
    """Images that are drawn together, row by row, with what else is known of each row."""

    rows: Mapping[str, tuple[ImageStore, np.ndarray]]  # name in the batch -> a store, and N places in it
    values: Mapping[str, np.ndarray]  # name in the batch -> N rows of whole numbers

    def __len__(self) -> int:
        return len(next(iter(self.rows.values()))[1])


@runtime_checkable
class Examples(Protocol):
    """Images with their splits. A batch takes as many rows of every stream; streams are shuffled independently."""

    @property
    def table(self) -> pd.DataFrame:
        """A row for each image or pair, with its id, split and label."""
        ...

    @property
    def unit(self) -> str:
        """What there is a number of, for people: "pairs", "images"."""
        ...

    def __len__(self) -> int:
        """How many rows the longest stream has: the length of an epoch."""
        ...

    @property
    def spec(self) -> Spec: ...

    def split(self, name: str) -> Self:
        """Those in split `name`.

        Raises:
            GenlabError: there are none.
        """
        ...

    def has_split(self, name: str) -> bool: ...

    def spread(self, count: int) -> Self:
        """At most `count` of the images (of each domain), evenly spread over labels: the same for the same images."""
        ...

    def streams(self) -> list[Stream]: ...

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the images, every pixel of them, and their arrangement."""
        ...


def name_images(parts: Iterable[tuple[ImageStore, np.ndarray]], arrangement: str) -> str:
    """32 hexadecimal digits that name the images in some rows of some stores, and how they are arranged."""
    state = hashlib.blake2b(digest_size=16)
    for store, rows in parts:
        state.update(f"{store.images.dtype}{store.images.shape[1:]}".encode())
        state.update("".join(store.table["checksum"].iloc[rows]).encode())
    state.update(arrangement.encode())
    return state.hexdigest()


def name_set(texts: Iterable[str]) -> str:
    """32 hexadecimal digits that name a set of texts: their order and repetitions do not matter."""
    return hashlib.blake2b("\n".join(sorted(set(texts))).encode(), digest_size=16).hexdigest()


def content_fingerprint(examples: Examples) -> str:
    """32 hexadecimal digits that name the images and nothing else: no ids, order, pairs, labels or captions."""
    return name_set(
        f"{domain} {store.images.dtype} {store.images.shape[1:]} {checksum}"
        for stream in examples.streams()
        for domain, (store, rows) in stream.rows.items()
        for checksum in store.table["checksum"].iloc[rows]
    )


def require_split(rows: pd.DataFrame, all_rows: pd.DataFrame, name: str, unit: str) -> None:
    """Refuse a split without rows.

    Raises:
        GenlabError: names the split and those there are.
    """
    if rows.empty:
        raise GenlabError(
            f"the {unit} have no {name} split; they have {sorted(all_rows['split'].unique())}. Put images into a "
            f"folder {name}, or raise data.split.{name if name != 'train' else 'val'} or the number of images"
        )


def evenly(length: int, count: int) -> np.ndarray:
    """At most `count` places among `length`, at even distances, in order."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)


def spread_rows(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, evenly spread over a table in the order of its labels and ids."""
    rows = table.sort_values(["label", "id"], kind="stable")
    return rows.iloc[evenly(len(table), count)].reset_index(drop=True)
