"""The contact sheet: some images of every domain, split and label, to look at before training."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genlab.data.arrange.examples import evenly
from genlab.data.store import ImageSet, ImageStore
from genlab.media.pictures.tiles import GAP, paste, to_rgb8

ACROSS = 12  # images in a strip
CELL = 80  # pixels
CAPTION = 20  # pixels
STRIPS = 40  # at most; labels beyond are left out


def draw_contact_sheet(images: ImageSet) -> np.ndarray:
    """(H, W, 3) uint8: a strip of at most 12 images, evenly spread, for each domain and split and for each label."""
    strips = list(_strips(images))[:STRIPS]
    sheet = Image.new("RGB", (ACROSS * (CELL + GAP) + GAP, len(strips) * (CAPTION + CELL + GAP)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (caption, store, rows) in enumerate(strips):
        top = number * (CAPTION + CELL + GAP)
        pen.text((GAP, top + CAPTION / 2), f"{caption}: {len(rows)} images", fill="black", font=font, anchor="lm")
        chosen = rows[evenly(len(rows), ACROSS)]
        for place, pixels in enumerate(to_rgb8(store.take(chosen))):
            paste(sheet, pixels, (GAP + place * (CELL + GAP), top + CAPTION), (CELL, CELL))
    return np.asarray(sheet)


def _strips(images: ImageSet) -> Iterator[tuple[str, ImageStore, np.ndarray]]:
    """Caption, store and rows."""
    for domain, store in images.stores.items():
        for split in ("train", "val", "test"):
            rows = np.flatnonzero(store.table["split"] == split)
            if len(rows):
                yield f"{domain}, {split}", store, rows
    for store in images.stores.values():
        for label in sorted(set(store.table["label"]) - {""}):
            yield label, store, np.flatnonzero(store.table["label"] == label)
