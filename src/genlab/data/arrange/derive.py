"""Derived pairs: domain a is made from the images of domain b. Any set of images becomes a set of pairs.

edges -> image, grey -> colour, low -> high resolution, masked -> whole, noisy -> clean. Chance comes from the
checksum of the image: the same image always gets the same noise.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from genlab.data.arrange.pairs import in_one_frame, pair_by_id
from genlab.data.ingest import in_parallel
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import SINGLE
from genlab.data.store import ImageSet, ImageStore, SetWriter, digest, keep_set, open_earlier
from genlab.errors import GenlabError
from genlab.files import stage_folder
from genlab.media.base import medium_named, medium_of


def pair_kind(domains: set[str], settings: DataSettings) -> str:
    """What `data.pairs.kind` means for a source with these domains: names, none, or one of its medium's derivations.

    Raises:
        GenlabError: file names shall be matched, but there is one domain only.
    """
    if settings.pairs.kind == "auto":
        return "names" if domains == {"a", "b"} else next(iter(medium_of(dict(settings)).derivations), "none")
    if settings.pairs.kind == "names" and domains != {"a", "b"}:
        kinds = "|".join(medium_of(dict(settings)).derivations)
        raise GenlabError(
            f"data.pairs.kind=names matches domains a and b, but the source has {', '.join(sorted(domains))}; use a "
            f"source with two domains{f', or derive pairs: data.pairs.kind={kinds}' if kinds else ''}"
        )
    return settings.pairs.kind


def derive(images: ImageSet, settings: DataSettings, folder: Path) -> ImageSet:
    """Domain a, made from domain b (or the only one) of a view, under the same ids; empty where pairs are not derived.

    Written as a stream into `folder`, or what lies there already if it was made from the same images.

    Raises:
        GenlabError: the disk is full, or it is unclear which pairs are meant.
    """
    kind = pair_kind(set(images.stores), settings)
    if settings.pairs.kind == "auto" and settings.domains is None and (doubt := images.about.get("doubt")):
        raise GenlabError(f"pairs are wanted, but it is unclear what they are: {doubt}")
    how = f"{kind}{settings.edges}{settings.pairs}"
    key = digest(f"{images.about['key']}{settings.classes}{settings.binarise}{how}".encode())
    before = open_earlier(folder)
    if before and before.about["key"] == key:
        return before
    with stage_folder(folder / "set") as stage:
        writer = SetWriter(stage, images.target.medium)
        if change := medium_of(dict(settings)).derivations.get(kind):
            store = images.target
            rows = store.table.to_dict(orient="records")

            def work(row: int) -> np.ndarray:
                rng = np.random.default_rng(int(rows[row]["checksum"], 16))
                return change(store.take(np.array([row]))[0], dict(settings), rng)

            for row, pixels in zip(rows, in_parallel(work, range(len(store)), settings.workers), strict=True):
                name = digest(f"{row['checksum']}{how}".encode())
                about = {str(name): value for name, value in row.items()}
                about |= {"domain": "a", "source": f"{kind} of {row['id']}", "checksum": name}
                writer.append(about, pixels)
        writer.finish({"key": key})
        return keep_set(stage, folder, key)


def sides(images: ImageSet, derived: ImageSet) -> tuple[ImageStore, ImageStore]:
    """The stores of domains a and b.

    Raises:
        GenlabError: the source has one domain, and nothing was derived from it.
    """
    for found in (derived, images):
        if "a" in found:
            return found["a"], images.target
    kinds = ", ".join(medium_named(images.target.medium).derivations)
    remedy = f"set data.pairs.kind to one of {kinds}" if kinds else "name a source with two"
    raise GenlabError(f"the source has one domain and data.pairs.kind=none derives no other; {remedy}")


def pair_sides(images: ImageSet, derived: ImageSet, settings: DataSettings) -> pd.DataFrame:
    """The table of pairs, PAIR_COLUMNS; without rows where there are none, or none are wanted.

    Two files whose images were cut in different ways are no pair.
    """
    kind = pair_kind(set(images.stores), settings)
    if kind == "none":
        table = images.target.table
        return pair_by_id(table.iloc[:0], table)
    a, b = sides(images, derived)
    pairs = pair_by_id(a.table, b.table)
    return pairs[in_one_frame(pairs, images)].reset_index(drop=True) if kind == "names" else pairs


def derived_channels(channels: dict[str, int], settings: DataSettings) -> dict[str, int]:
    """Channels of domains a and b, out of those of the source's domains."""
    b = channels.get("b", channels.get(SINGLE, 1))
    medium = medium_of(dict(settings))
    if change := medium.derivations.get(pair_kind(set(channels), settings)):
        _, *axes = medium.shape(b, dict(settings))
        nothing = np.zeros((*axes, b), np.uint8)
        return {"a": change(nothing, dict(settings), np.random.default_rng(0)).shape[-1], "b": b}
    return {"a": channels.get("a", b), "b": b}
