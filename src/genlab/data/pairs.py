"""Pairs: which image of domain a belongs to which image of domain b. Training sees these, whatever the source was."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from skimage.feature import canny

from genlab.data.settings import EdgeSettings
from genlab.data.store import ImageStore, checksum
from genlab.errors import GenlabError

PAIR_COLUMNS = ["id", "split", "label", "a", "b"]
"""id, split, label: as of the image in b · a, b: row in that domain's image store."""


def draw_edges(image: np.ndarray, settings: EdgeSettings) -> np.ndarray:
    """Black lines on white, (H, W, 1) uint8, where scikit-image's Canny detector sees edges in (H, W, C)."""
    grey = image.mean(axis=2) / np.iinfo(image.dtype).max
    lines = canny(grey, sigma=settings.sigma, low_threshold=settings.low, high_threshold=settings.high)
    return np.where(lines, 0, 255).astype(np.uint8)[:, :, None]


def derive_edges(store: ImageStore, settings: EdgeSettings) -> ImageStore:
    """The edge drawing of every image, under the same id."""
    drawings = np.stack([draw_edges(image, settings) for image in store.images])
    table = store.table.assign(source="edges of " + store.table["id"], checksum=[checksum(x) for x in drawings])
    return ImageStore(drawings, table)


def pair_by_id(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """A row for each id that stands in both tables, in the order of b: PAIR_COLUMNS.

    Raises:
        GenlabError: no id stands in both.
    """
    rows = b.assign(b=np.arange(len(b))).merge(a[["id"]].assign(a=np.arange(len(a))), on="id", validate="one_to_one")
    if rows.empty:
        raise GenlabError(f"none of {len(a)} images in domain a has a partner of the same id among {len(b)} in b")
    return rows[PAIR_COLUMNS].reset_index(drop=True)


@dataclass(frozen=True)
class PairedImages:
    """The pairs of one split with the stores that hold their images."""

    table: pd.DataFrame  # PAIR_COLUMNS
    a: ImageStore
    b: ImageStore

    def __len__(self) -> int:
        return len(self.table)

    def split(self, name: str) -> "PairedImages":
        """The pairs of split `name`.

        Raises:
            GenlabError: there are none.
        """
        rows = self.table[self.table["split"] == name].reset_index(drop=True)
        if rows.empty:
            raise GenlabError(f"the pairs have no {name} split; they have {sorted(self.table['split'].unique())}")
        return PairedImages(rows, self.a, self.b)

    def side(self, name: str) -> np.ndarray:
        """The images of domain `name`, "a" or "b", in the table's order: (N, H, W, C)."""
        store: ImageStore = getattr(self, name)
        return store.images[self.table[name].to_numpy()]

    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the pairs and every pixel in them."""
        digest = hashlib.blake2b(digest_size=16)
        for store, rows in ((self.a, self.table["a"]), (self.b, self.table["b"])):
            digest.update("".join(store.table["checksum"].iloc[rows]).encode())
        digest.update("".join(self.table["id"] + self.table["split"]).encode())
        return digest.hexdigest()
