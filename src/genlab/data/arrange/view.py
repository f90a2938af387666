"""Views of a stored set: some of its labels, a split for each image, black and white. The stored set stays as it is."""

from dataclasses import replace

import numpy as np

from genlab.data.arrange.splits import assign_splits
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import SINGLE
from genlab.data.sources.listing import require_classes
from genlab.data.store import ImageSet, ImageStore, digest
from genlab.errors import GenlabError
from genlab.media.base import medium_named


def view(images: ImageSet, settings: DataSettings) -> ImageSet:
    """The images whose labels `data.classes` names, each in a split, and black and white where `data.binarise` asks.

    Labels choose among the images of one domain; two domains have none.

    Raises:
        GenlabError: `data.classes` names a label that the set does not have, or a split by group is asked for and no
            image has a group.
    """
    table = images.table
    if settings.split.by == "group" and (table["group"] == "").all():
        raise GenlabError(
            f"data.split.by=group needs the group of each file, and nothing in {images.about['source']} says one; say "
            "how file names do, such as --params=data.file_names=group_index"
        )
    if settings.classes is not None and SINGLE in images:
        require_classes(settings, sorted(set(table["label"])), images.about["source"])
        table = table[table["label"].isin(settings.classes)]
    table = assign_splits(table, settings.split)
    stores = {}
    for domain, store in images.stores.items():
        rows = table[table["domain"] == domain].reset_index(drop=True)
        stores[domain] = replace(store, table=rows, places=np.flatnonzero(store.table["id"].isin(rows["id"])))
    seen = ImageSet(stores, images.about)
    return binarised(seen, settings.binarise == "dynamic") if settings.binarise else seen


def view_derived(derived: ImageSet, seen: ImageSet) -> ImageSet:
    """The derived images of those that a view shows, in the same splits."""
    stores = {}
    split = seen.target.table.set_index("id")["split"]
    for domain, store in derived.stores.items():
        places = np.flatnonzero(store.table["id"].isin(split.index))
        rows = store.table.iloc[places].reset_index(drop=True)
        stores[domain] = replace(store, table=rows.assign(split=rows["id"].map(split)), places=places)
    return ImageSet(stores, derived.about)


def binarised(images: ImageSet, anew: bool) -> ImageSet:
    """The images drawn in black and white, in memory: drawing them again for each batch would take too long.

    Chance comes from the content of an image's file and from how it was decoded, so an image is always drawn alike.
    Where training draws them `anew`, they keep the images that they are drawn from.
    """
    how = {**images.about["decoded_with"], "binarise": "fixed"}
    stores = {}
    for domain, store in images.stores.items():
        names = [digest(f"{content}{domain}{how}".encode()) for content in store.table["content"]]
        pixels = np.empty((len(store), *store.images.shape[1:]), store.images.dtype)
        for row, name in enumerate(names):
            pixels[row] = medium_named(store.medium).binarise(store.take(np.array([row]))[0], name)
        stores[domain] = ImageStore(
            pixels, store.table.assign(checksum=names), store.medium, shades=store if anew else None
        )
    return ImageSet(stores, images.about)
