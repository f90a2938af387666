"""Pairs: which image of domain a belongs to which image of domain b. Training sees these, whatever the source was."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genlab.data.arrange.examples import Stream, name_images, name_set, require_split
from genlab.data.spec import Spec
from genlab.data.store import ImageStore
from genlab.errors import GenlabError

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


@dataclass(frozen=True)
class PairedImages:
    """The pairs of one split with the stores that hold their images."""

    table: pd.DataFrame  # PAIR_COLUMNS
    a: ImageStore
    b: ImageStore
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

    def side_rows(self, name: str) -> np.ndarray:
        """Where the images of domain "a" or "b" are in its store, in the table's order."""
        return self.table[name].to_numpy()

    def side(self, name: str) -> np.ndarray:
        """The images of domain `name`, "a" or "b", in the table's order: (N, H, W, C)."""
        store: ImageStore = getattr(self, name)
        return store.take(self.side_rows(name))

    def content(self) -> str:
        """32 hexadecimal digits that name which image belongs to which, and nothing else: no ids and no order."""
        a, b = (getattr(self, side).table["checksum"].iloc[self.side_rows(side)] for side in ("a", "b"))
        return name_set(f"{one} {other}" for one, other in zip(a, b, strict=True))

    @property
    def spec(self) -> Spec:
        return Spec({"a": self.a.shape, "b": self.b.shape}, medium=self.b.medium)

    def streams(self) -> list[Stream]:
        return [Stream({side: (getattr(self, side), self.table[side].to_numpy()) for side in ("a", "b")}, {})]

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the pairs and every pixel in them."""
        parts = [(self.a, self.table["a"].to_numpy()), (self.b, self.table["b"].to_numpy())]
        return name_images(parts, "".join(self.table["id"] + self.table["split"]))
