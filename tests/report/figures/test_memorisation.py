"""Nearest neighbours and the classes that are drawn."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from genlab.data import store
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.settings import EvaluationSettings
from genlab.report.figures.memorisation import draw_class_histogram, draw_classes, draw_nearest, nearest_images
from genlab.sampling.settings import SampleSettings
from tests.judging import Reaches, judged


def test_the_nearest_image_is_scipys_and_a_copy_finds_itself(
    few_images: LabelledImages, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PART", 7)  # several parts
    real = few_images.pixels
    noisy = rng.integers(0, 256, (9, 32, 32, 1), dtype=np.uint8)
    found = nearest_images(np.concatenate([real[[3, 30]], noisy]), few_images)
    assert np.array_equal(found[:2], real[[3, 30]])
    distances = cdist(noisy.reshape(9, -1).astype(float), real.reshape(len(real), -1).astype(float))
    assert np.array_equal(found[2:], real[distances.argmin(axis=1)])


def test_neighbours_are_of_the_training_split(fashion: LabelledImages) -> None:
    rows = fashion.table.groupby(["split", "label"]).head(4).reset_index(drop=True)
    some = LabelledImages(rows, fashion.store, fashion.classes)
    drawings = {f"samples/{number}": pixels for number, pixels in enumerate(some.split("train").pixels[:6])}
    evaluation = EvaluationSettings(features=True, classifier_steps=2, feature_size=32)
    case = judged(Reaches(), some, drawings, evaluation=evaluation, sample=SampleSettings(pictures=6))
    assert set(draw_classes(case)) == {"classes"}
    assert draw_classes(replace(case, evaluation=EvaluationSettings(classifier=False))) == {}
    figure = draw_nearest(case)["nearest_train"]
    for strip in (1, 2):
        below = figure[4 + 64 * strip : 68 + 64 * strip, 4:68]
        assert np.array_equal(figure[4:68, 4:68], below), "a training image is its own neighbour"


def test_a_missing_class_shows() -> None:
    every = np.repeat([0, 1, 2], 10)
    full = draw_class_histogram(every, every, ["bag", "coat", "dress"])
    gap = draw_class_histogram(every[every < 2], every, ["bag", "coat", "dress"])
    assert full.shape == gap.shape
    assert full.dtype == np.uint8
    assert not np.array_equal(full, gap)
