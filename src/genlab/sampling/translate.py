"""Translating images with a trained model, and grids of that."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import spread_rows
from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.tiles import draw_grid
from genlab.models.base import Model, Side, Translates
from genlab.sampling.apply import apply
from genlab.sampling.settings import SampleSettings


def translate_images(
    model: Model, images: np.ndarray, to: Side, *, batch_size: int, seed: int, depth: np.dtype | None = None
) -> np.ndarray:
    """(N, H, W, C) pixels -> (N, H, W, D) pixels in domain `to`, of the integer type `depth` (None: that of the input).

    Where the model normalises by the test batch, `batch_size` is part of the result. The noise depends on `seed` and
    the image's place alone. The model is left in the mode, training or not, in which it came.
    """
    assert isinstance(model, Translates)
    return apply(
        model, lambda rng, x: model.translate(x, to, rng), range(len(images)), images,
        seed=seed, batch_size=batch_size, depth=depth or images.dtype,
    )  # fmt: skip


def other(side: Side) -> Side:
    """The other domain."""
    return "b" if side == "a" else "a"


def direction(to: Side) -> str:
    """The name of the translation that ends in domain `to`: a_to_b or b_to_a."""
    return f"{other(to)}_to_{to}"


def draw_translations(
    model: Model, examples: PairedImages | UnpairedImages, settings: SampleSettings
) -> dict[str, np.ndarray]:
    """The drawing of every input, "<direction>/<id>" -> (H, W, C) pixels, for every domain that the model reaches.

    A model that goes both ways also draws every input back: "a_to_b_to_a/<id>".
    """
    assert isinstance(model, Translates)
    drawings: dict[str, np.ndarray] = {}
    for to in model.targets:
        ids, depth = ids_of(examples, other(to)), getattr(examples, to).images.dtype
        drawings |= translate_and_back(model, list(ids), examples.side(other(to)), to, settings, depth)
    return drawings


def translate_and_back(
    model: Model, ids: list[str], images: np.ndarray, to: Side, settings: SampleSettings, depth: np.dtype
) -> dict[str, np.ndarray]:
    """The drawings of some inputs, named as by `draw_translations`."""
    assert isinstance(model, Translates)
    how = {"batch_size": settings.batch_size, "seed": settings.seed}
    drawn = {direction(to): translate_images(model, images, to, **how, depth=depth)}
    if other(to) in model.targets:
        back = translate_images(model, drawn[direction(to)], other(to), **how, depth=images.dtype)
        drawn[f"{direction(to)}_to_{other(to)}"] = back
    return {f"{way}/{name}": p for way, pixels in drawn.items() for name, p in zip(ids, pixels, strict=True)}


def ids_of(examples: PairedImages | UnpairedImages, side: Side) -> pd.Series:
    """The ids of the images of one side, in the order of `side`."""
    return examples.table["id"] if isinstance(examples, PairedImages) else examples.rows(side)["id"]


def group(drawings: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The drawings of one group, "<group>/<id>", by id; empty where there is no such group."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): pixels for key, pixels in drawings.items() if key.startswith(prefix)}


def spread(examples: PairedImages, count: int) -> PairedImages:
    """At most `count` of the pairs, evenly spread over the table: the same for the same pairs, of every class."""
    return PairedImages(spread_rows(examples.table, count), examples.a, examples.b)


@dataclass(frozen=True)
class Shown:
    """Some inputs of one direction, for a grid; with their truth where it is known."""

    ids: list[str]
    inputs: np.ndarray
    truth: np.ndarray | None


def choose_shown(examples: PairedImages | UnpairedImages, to: Side, count: int) -> Shown:
    """At most `count` inputs of the direction that ends in `to`, evenly spread."""
    pairs = examples if isinstance(examples, PairedImages) else examples.pairs()
    if pairs is not None:
        some = spread(pairs, count)
        return Shown(some.table["id"].tolist(), some.side(other(to)), some.side(to))
    assert isinstance(examples, UnpairedImages)
    rows = spread_rows(examples.rows(other(to)), count)
    return Shown(rows["id"].tolist(), getattr(examples, other(to)).take(rows["row"].to_numpy()), None)


def translation_grid(shown: Shown, drawings: Mapping[str, np.ndarray], to: Side) -> np.ndarray:
    """The grid *input | generated | (back) | truth* of some inputs, small images enlarged; (H, W, 3) uint8."""
    columns = {"input": shown.inputs, "generated": np.stack([drawings[f"{direction(to)}/{n}"] for n in shown.ids])}
    back = group(drawings, f"{direction(to)}_to_{other(to)}")
    if back:
        columns["back"] = np.stack([back[name] for name in shown.ids])
    if shown.truth is not None:
        columns["truth"] = shown.truth
    size = shown.inputs.shape[1]
    blocks = max(1, min(4, 1024 // (len(columns) * max(size, 64))))
    return np.asarray(draw_grid(columns, scale=max(1, 64 // size), blocks=blocks))


def draw_shown(
    model: Model, examples: PairedImages | UnpairedImages, settings: SampleSettings
) -> dict[str, np.ndarray]:
    """The grid of every direction, by its name, for inputs that are translated only for it."""
    assert isinstance(model, Translates)
    grids = {}
    for to in model.targets:
        shown = choose_shown(examples, to, settings.pictures)
        depth = getattr(examples, to).images.dtype
        drawings = translate_and_back(model, shown.ids, shown.inputs, to, settings, depth)
        grids[direction(to)] = translation_grid(shown, drawings, to)
    return grids
