"""What a classifier says of drawn recordings: labels, groups, distances."""

from dataclasses import replace

import numpy as np
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.features.classifier import classifier_of
from genlab.evaluation.measures.labels import evaluate_labels
from genlab.evaluation.measures.sounds import judge_sounds, shuffled
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.sound.integers import ENDED
from genlab.sampling.draw import spread_condition
from tests.judging import Reaches, judged
from tests.sounds import tones

SETTINGS = EvaluationSettings(resamples=20, classifier_steps=40, kid_subsets=10)


@pytest.fixture(scope="module")
def heard() -> LabelledImages:
    return tones(10)


def case(heard: LabelledImages, drawn: np.ndarray) -> Judged:
    model = Reaches()
    model.condition = "labels_and_groups"
    return judged(model, heard, {f"samples/{n:03d}": one for n, one in enumerate(drawn)}, evaluation=SETTINGS)


def test_it_hears_the_label_and_the_group_that_were_asked_for(heard: LabelledImages) -> None:
    drawn = tones(10, ["test"], seed=5).pixels
    model = case(heard, drawn)
    told = spread_condition(model, len(drawn))
    assert np.array_equal(told, heard.split("test").values("labels_and_groups"))
    found = evaluate_labels(model)
    assert found["label_accuracy"] == found["label_accuracy_real"] == found["classifier_accuracy"] == 1
    assert found["group_accuracy"] == found["group_accuracy_real"] == 1
    high_for_low = evaluate_labels(case(heard, drawn[::-1].copy()))
    assert high_for_low["label_accuracy"] == high_for_low["group_accuracy"] == 0


def test_groups_without_labels_are_judged_alone(heard: LabelledImages) -> None:
    nobody = replace(heard, table=heard.table.assign(label=""), classes=())
    found = evaluate_labels(case(nobody, tones(10, ["test"], seed=5).pixels))
    assert found["group_accuracy"] == 1
    assert "label_accuracy" not in found


def test_drawings_are_told_groups_of_training_where_the_split_has_others(heard: LabelledImages) -> None:
    apart = heard.table[(heard.table["split"] == "train") == (heard.table["group"] == "loud")].reset_index(drop=True)
    model = case(replace(heard, table=apart), tones(10, ["test"], seed=5).pixels)
    told = spread_condition(model, 20)
    assert set(told[:, 0]) == {0, 1}
    assert set(told[:, 1]) == {heard.groups.index("loud")}
    assert "group_accuracy" not in evaluate_labels(model), "no classifier has heard who is tested"
    alone = case(heard.split("test"), tones(10, ["test"], seed=5).pixels)  # as in training, where validation is watched
    assert np.array_equal(spread_condition(alone, 4)[[0, -1]], heard.split("test").values("labels_and_groups")[[0, -1]])


def test_classifiers_of_labels_and_of_groups_are_two(heard: LabelledImages) -> None:
    model = case(heard, heard.split("test").pixels)
    of_labels, of_groups = classifier_of(model), classifier_of(model, by="group")
    test = heard.split("test")
    assert np.array_equal(of_labels(test.pixels), test.labels)
    assert np.array_equal(of_groups(test.pixels), test.group_numbers)
    assert of_labels.protocol != of_groups.protocol


def test_what_is_alike_is_near_and_noise_is_far(heard: LabelledImages) -> None:
    found = judge_sounds(case(heard, tones(10, ["test"], seed=5).pixels))
    assert abs(found["kernel_distance"]) < 0.05 * found["kernel_distance_permuted"]
    assert abs(found["kernel_distance_real"]) < 0.05 * found["kernel_distance_permuted"]
    assert found["kernel_distance_low"] < found["kernel_distance"] < found["kernel_distance_high"]
    assert 0.5 < found["nearest_train"] < 2 < found["nearest_train_permuted"]
    assert found["nearest_train_copies_permuted"] == 0
    copies = judge_sounds(case(heard, heard.split("train").pixels))
    assert copies["nearest_train"] == 0
    assert copies["nearest_train_copies"] == 1
    assert copies["kernel_distance_real"] == pytest.approx(copies["kernel_distance"])


def test_too_few_recordings_are_not_judged(heard: LabelledImages) -> None:
    assert judge_sounds(case(heard, heard.split("test").pixels[:3])) == {}


def test_noise_has_the_samples_and_the_length_of_real_recordings(heard: LabelledImages) -> None:
    real = heard.pixels[:4]
    noise = shuffled(real, 6, seed=0)
    for n, one in enumerate(noise):
        assert np.array_equal(np.sort(one, axis=0), np.sort(real[n % 4], axis=0))
        assert np.array_equal(one == ENDED, real[n % 4] == ENDED)
        assert not np.array_equal(one, real[n % 4])
