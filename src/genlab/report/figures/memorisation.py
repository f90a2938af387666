"""What betrays a generator: images it has learned by heart, and classes it leaves out. N, M images, H = W pixels."""

from collections.abc import Sequence

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.distances import nearest
from genlab.evaluation.features.classifier import classifier_of
from genlab.evaluation.features.lite0 import Lite0
from genlab.evaluation.measures.samples import spread_evenly
from genlab.media.pictures.integers import flatten
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Samples
from genlab.report.plots import as_text, new_axes, render
from genlab.report.registry import figure

SHOWN = 24  # drawings beside their nearest neighbours


def nearest_images(drawn: np.ndarray, examples: LabelledImages) -> np.ndarray:
    """The image among the examples that is nearest to each drawing, (M, H, W, C): the smallest distance of pixels."""
    rows = examples.table["row"].to_numpy()
    return examples.store.take(rows[nearest(flatten(drawn), map(flatten, examples.store.parts(rows)))[0]])


def alike_images(drawn: np.ndarray, case: Judged[Samples, LabelledImages]) -> np.ndarray:
    """The training image whose features are nearest to those of each drawing, (M, H, W, C)."""
    extract, store = Lite0(case.evaluation.feature_size, case.device), case.examples.store
    rows = np.unique(case.examples.split("train").table["row"].to_numpy())
    rows = spread_evenly(rows, case.evaluation.reference_images)
    known = case.cache.features(extract, store.take(rows))
    return store.take(rows[nearest(extract(drawn), [known])[0]])


@figure(needs=Samples, on=LabelledImages, of="pictures")
def draw_nearest(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`nearest_train`: new images over the training images nearest to them, by pixels, then by features.

    Where they are the same picture again and again, the model repeats what it has seen.
    """
    new = list(case.group("samples").values())
    shown = np.stack([new[place] for place in evenly(len(new), min(SHOWN, case.sample.pictures))])
    strips = [shown, nearest_images(shown, case.examples.split("train"))]
    if case.evaluation.features:
        strips.append(alike_images(shown, case))
    return {"nearest_train": draw_tiles(strips)}


@figure(needs=Samples, on=LabelledImages, of="sound")
def draw_nearest_sounds(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`nearest_train`: new recordings over the training recordings whose features are nearest to theirs.

    The features are a classifier's; none where there is no classifier.
    """
    classifier = classifier_of(case)
    if classifier is None:
        return {}
    new = list(case.group("samples").values())
    shown = np.stack([new[place] for place in evenly(len(new), min(SHOWN, case.sample.pictures))])
    train = case.examples.split("train").spread(case.evaluation.reference_images).pixels
    alike = train[nearest(classifier.features(shown), [classifier.features(train)])[0]]
    return {"nearest_train": draw_tiles([case.show(shown), case.show(alike)])}


@figure(needs=Samples, on=LabelledImages)
def draw_classes(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`classes`: how often a classifier sees each class in new images, beside as many real ones; none without one."""
    classifier = classifier_of(case)
    if classifier is None:
        return {}
    new = np.stack(list(case.group("samples").values()))
    said, real = classifier(new), classifier(case.shown.spread(len(new)).pixels)
    return {"classes": draw_class_histogram(said, real, case.examples.classes)}


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
    axes.set_xticks(place, [as_text(name) for name in classes], rotation=30, ha="right")
    axes.set_ylabel("share of images")
    axes.set_title("What a classifier sees in new and in real images")
    axes.legend(frameon=False)
    return render(axes)
