"""The encoder as the beginning of a classifier, and the error against the size of the code."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.settings import ClassifierSettings, DimensionSettings, EvaluationSettings
from genlab.evaluation.studies.encoder_start import METHODS, classifier_metrics, compare_classifiers, summarise, why_not
from genlab.evaluation.studies.latent_dimension import compare_dimensions
from genlab.models.autoencoder import Autoencoder
from genlab.report.studies import draw_accuracies, draw_dimensions
from genlab.training.fit import Job, fit
from genlab.training.settings import TrainingSettings
from tests.judging import judged

SETTINGS = ClassifierSettings(labels=(20,), seeds=2, steps=15, epochs=0.1, most=100, test_images=100)


def build() -> Autoencoder:
    return Autoencoder(generation="linear", latent_dim=8)


def started(
    model: Autoencoder, images: LabelledImages, settings: ClassifierSettings
) -> Judged[Autoencoder, LabelledImages]:
    return judged(model, images, evaluation=EvaluationSettings(classifiers=settings))


@pytest.fixture(scope="module")
def study(fashion: LabelledImages) -> pd.DataFrame:
    torch.manual_seed(0)
    return compare_classifiers(started(build(), fashion, SETTINGS), build)


def test_every_method_has_every_number_of_labels_and_every_seed(study: pd.DataFrame) -> None:
    counts = study.groupby(["method", "labels"]).size()
    assert set(counts.index) == {(method, n) for method in METHODS for n in (20, 100)}
    assert set(counts) == {2}
    assert study["accuracy"].between(0, 1).all()


def test_accuracy_is_above_chance_and_grows_with_labels(study: pd.DataFrame) -> None:
    means = study.groupby(["labels", "method"])["accuracy"].mean()
    assert (means[100] > 0.3).all()
    assert means[100].mean() > means[20].mean()


def test_the_trained_model_is_not_changed_and_seeds_repeat(fashion: LabelledImages) -> None:
    torch.manual_seed(0)
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    few = SETTINGS.model_copy(update={"labels": (), "most": 40})
    one, two = (compare_classifiers(started(model, fashion, few), build) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_the_trained_encoder_and_not_a_random_one_is_fine_tuned(fashion: LabelledImages) -> None:
    """With a learning rate of next to nothing both networks keep their first weights: a trained encoder that knows the
    label of every image then tells classes apart as well as its code, a random one does not change."""
    torch.manual_seed(0)
    zero, trained = build(), build()
    for parameter in trained.parameters():
        torch.nn.init.zeros_(parameter)  # a code that says nothing
    still = SETTINGS.model_copy(update={"labels": (), "learning_rate": 1e-12, "steps": 1})
    study = compare_classifiers(started(trained, fashion, still), lambda: zero)
    found = study.groupby("method")["accuracy"].agg(["mean", "std"])
    assert found.loc["fine_tuned", "mean"] == pytest.approx(0.1), "one class for all images"
    assert found.loc["frozen", "mean"] == pytest.approx(0.1)
    assert found.loc["pixels", "mean"] > 0.5


def test_intervals_are_students() -> None:
    values = [0.5, 0.6, 0.55, 0.62, 0.58]
    study = pd.DataFrame({"method": "pixels", "labels": 10, "seed": range(5), "accuracy": values})
    (row,) = summarise(study).to_dict("records")
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((np.mean(values), low, high))
    assert classifier_metrics(study)["classifier_study_accuracy_pixels_all_low"] == pytest.approx(low)


def test_images_without_labels_are_refused_with_the_reason(fashion: LabelledImages) -> None:
    assert why_not(fashion) is None
    bare = LabelledImages(fashion.table.assign(label=""), fashion.store, ())
    assert "at least two labels, and the train split has 0" in str(why_not(bare))


def test_the_plots_draw_every_method(study: pd.DataFrame) -> None:
    picture = draw_accuracies(study, "title")
    assert picture.shape == (520, 760, 3)
    without = draw_accuracies(study[study["method"] != "pixels"])
    assert not np.array_equal(picture, without)


def test_the_error_falls_with_the_latent_dimension_and_pca_stands_beside(
    fashion: LabelledImages, tmp_path: Path
) -> None:
    table = fashion.table.groupby("split").head(64).reset_index(drop=True)
    few = LabelledImages(table, fashion.store, fashion.classes)
    given = {"steps": 100, "batch_size": 32, "accelerator": "cpu", "learning_rate": 3e-3}
    training = TrainingSettings.of(Autoencoder.recipe, given)
    arguments = {"generation": "linear", "sigmoid": False, "latent_dim": 6}
    job = Job("autoencoder", arguments, few.split("train"), training, 0, tmp_path)
    trained = fit(job, lambda sight: None).checkpoint
    settings = DimensionSettings(dimensions=(1, 4, 5000), share=0.5)
    case = judged(trained.build(), few, evaluation=EvaluationSettings(dimension=settings))
    study = compare_dimensions(case, trained, training)
    errors = study.set_index(["method", "latent_dim"])["mse"]
    assert set(errors.index) == {
        *((method, z) for method in ("trained briefly", "PCA") for z in (1, 4)), ("trained to the end", 6),
    }  # fmt: skip
    assert errors["PCA", 4] < errors["PCA", 1]
    assert errors["trained briefly", 4] < errors["trained briefly", 1]
    assert study["steps"].max() == 100
    assert draw_dimensions(study).shape == (520, 760, 3)
