"""What betrays a generator: images it has learned by heart, and classes it leaves out. N, M images, H = W pixels."""

from collections.abc import Mapping, Sequence

import numpy as np

from genlab.data.labelled import LabelledImages
from genlab.report.plots import new_axes, render
from genlab.sampling.grids import draw_tiles
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import group

CHUNK = 1024  # training images in memory at a time
SHOWN = 24  # drawings beside their nearest neighbours


def nearest_images(drawn: np.ndarray, examples: LabelledImages) -> np.ndarray:
    """The image among the examples that is nearest to each drawing, (M, H, W, C): the smallest distance of pixels."""
    flat = drawn.reshape(len(drawn), -1).astype(np.float32)
    best = np.full(len(drawn), np.inf, dtype=np.float32)
    nearest = np.zeros(len(drawn), dtype=np.int64)
    rows = examples.table["row"].to_numpy()
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        real = examples.store.take(some).reshape(len(some), -1).astype(np.float32)
        squared = (real**2).sum(axis=1) - 2 * flat @ real.T  # up to |drawing|^2
        closest = squared.argmin(axis=1)
        value = squared[np.arange(len(flat)), closest]
        nearest = np.where(value < best, some[closest], nearest)
        best = np.minimum(best, value)
    return examples.store.take(nearest)


def draw_neighbours(
    examples: LabelledImages, drawings: Mapping[str, np.ndarray], settings: SampleSettings
) -> dict[str, np.ndarray]:
    """`nearest_train`: new images over the training images nearest to them, (H, W, 3) uint8. Where both are the same
    picture again and again, the model repeats what it has seen.

    Args:
        examples: all of them, with a training split.
        drawings: those of `genlab.sampling.draw`; where none are new images, there is no figure.
    """
    new = list(group(drawings, "samples").values())
    if not new:
        return {}
    count = min(SHOWN, settings.pictures, len(new))
    drawn = np.stack([new[row] for row in np.linspace(0, len(new) - 1, count).round().astype(int)])
    return {"nearest_train": draw_tiles([drawn, nearest_images(drawn, examples.split("train"))])}


def draw_class_histogram(drawn: np.ndarray, real: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """How often each class is drawn, beside as many real images, as a classifier sees both; (H, W, 3) uint8.

    Args:
        drawn: the classifier's answers for new images, (M,) numbers of classes.
        real: likewise for real images.
        classes: their names.
    """
    axes = new_axes(width=max(480, 64 * len(classes)), height=360)
    place = np.arange(len(classes))
    for shift, answers, label in ((-0.2, drawn, "drawn"), (0.2, real, "real")):
        axes.bar(place + shift, np.bincount(answers, minlength=len(classes)) / len(answers), 0.4, label=label)
    axes.set_xticks(place, classes, rotation=30, ha="right")
    axes.set_ylabel("share of images")
    axes.set_title("What a classifier sees in new and in real images")
    axes.legend(frameon=False)
    return render(axes)
