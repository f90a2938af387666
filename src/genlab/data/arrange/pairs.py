"""Pairs: which image of domain a belongs to which image of domain b. Training sees these, whatever the source was."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from genlab.data.arrange.examples import Stream, name_images, name_set, require_split, spread_rows
from genlab.data.spec import Spec
from genlab.data.store import ImageSet, ImageStore
from genlab.errors import GenlabError
from genlab.media.base import medium_named

PAIR_COLUMNS = ["id", "split", "label", "a", "b"]
"""id, split, label: as of the image in b · a, b: row in that domain's image store."""


def pair_by_id(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """A row for each id that stands in both tables, in the order of b: PAIR_COLUMNS; no rows where none does."""
    rows = b.assign(b=np.arange(len(b))).merge(a[["id"]].assign(a=np.arange(len(a))), on="id", validate="one_to_one")
    return rows[PAIR_COLUMNS].reset_index(drop=True)


def without_partner(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, list[str]]:
    """By domain, the files whose image has no image of the same id in the other domain."""
    return {
        "a": a.loc[~a["id"].isin(b["id"]), "source"].tolist(),
        "b": b.loc[~b["id"].isin(a["id"]), "source"].tolist(),
    }


def in_one_frame(table: pd.DataFrame, images: ImageSet) -> np.ndarray:
    """Of each pair of files, whether its sides still lie over each other as they are stored; (N,) bool."""
    medium, how = medium_named(images.target.medium), images.about["decoded_with"]
    rows = [images[side].table.iloc[table[side]].to_dict(orient="records") for side in ("a", "b")]
    return np.array([medium.same_frame(a, b, how) for a, b in zip(*rows, strict=True)], dtype=bool)


def different_frames(images: ImageSet) -> list[str]:
    """The pairs of files whose sides do not: both names and sizes of each."""
    table = pair_by_id(images["a"].table, images["b"].table)
    rows = [images[side].table.iloc[table[side][~in_one_frame(table, images)]] for side in ("a", "b")]
    size = medium_named(images.target.medium).size
    named = [[f"{row['source']} ({size(row)})" for row in side.to_dict(orient="records")] for side in rows]
    return [f"{a} and {b}" for a, b in zip(*named, strict=True)]


@dataclass(frozen=True)
class TwoDomains(ABC):
    """Images of domain "a" and of domain "b"."""

    table: pd.DataFrame
    a: ImageStore
    b: ImageStore

    def store(self, domain: str) -> ImageStore:
        """The store of one domain."""
        found: ImageStore = getattr(self, domain)
        return found

    @abstractmethod
    def rows(self, domain: str) -> pd.DataFrame:
        """The table's rows of one domain, in the order of `side`."""

    @abstractmethod
    def side_rows(self, domain: str) -> np.ndarray:
        """Where the images of one domain are in its store, in the table's order."""

    @abstractmethod
    def pairs(self) -> "PairedImages | None":
        """The images whose partner is known, as pairs in the order of their ids; None where there are none."""

    @abstractmethod
    def spread(self, count: int) -> Self:
        """At most `count` images of each domain, evenly spread; partners stay together."""

    def side(self, domain: str) -> np.ndarray:
        """The images of one domain in the table's order: (N, H, W, C)."""
        return self.store(domain).take(self.side_rows(domain))

    @property
    def spec(self) -> Spec:
        return Spec({"a": self.a.shape, "b": self.b.shape}, medium=self.b.medium)


@dataclass(frozen=True)
class PairedImages(TwoDomains):
    """Images that belong together two by two. The table has PAIR_COLUMNS."""

    unit: str = "pairs"

    def __len__(self) -> int:
        return len(self.table)

    def split(self, name: str) -> "PairedImages":
        """The pairs of split `name`.

        Raises:
            GenlabError: there are none.
        """
        rows = self.table[self.table["split"] == name].reset_index(drop=True)
        if rows.empty and self.table.empty:
            raise GenlabError(
                f"none of {len(self.a)} images in domain a has a partner of the same name among {len(self.b)} in b, "
                "and this model learns from pairs; give the two files of a pair the same name, or derive pairs with "
                "data.pairs.kind"
            )
        require_split(rows, self.table, name, "pairs")
        return PairedImages(rows, self.a, self.b)

    def has_split(self, name: str) -> bool:
        """Whether there are pairs in split `name`."""
        return bool((self.table["split"] == name).any())

    def rows(self, domain: str) -> pd.DataFrame:
        return self.table

    def side_rows(self, domain: str) -> np.ndarray:
        return self.table[domain].to_numpy()

    def pairs(self) -> "PairedImages":
        return PairedImages(self.table.sort_values("id"), self.a, self.b)

    def spread(self, count: int) -> "PairedImages":
        return PairedImages(spread_rows(self.table, count), self.a, self.b)

    def content(self) -> str:
        """32 hexadecimal digits that name which image belongs to which, and nothing else: no ids and no order."""
        a, b = (self.store(side).table["checksum"].iloc[self.side_rows(side)] for side in ("a", "b"))
        return name_set(f"{one} {other}" for one, other in zip(a, b, strict=True))

    def streams(self) -> list[Stream]:
        return [Stream({side: (self.store(side), self.side_rows(side)) for side in ("a", "b")}, {})]

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the pairs and every pixel in them."""
        parts = [(self.a, self.table["a"].to_numpy()), (self.b, self.table["b"].to_numpy())]
        return name_images(parts, "".join(self.table["id"] + self.table["split"]))
