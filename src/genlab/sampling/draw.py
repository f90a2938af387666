"""What a trained model draws, by what it can do: translations, new images, reconstructions.

A drawing's name is "<group>/<id>": "a_to_b/<id of the input>", "samples/<number>", "reconstructions/<id of the image>",
"requested/<number>".
"""

from dataclasses import dataclass

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.media.pictures.tiles import draw_tiles, stack_pictures
from genlab.models.base import Model, Reconstructs, Samples, Translates
from genlab.sampling.apply import apply
from genlab.sampling.request import requested
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import draw_shown, draw_translations

Drawings = dict[str, np.ndarray]
"""(H, W, C) pixels by name."""


def draw(model: Model, examples: Examples, settings: SampleSettings) -> Drawings:
    """All drawings of a model for one split, each by its name."""
    drawings: Drawings = {}
    if isinstance(model, Translates):
        assert isinstance(examples, PairedImages | UnpairedImages)
        drawings |= draw_translations(model, examples, settings)
    if isinstance(examples, LabelledImages):
        if isinstance(model, Samples):
            condition = spread_condition(model, examples, settings.count)
            new = draw_samples(model, settings.count, settings, condition, examples.store.images.dtype)
            drawings |= {f"samples/{number:05d}": pixels for number, pixels in enumerate(new)}
            drawings |= draw_requested(model, examples, settings)
        if isinstance(model, Reconstructs):
            again = reconstruct_images(model, examples.pixels, settings)
            drawings |= {f"reconstructions/{name}": p for name, p in zip(examples.table["id"], again, strict=True)}
    return drawings


def draw_samples(
    model: Model, count: int, settings: SampleSettings, condition: np.ndarray | None = None,
    depth: np.dtype | type = np.uint8,
) -> np.ndarray:  # fmt: skip
    """`count` new images, (count, H, W, C) pixels; `condition` has a row for each where the model must be told.

    Each depends on `sample.seed` and its number.
    """
    assert isinstance(model, Samples)
    return apply(
        model, lambda rng, told: model.sample(len(rng), rng, told), range(count), condition,
        seed=settings.seed, batch_size=settings.batch_size, depth=depth,
    )  # fmt: skip


def reconstruct_images(model: Model, images: np.ndarray, settings: SampleSettings) -> np.ndarray:
    """(N, H, W, C) pixels -> their reconstructions, of the same type."""
    assert isinstance(model, Reconstructs)
    return apply(
        model, lambda _, x: model.reconstruct(x), range(len(images)), images,
        batch_size=settings.batch_size, depth=images.dtype,
    )  # fmt: skip


def draw_requested(model: Model, examples: LabelledImages, settings: SampleSettings) -> Drawings:
    """As many drawings as a grid shows of what a person asks for, "requested/<number>"; none where nothing is asked."""
    assert isinstance(model, Samples)
    told = requested(model.condition, examples.spec, settings)
    if told is None:
        return {}
    every = np.repeat(told, settings.pictures, axis=0)
    new = draw_samples(model, settings.pictures, settings, every, examples.store.images.dtype)
    return {f"requested/{number:05d}": pixels for number, pixels in enumerate(new)}


def spread_places(examples: LabelledImages, count: int) -> np.ndarray:
    """Of which images, by their place in the split, `count` drawings take what they are told: evenly spread."""
    return np.linspace(0, len(examples) - 1, count).round().astype(int)


def spread_condition(model: Samples, examples: LabelledImages, count: int) -> np.ndarray | None:
    """What `count` drawings are told: as the images of the split, evenly spread over them; None where nothing is."""
    if model.condition is None:
        return None
    return examples.values(model.condition)[spread_places(examples, count)]


@dataclass(frozen=True)
class FixedSamples:
    """The same few drawings, made again and again while a model trains."""

    examples: Examples  # of which some are taken
    settings: SampleSettings

    def __call__(self, model: Model) -> np.ndarray:
        """A grid, (H, W, 3) uint8."""
        return draw_overview(model, self.examples, self.settings)


def draw_overview(model: Model, examples: Examples, settings: SampleSettings) -> np.ndarray:
    """One grid that shows what a model does, (H, W, 3) uint8: translations, new images, or reconstructions under their
    originals.

    Raises:
        GenlabError: the model does none of this.
    """
    if isinstance(model, Translates):
        assert isinstance(examples, PairedImages | UnpairedImages)
        return stack_pictures(list(draw_shown(model, examples, settings).values()))
    assert isinstance(examples, LabelledImages)
    if isinstance(model, Samples):
        condition = spread_condition(model, examples, settings.pictures)
        return draw_tiles([draw_samples(model, settings.pictures, settings, condition)])
    if isinstance(model, Reconstructs):
        shown = examples.spread(settings.pictures)
        pair = [shown.pixels, reconstruct_images(model, shown.pixels, settings)]
        return draw_tiles(pair, strip_names=("original", "reconstruction"))
    raise GenlabError(f"{type(model).__name__} neither translates, nor samples, nor reconstructs: nothing can be drawn")
