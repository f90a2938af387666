"""Brightness and shape of one bright thing on black, as in Fashion-MNIST: measured, and said in words.

N images, H = W pixels, C channels. The same functions describe real images and judge drawn ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genlab.media.pictures.integers import largest

FOREGROUND = 0.25  # of the pixel range: brighter pixels belong to the thing


def _grey(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) unsigned integers -> (N, H, W) in [0, 1]."""
    return images.mean(axis=3) / largest(images.dtype)


def brightness(images: np.ndarray) -> np.ndarray:
    """Mean of the thing's pixels, in [0, 1], (N,); 0 where there is no thing."""
    grey = _grey(images)
    thing = grey > FOREGROUND
    return (grey * thing).sum(axis=(1, 2)) / np.maximum(thing.sum(axis=(1, 2)), 1)


def height(images: np.ndarray) -> np.ndarray:
    """Rows from the first to the last with at least two pixels of the thing, (N,). One pixel may be a speck."""
    rows = (_grey(images) > FOREGROUND).sum(axis=2) >= 2  # (N, H)
    spans = rows.shape[1] - rows.argmax(axis=1) - rows[:, ::-1].argmax(axis=1)
    return np.where(rows.any(axis=1), spans, 0).astype(float)


def width(images: np.ndarray) -> np.ndarray:
    """Mean number of the thing's pixels in the rows that have any, (N,); 0 where there is no thing."""
    across = (_grey(images) > FOREGROUND).sum(axis=2)  # (N, H)
    return across.sum(axis=1) / np.maximum((across > 0).sum(axis=1), 1)


MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"brightness": brightness, "height": height, "width": width}


@dataclass(frozen=True)
class Aspect:
    """A measure in words: one for the lowest third of the training images, one for the highest. The middle has none."""

    measure: str
    low: str
    high: str
    phrase: str = "{word} {thing}"


BRIGHTNESS = Aspect("brightness", "dark", "light")
SHAPES: dict[str, Aspect] = {
    "ankle_boot": Aspect("height", "low", "high", "{thing} with a {word} shaft"),
    "bag": Aspect("height", "low", "high"),
    "sandal": Aspect("height", "low", "high", "{thing} with a {word} heel"),
    "sneaker": Aspect("height", "low", "high", "{thing} with a {word} top"),
}
"""The aspect of a thing's shape that captions name, by its label. All other labels get `WIDTH`."""
WIDTH = Aspect("width", "narrow", "wide")
THINGS = {"t_shirt": "t-shirt"}  # labels whose words are not just parted by underscores

Terciles = tuple[float, float]


def thing(label: str) -> str:
    """The name of the thing with this label, in captions."""
    return THINGS.get(label, label.replace("_", " "))


def shape_of(label: str) -> Aspect:
    """The aspect of shape that captions name for this label."""
    return SHAPES.get(label, WIDTH)


def caption(label: str, bright: str, shape: str) -> str:
    """A caption: "a dark ankle boot with a high shaft"; either word may be empty."""
    said = shape_of(label).phrase.format(word=shape, thing=thing(label)) if shape else thing(label)
    said = f"{bright} {said}" if bright else said
    return f"{'an' if said[0] in 'aeiou' else 'a'} {said}"


def possible_captions(labels: Sequence[str]) -> Iterator[str]:
    """Every caption that images with these labels may get."""
    for label in labels:
        for bright in ("", BRIGHTNESS.low, BRIGHTNESS.high):
            for shape in ("", shape_of(label).low, shape_of(label).high):
                yield caption(label, bright, shape)


@dataclass(frozen=True)
class Scale:
    """Where each word begins and ends, as terciles.

    Brightness has one scale for all images. Shape has one for each label: a low boot is higher than a high sneaker.
    """

    brightness: Terciles
    shapes: Mapping[str, Terciles]  # by label

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> "Scale":
        """The scale of some (N, H, W, C) images with their labels (N,)."""
        bright = _terciles(brightness(images))
        shapes = {
            str(label): _terciles(MEASURES[shape_of(str(label)).measure](images[labels == label]))
            for label in np.unique(labels)
        }
        return cls(bright, shapes)

    def describe(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The words for brightness and for shape, (N,) each. The middle third and unknown labels have ""."""
        bright = _words(brightness(images), self.brightness, BRIGHTNESS)
        shape = np.full(len(images), "", dtype=bright.dtype)
        for label in set(np.unique(labels)) & set(self.shapes):
            those, aspect = labels == label, shape_of(str(label))
            shape[those] = _words(MEASURES[aspect.measure](images[those]), self.shapes[str(label)], aspect)
        return bright, shape


def _terciles(values: np.ndarray) -> Terciles:
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    return float(low), float(high)


def _words(values: np.ndarray, terciles: Terciles, aspect: Aspect) -> np.ndarray:
    words = np.full(len(values), "", dtype="<U16")
    words[values < terciles[0]] = aspect.low
    words[values > terciles[1]] = aspect.high
    return words
