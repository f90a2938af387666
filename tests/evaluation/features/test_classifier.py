"""The classifier on real test images, and what label metrics say of drawings whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.classifier import (
    Classifier,
    build_classifier,
    can_classify,
    classifier_of,
)
from genlab.evaluation.measures.labels import class_metrics, told_metrics
from genlab.evaluation.settings import EvaluationSettings
from tests.judging import Reaches, judged

SETTINGS = EvaluationSettings(resamples=50, classifier_steps=60)


@pytest.fixture(scope="module")
def footwear(shoes: PairedImages) -> LabelledImages:
    table = shoes.table.drop(columns="a").rename(columns={"b": "row"})
    return LabelledImages(table, shoes.b, tuple(sorted(set(table["label"]))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def classifier(footwear: LabelledImages, folder: Path) -> Classifier:
    found = classifier_of(judged(Reaches(), footwear, evaluation=SETTINGS, cache=Cache(folder)))
    assert found is not None
    return found


def test_it_knows_real_shoes(classifier: Classifier, footwear: LabelledImages) -> None:
    test = footwear.split("test")
    assert classifier.accuracy > 0.85
    assert classifier.accuracy == pytest.approx((classifier(test.pixels) == test.labels).mean())


def test_it_is_trained_once_and_draws_no_random_numbers(
    classifier: Classifier, footwear: LabelledImages, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "genlab.evaluation.features.classifier.train_classifier", lambda *_: pytest.fail("trained again")
    )
    again = classifier_of(judged(Reaches(), footwear, evaluation=SETTINGS, cache=Cache(folder)))
    assert again is not None
    assert again.accuracy == classifier.accuracy
    monkeypatch.undo()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    few = judged(Reaches(), footwear, evaluation=EvaluationSettings(classifier_steps=2))
    one, two = classifier_of(few), classifier_of(few)
    assert torch.rand(1) == expected
    assert one is not None
    assert two is not None
    assert one.accuracy == two.accuracy


def test_labels_that_are_drawn_are_found_and_shuffled_ones_are_chance(
    classifier: Classifier, footwear: LabelledImages
) -> None:
    test = footwear.split("test")
    right = told_metrics("label_accuracy", classifier, test.pixels, test.labels, SETTINGS)
    assert right["label_accuracy"] == pytest.approx(classifier.accuracy) == right["label_accuracy_real"]
    assert right["label_accuracy_low"] <= right["label_accuracy"] <= right["label_accuracy_high"]
    shuffled = np.random.default_rng(0).permutation(test.labels)
    assert told_metrics("label_accuracy", classifier, test.pixels, shuffled, SETTINGS)[
        "label_accuracy"
    ] == pytest.approx(1 / 3, abs=0.1)


def test_a_model_that_forgets_a_class_is_seen(classifier: Classifier, footwear: LabelledImages) -> None:
    test = footwear.split("test")
    only = test.pixels[np.flatnonzero(classifier(test.pixels) == 1)]
    found = class_metrics(classifier, only, test.pixels, 3)
    assert found["classes_covered"] == 1
    assert found["class_entropy_nats"] == pytest.approx(0)
    assert found["classes_covered_real"] == 3
    assert found["class_entropy_nats_real"] == pytest.approx(np.log(3), abs=0.05)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (128, 128, 2)])
def test_any_size_and_number_of_channels(shape: tuple[int, int, int]) -> None:
    classify = Classifier(build_classifier(shape[2], 5).eval(), "pictures", "")
    for dtype in (np.uint8, np.uint16):
        assert classify(np.zeros((3, *shape), dtype)).shape == (3,)


def test_images_without_labels_are_left_alone(footwear: LabelledImages) -> None:
    assert can_classify(footwear)
    unlabelled = LabelledImages(footwear.table.assign(label=""), footwear.store, ())
    assert not can_classify(unlabelled)
    no_test = LabelledImages(footwear.table[footwear.table["split"] != "test"], footwear.store, footwear.classes)
    assert not can_classify(no_test)
