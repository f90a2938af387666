"""From the stored sets to the examples of a model."""

import pandas as pd

from genlab.data.arrange.derive import sides
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.arrange.view import view, view_derived
from genlab.data.settings import DataSettings
from genlab.data.store import ImageSet


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
    return PairedImages(table, *sides(seen, derived))
