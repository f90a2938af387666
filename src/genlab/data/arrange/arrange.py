"""From the stored sets to the examples of a model."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genlab.data.arrange.derive import pair_kind, sides
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages, different_frames
from genlab.data.arrange.view import view, view_derived
from genlab.data.settings import DataSettings
from genlab.data.store import ImageSet, open_set
from genlab.errors import GenlabError


def arrange(
    trains_on: str, settings: DataSettings, images: ImageSet, derived: ImageSet | None = None,
    table: pd.DataFrame | None = None,
) -> Examples:  # fmt: skip
    """The view of a stored set that a model wants; `table` is that of the pairs, the domains or the captions.

    Raises:
        GenlabError: the source cannot be arranged so.
    """
    seen = view(images, settings)
    if trains_on == "images":
        examples = LabelledImages.of(seen)
        return examples if table is None else examples.with_captions(table)
    assert derived is not None
    assert table is not None
    derived = view_derived(derived, seen)
    if trains_on == "domains":
        return UnpairedImages.of(seen, derived, table)
    if pair_kind(set(seen.stores), settings) == "names":
        _require_frames(seen, settings)
    return PairedImages(table, *sides(seen, derived))


def _require_frames(images: ImageSet, settings: DataSettings) -> None:
    """Refuse pairs of which more than `data.max_rejected` do not lie over each other.

    Raises:
        GenlabError: names the first of them, and what to do.
    """
    apart = different_frames(images)
    share = len(apart) / max(1, min(map(len, images.stores.values())))
    if share > settings.max_rejected:
        raise GenlabError(
            f"{len(apart)} pairs ({share:.1%}) have sides of different proportions, so that they do not lie over each "
            f"other once data.fit={images.about['decoded_with']['fit']} has made them square; the first: {apart[0]}. "
            "Cut both files alike, set data.fit=stretch if they show the same, or go on without these pairs with "
            f"--params=data.max_rejected={share + 0.0005:.3f}"
        )


@dataclass(frozen=True)
class Arrangement:
    """Which stored sets, and which table, the examples of a model are made of. A stored set never changes."""

    trains_on: str
    settings: DataSettings
    images: str  # <set>/<key>, below the folder of image sets
    derived: str | None
    table: str | None  # <kind>/<name>, below the folder of tables
    fingerprint: str  # of the examples

    def open(self, images: Path, derived: Path, tables: Path) -> Examples:
        """The examples, out of these folders.

        Raises:
            GenlabError: a set or the table is gone, damaged, or not what it was.
        """
        examples = arrange(
            self.trains_on, self.settings, open_set(images / self.images),
            open_set(derived / self.derived) if self.derived else None,
            pd.read_parquet(tables / f"{self.table}.parquet") if self.table else None,
        )  # fmt: skip
        if examples.fingerprint() != self.fingerprint:
            raise GenlabError(
                f"the {examples.unit} of {self.settings.source} have changed: the table {self.table} in {tables} is "
                "not what it was; run the pipeline again from its start (without --from-nodes)"
            )
        return examples
