"""The contact sheet: some images of every domain, split and label, to look at before training."""

from collections.abc import Iterator

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.store import ImageSet, ImageStore
from genlab.media.base import medium_named
from genlab.media.pictures.tiles import lay_out

ACROSS = 12  # images in a strip
HEIGHT = 80  # pixels of an image
STRIPS = 40  # at most; labels beyond are left out


def draw_contact_sheet(images: ImageSet) -> np.ndarray:
    """(H, W, 3) uint8: a strip of at most 12 images, evenly spread, for each domain and split and for each label."""
    strips = list(_strips(images))[:STRIPS]
    rows = [
        [medium_named(store.medium).show(image) for image in store.take(places[evenly(len(places), ACROSS)])]
        for _, store, places in strips
    ]
    height, width = rows[0][0].shape[:2]
    size = HEIGHT, HEIGHT * width // height
    return lay_out(rows, size, names=[f"{name}: {len(places):,}" for name, _, places in strips])


def _strips(images: ImageSet) -> Iterator[tuple[str, ImageStore, np.ndarray]]:
    """Name, store and rows."""
    for domain, store in images.stores.items():
        for split in ("train", "val", "test"):
            rows = np.flatnonzero(store.table["split"] == split)
            if len(rows):
                yield f"{domain}, {split}", store, rows
    for store in images.stores.values():
        for label in sorted(set(store.table["label"]) - {""}):
            yield label, store, np.flatnonzero(store.table["label"] == label)
