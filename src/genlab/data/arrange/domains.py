"""Two unpaired domains, as a model sees them; `genlab.data.arrange.unpair` makes their table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genlab.data.arrange.examples import Stream, name_images, require_split
from genlab.data.arrange.pairs import PairedImages
from genlab.data.spec import Spec
from genlab.data.store import ImageSet, ImageStore
from genlab.errors import GenlabError


@dataclass(frozen=True)
class UnpairedImages:
    """Two domains that are trained on without knowing which images belong together."""

    table: pd.DataFrame  # DOMAIN_COLUMNS
    a: ImageStore
    b: ImageStore
    unit: str = "images"

    @classmethod
    def of(cls, images: ImageSet, derived: ImageSet, domains: pd.DataFrame) -> "UnpairedImages":
        """The domains of a table that `genlab.data.arrange.unpair` made, with the stores that it names."""
        where = {"images": images, "derived": derived}
        stores = {}
        for domain, rows in domains.groupby("domain"):
            folder, _, name = rows["array"].iloc[0].partition("/")
            stores[domain] = where[folder][name]
        if set(stores) != {"a", "b"}:
            raise GenlabError(
                f"domain {'b' if 'a' in stores else 'a'} has no images; name another data.source or data.domains"
            )
        return cls(domains, stores["a"], stores["b"])

    def __len__(self) -> int:
        return int(self.table["domain"].value_counts().max())

    @property
    def spec(self) -> Spec:
        return Spec({"a": self.a.shape, "b": self.b.shape}, medium=self.b.medium)

    def split(self, name: str) -> "UnpairedImages":
        rows = self.table[self.table["split"] == name].reset_index(drop=True)
        for domain in "ab":
            mine = self.table["domain"] == domain
            require_split(rows[rows["domain"] == domain], self.table[mine], name, f"images of domain {domain}")
        return UnpairedImages(rows, self.a, self.b)

    def has_split(self, name: str) -> bool:
        return set(self.table.loc[self.table["split"] == name, "domain"]) == {"a", "b"}

    def rows(self, domain: str) -> pd.DataFrame:
        """The table's rows of one domain, in the order of `side`."""
        return self.table[self.table["domain"] == domain].reset_index(drop=True)

    def side_rows(self, domain: str) -> np.ndarray:
        """Where the images of domain "a" or "b" are in its store, in the table's order."""
        return self.rows(domain)["row"].to_numpy()

    def side(self, domain: str) -> np.ndarray:
        """The images of domain "a" or "b", in the table's order: (N, H, W, C)."""
        store: ImageStore = getattr(self, domain)
        return store.take(self.side_rows(domain))

    def pairs(self) -> PairedImages | None:
        """The images of these splits whose partner is known, as pairs; None where there are none."""
        known = self.rows("b")
        known = known[known["truth"] >= 0]
        if known.empty:
            return None
        table = pd.DataFrame({"id": known["id"], "split": known["split"], "label": known["label"],
                              "a": known["truth"], "b": known["row"]})  # fmt: skip
        return PairedImages(table.sort_values("id").reset_index(drop=True), self.a, self.b)

    def streams(self) -> list[Stream]:
        return [Stream({domain: (getattr(self, domain), self.side_rows(domain))}, {}) for domain in ("a", "b")]

    def fingerprint(self) -> str:
        parts = [(getattr(self, domain), self.side_rows(domain)) for domain in ("a", "b")]
        return name_images(parts, "".join(self.table["domain"] + self.table["id"] + self.table["split"]))
