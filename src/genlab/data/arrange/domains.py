"""Two unpaired domains, as a model sees them; `genlab.data.arrange.unpair` makes their table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genlab.data.arrange.derive import sides
from genlab.data.arrange.examples import Stream, name_images, require_split, spread_rows
from genlab.data.arrange.pairs import PairedImages, TwoDomains
from genlab.data.store import ImageSet
from genlab.errors import GenlabError


@dataclass(frozen=True)
class UnpairedImages(TwoDomains):
    """Images of which training does not know which belong together. The table has DOMAIN_COLUMNS."""

    unit: str = "images"

    @classmethod
    def of(cls, images: ImageSet, derived: ImageSet, domains: pd.DataFrame) -> "UnpairedImages":
        """The domains of a table that `genlab.data.arrange.unpair` made, with the stores that it names.

        Raises:
            GenlabError: there are no two domains.
        """
        if domains.empty:
            sides(images, derived)  # says what to do
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

    def split(self, name: str) -> "UnpairedImages":
        rows = self.table[self.table["split"] == name].reset_index(drop=True)
        for domain in "ab":
            mine = self.table["domain"] == domain
            require_split(rows[rows["domain"] == domain], self.table[mine], name, f"images of domain {domain}")
        return UnpairedImages(rows, self.a, self.b)

    def has_split(self, name: str) -> bool:
        return set(self.table.loc[self.table["split"] == name, "domain"]) == {"a", "b"}

    def rows(self, domain: str) -> pd.DataFrame:
        return self.table[self.table["domain"] == domain].reset_index(drop=True)

    def side_rows(self, domain: str) -> np.ndarray:
        return self.rows(domain)["row"].to_numpy()

    def spread(self, count: int) -> "UnpairedImages":
        pairs = self.pairs()
        if pairs is None:
            some = [spread_rows(self.rows(domain), count) for domain in "ab"]
        else:
            kept = pairs.spread(count).table
            some = [self.rows(domain)[self.rows(domain)["row"].isin(kept[domain])] for domain in "ab"]
        return UnpairedImages(pd.concat(some, ignore_index=True), self.a, self.b)

    def pairs(self) -> PairedImages | None:
        known = self.rows("b")
        known = known[known["truth"] >= 0]
        if known.empty:
            return None
        table = pd.DataFrame({"id": known["id"], "split": known["split"], "label": known["label"],
                              "a": known["truth"], "b": known["row"]})  # fmt: skip
        return PairedImages(table.sort_values("id").reset_index(drop=True), self.a, self.b)

    def streams(self) -> list[Stream]:
        return [Stream({domain: (self.store(domain), self.side_rows(domain))}, {}) for domain in ("a", "b")]

    def fingerprint(self) -> str:
        parts = [(self.store(domain), self.side_rows(domain)) for domain in ("a", "b")]
        return name_images(parts, "".join(self.table["domain"] + self.table["id"] + self.table["split"]))
