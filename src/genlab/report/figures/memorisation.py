"""What betrays a generator: images it has learned by heart, and classes it leaves out. N, M images, H = W pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.distance import cdist

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.classifier import can_classify, classifier_of
from genlab.evaluation.features.lite0 import Lite0
from genlab.evaluation.measures.samples import spread_evenly
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.tiles import draw_tiles
from genlab.report.plots import new_axes, render
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


def alike_images(drawn: np.ndarray, examples: LabelledImages, settings: EvaluationSettings, cache: Cache) -> np.ndarray:
    """The image among the examples whose features are nearest to those of each drawing, (M, H, W, C)."""
    extract = Lite0(settings.feature_size)
    rows = spread_evenly(np.unique(examples.table["row"].to_numpy()), settings.reference_images)
    known = cache.features(extract, examples.store.take(rows))
    return examples.store.take(rows[cdist(extract(drawn), known).argmin(axis=1)])


def draw_sample_figures(
    examples: LabelledImages, drawings: Mapping[str, np.ndarray], settings: EvaluationSettings,
    sample: SampleSettings, cache: Cache,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Pictures (H, W, 3) uint8 by name; none where no drawings are new images.

    `nearest_train`: new images over the training images nearest to them, by pixels, then by features; where they are
    the same picture again and again, the model repeats what it has seen. `classes`: the histogram of what a classifier
    sees in the new images, beside as many real ones.

    Args:
        examples: all of them, with a training and a test split.
        drawings: those of `genlab.sampling.draw`.
    """
    new = list(group(drawings, "samples").values())
    if not new:
        return {}
    count = min(SHOWN, sample.pictures, len(new))
    shown = np.stack([new[row] for row in np.linspace(0, len(new) - 1, count).round().astype(int)])
    train, test = examples.split("train"), examples.split("test")
    strips = [shown, nearest_images(shown, train)]
    if settings.features:
        strips.append(alike_images(shown, train, settings, cache))
    figures = {"nearest_train": draw_tiles(strips)}
    if settings.classifier and can_classify(examples):
        classifier = classifier_of(examples, settings, cache)
        said, real = classifier(np.stack(new)), classifier(test.spread(len(new)).pixels)
        figures["classes"] = draw_class_histogram(said, real, examples.classes)
    return figures


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
