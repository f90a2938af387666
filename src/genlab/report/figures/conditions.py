"""Figures of models that are told what to draw: a row for each class or caption, and what a person asked for."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Model, Samples
from genlab.sampling.draw import draw_samples
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import group

ACROSS = 10  # drawings in a row
CAPTIONS = 12  # rows of captions


def draw_condition_figures(
    model: Model, examples: LabelledImages, drawings: Mapping[str, np.ndarray], settings: SampleSettings
) -> dict[str, np.ndarray]:
    """By name: `by_label` or `by_caption`, where the model is told such; `requested`, where something was asked for."""
    assert isinstance(model, Samples)
    figures = {}
    if model.condition == "labels":
        figures["by_label"] = draw_by_label(model, examples, settings)
    if model.condition == "captions":
        figures["by_caption"] = draw_by_caption(model, examples, settings)
    if asked := group(drawings, "requested"):
        figures["requested"] = draw_tiles([np.stack(list(asked.values()))])
    return figures


def draw_by_label(model: Model, examples: LabelledImages, settings: SampleSettings) -> np.ndarray:
    """A row of drawings for each class, its name to the left; (H, W, 3) uint8."""
    told = np.repeat(np.arange(len(examples.classes)), ACROSS)
    drawn = draw_samples(model, len(told), settings, told, examples.store.images.dtype)
    return draw_tiles([drawn], across=ACROSS, names=examples.classes)


def draw_by_caption(model: Model, examples: LabelledImages, settings: SampleSettings) -> np.ndarray:
    """A row for some captions of a split: a real image, then drawings; (H, W, 3) uint8.

    A third of the captions are held out of training, where there are such: they have a star.
    """
    some = choose_captions(examples)
    told = np.repeat(examples.captions[some], ACROSS - 1, axis=0)
    drawn = draw_samples(model, len(told), settings, told, examples.store.images.dtype)
    real = examples.store.take(examples.table["row"].to_numpy()[some])
    rows = np.concatenate([real[:, None], drawn.reshape(len(some), ACROSS - 1, *drawn.shape[1:])], axis=1)
    chosen = examples.table.iloc[some]
    names = [f"{one}{' *' if held else ''}" for one, held in zip(chosen["caption"], chosen["held_out"], strict=True)]
    return draw_tiles([rows.reshape(-1, *drawn.shape[1:])], across=ACROSS, names=names)


def choose_captions(examples: LabelledImages) -> np.ndarray:
    """The places of images with captions unlike each other, spread evenly over seen and over held-out ones."""
    first = examples.table.drop_duplicates("caption").sort_values("caption")
    held = first.index[first["held_out"]].to_numpy()
    seen = first.index[~first["held_out"]].to_numpy()
    held = _spread(held, CAPTIONS // 3)
    return np.concatenate([_spread(seen, CAPTIONS - len(held)), held])


def _spread(places: np.ndarray, count: int) -> np.ndarray:
    return places[np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)]
