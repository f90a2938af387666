"""Derived pairs: domain a is made from the images of domain b, so that any set of images is a set of pairs.

edges -> image, grey -> colour, low -> high resolution, masked -> whole, noisy -> clean. Chance comes from the image's
own checksum: the same image always gets the same noise.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.feature import canny

from genlab.data.decode import resize, to_channels
from genlab.data.ingest import in_parallel
from genlab.data.layouts import SINGLE
from genlab.data.pairs import pair_by_id
from genlab.data.settings import DataSettings, EdgeSettings
from genlab.data.store import ImageSet, ImageStore, SetWriter, digest, open_set
from genlab.errors import GenlabError
from genlab.files import stage_folder

Derivation = Callable[[np.ndarray, DataSettings, np.random.Generator], np.ndarray]


def draw_edges(image: np.ndarray, settings: EdgeSettings) -> np.ndarray:
    """Black lines on white, (H, W, 1) uint8, where scikit-image's Canny detector sees edges in (H, W, C)."""
    grey = image.mean(axis=2) / np.iinfo(image.dtype).max
    lines = canny(grey, sigma=settings.sigma, low_threshold=settings.low, high_threshold=settings.high)
    return np.where(lines, 0, 255).astype(np.uint8)[:, :, None]


def take_colour(image: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H, W, 1): luminance of RGB, the mean of other channels."""
    if image.shape[2] in (1, 3):
        return to_channels(image, 1)
    return image.mean(axis=2, keepdims=True).round().astype(image.dtype)


def lower_resolution(image: np.ndarray, factor: int) -> np.ndarray:
    """`factor` times fewer pixels a side, at least one, and enlarged again; bicubic, same shape."""
    h, w, _ = image.shape
    return resize(resize(image, max(1, h // factor), max(1, w // factor)), h, w)


def cut_hole(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mid-grey rectangle at a random place, `share` of the image high and wide."""
    h, w, _ = image.shape
    rows, columns = max(1, round(h * share)), max(1, round(w * share))
    top, left = rng.integers(h - rows + 1), rng.integers(w - columns + 1)
    masked = image.copy()
    masked[top : top + rows, left : left + columns] = np.iinfo(image.dtype).max // 2
    return masked


def add_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of `deviation` times the pixel range, rounded and clipped."""
    top = np.iinfo(image.dtype).max
    noisy = image + rng.normal(0.0, deviation * top, image.shape)
    return noisy.round().clip(0, top).astype(image.dtype)


DERIVATIONS: dict[str, Derivation] = {
    "edges": lambda image, settings, rng: draw_edges(image, settings.edges),
    "grey": lambda image, settings, rng: take_colour(image),
    "low_resolution": lambda image, settings, rng: lower_resolution(image, settings.pairs.factor),
    "masked": lambda image, settings, rng: cut_hole(image, settings.pairs.hole, rng),
    "noisy": lambda image, settings, rng: add_noise(image, settings.pairs.noise, rng),
}


def pair_kind(domains: set[str], settings: DataSettings) -> str:
    """What `data.pairs.kind` means for a source with these domains: names, none, or a key of DERIVATIONS.

    Raises:
        GenlabError: file names shall be matched, but there is one domain only.
    """
    if settings.pairs.kind == "auto":
        return "names" if domains == {"a", "b"} else "edges"
    if settings.pairs.kind == "names" and domains != {"a", "b"}:
        raise GenlabError(
            f"data.pairs.kind=names matches domains a and b, but the source has {', '.join(sorted(domains))}; use a "
            f"source with two domains, or derive pairs: data.pairs.kind={'|'.join(DERIVATIONS)}"
        )
    return settings.pairs.kind


def derive(images: ImageSet, settings: DataSettings, folder: Path) -> ImageSet:
    """Domain a, made from domain b (or the only one), under the same ids; empty where pairs are not derived.

    Written as a stream beside `folder`, or what lies there already if it was made from the same images.

    Raises:
        GenlabError: the disk is full, or the kind of pairs does not go with the source.
    """
    kind = pair_kind(set(images.stores), settings)
    key = digest(f"{images.about['key']}{kind}{settings.edges}{settings.pairs}".encode())
    try:
        before = open_set(folder)
        if before.about.get("key") == key:
            return before
    except GenlabError:
        pass  # there is none yet, or it is damaged: it is made anew
    with stage_folder(folder) as stage:
        writer = SetWriter(stage)
        if kind in DERIVATIONS:
            store = images["b" if "b" in images else SINGLE]
            rows = store.table.to_dict(orient="records")

            def work(row: int) -> np.ndarray:
                rng = np.random.default_rng(int(rows[row]["checksum"], 16))
                return DERIVATIONS[kind](store.take(np.array([row]))[0], settings, rng)

            for row, pixels in zip(rows, in_parallel(work, range(len(store)), settings.workers), strict=True):
                name = digest(f"{row['checksum']}{key}".encode())
                about = {str(name): value for name, value in row.items()}
                about |= {"domain": "a", "source": f"{kind} of {row['id']}", "checksum": name}
                writer.append(about, pixels)
        return writer.finish(writer.table(), {"key": key, "widened": []})


def sides(images: ImageSet, derived: ImageSet) -> tuple[ImageStore, ImageStore]:
    """The stores of domains a and b.

    Raises:
        GenlabError: the source has one domain, and nothing was derived from it.
    """
    b = images["b" if "b" in images else SINGLE]
    if "a" in derived:
        return derived["a"], b
    if "a" in images:
        return images["a"], b
    raise GenlabError(
        "the source has one domain and data.pairs.kind=none derives no other; set data.pairs.kind to one of "
        f"{', '.join(DERIVATIONS)}"
    )


def pair_sides(images: ImageSet, derived: ImageSet, settings: DataSettings) -> pd.DataFrame:
    """The table of pairs, PAIR_COLUMNS; without rows where there are none, or none are wanted."""
    if pair_kind(set(images.stores), settings) == "none":
        return pd.DataFrame({"id": [], "split": [], "label": [], "a": [], "b": []}).astype(
            {"id": str, "split": str, "label": str, "a": int, "b": int}
        )
    a, b = sides(images, derived)
    return pair_by_id(a.table, b.table)


def derived_channels(channels: dict[str, int], settings: DataSettings) -> dict[str, int]:
    """Channels of domains a and b, out of those of the source's domains."""
    b = channels.get("b", channels.get(SINGLE, 1))
    kind = pair_kind(set(channels), settings)
    if kind in ("edges", "grey"):
        return {"a": 1, "b": b}
    return {"a": channels.get("a", b), "b": b}
