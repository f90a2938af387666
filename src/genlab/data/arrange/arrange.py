"""From an image set to what a model trains on."""

import pandas as pd

from genlab.data.arrange.derive import sides
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.store import ImageSet


def arrange(
    trains_on: str, images: ImageSet, derived: ImageSet | None = None, table: pd.DataFrame | None = None
) -> Examples:
    """The images of a source as a model wants them; `table` is that of the pairs or of the domains.

    Raises:
        GenlabError: the source cannot be arranged so.
    """
    if trains_on == "images":
        return LabelledImages.of(images)
    assert derived is not None
    assert table is not None
    if trains_on == "domains":
        return UnpairedImages.of(images, derived, table)
    return PairedImages(table, *sides(images, derived))
