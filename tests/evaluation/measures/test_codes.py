from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.evaluation.measures.codes import (
    active_units,
    choose_labelled,
    compare_with_prior,
    energy_distances,
    probe_accuracy,
)
from genlab.models.aae import AAE
from genlab.models.vae import VAE
from tests.judging import judged


def test_a_collapsed_latent_is_not_active(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(500, 3)) * [1.0, 0.05, 0.2]  # variances 1, 0.0025, 0.04
    assert active_units(codes) == 2


def test_the_energy_distance_is_scipys_in_one_dimension(rng: np.random.Generator) -> None:
    from scipy.stats import energy_distance

    x, y = rng.normal(size=300), rng.normal(size=200) + 0.7
    found, _ = energy_distances(x[:, None], y[:, None], 1, 0)
    assert found == pytest.approx(energy_distance(x, y) ** 2, rel=1e-6)  # scipy gives its root


def test_the_two_sample_test_is_level_and_has_power(rng: np.random.Generator) -> None:
    """Under the null the p-value is uniform; a shift by a third of a standard deviation is found."""
    p_values = []
    for _ in range(60):
        found, shuffled = energy_distances(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)), 99, 0)
        p_values.append((1 + (shuffled >= found).sum()) / 100)
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) <= 0.1) < 0.25
    found, shuffled = energy_distances(rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) + 0.33, 99, 0)
    assert (shuffled < found).all()


def compare(model: VAE | AAE, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    table = pd.DataFrame({"id": [str(n) for n in range(len(images))], "split": "test", "label": labels.astype(str)})
    store = ImageStore(images, table.assign(checksum=""))
    case = judged(model, LabelledImages(table.assign(row=np.arange(len(table))), store, ("0", "1")))
    return {name: float(value) for name, value in compare_with_prior(case).items()}


def test_a_model_whose_codes_are_its_prior_passes_and_one_whose_are_not_fails(few_images: LabelledImages) -> None:
    import torch

    model = VAE(image_size=32, channels=1, latent_dim=2, width=4)
    head = model.encoder[1][-1]
    torch.nn.init.zeros_(head.weight)  # q(z|x) = N(0, I) whatever x: the prior
    torch.nn.init.zeros_(head.bias)
    images, labels = np.repeat(few_images.pixels, 10, axis=0), np.repeat(few_images.labels, 10)
    good = compare(model, images, labels)
    assert good["latent_match_p_value"] > 0.01
    assert good["latent_energy_distance"] < 5 * good["latent_energy_distance_prior"]
    torch.nn.init.constant_(head.bias, 1.0)
    bad = compare(model, images, labels)
    assert bad["latent_match_p_value"] < 0.01
    assert bad["latent_energy_distance"] > 20 * good["latent_energy_distance"]


def test_classes_tied_to_parts_of_a_prior_need_not_be_equally_frequent() -> None:
    """Codes that are exactly what an informed model wants pass although 9 of 10 images are of one class."""
    import torch

    model = AAE(image_size=32, classes=2, latent_dim=2, prior="mixture", label_informed=True, width=4)
    labels = np.arange(2000) % 10 // 9  # one in ten is of class 1
    images = np.zeros((2000, 32, 32, 1), np.uint8)
    images[:, 0, 0, 0] = labels * 255

    def codes_of(part: Callable[[torch.Tensor], torch.Tensor]) -> None:
        model.draw_codes = lambda x, rng=None: model.draw_prior(part((x[:, 0, 0, 0] > 0).long()), rng)

    codes_of(lambda label: label)
    assert compare(model, images, labels)["latent_match_p_value"] > 0.01
    codes_of(lambda label: torch.full_like(label, -1))  # all of the prior: half of the codes where one in ten belongs
    assert compare(model, images, labels)["latent_match_p_value"] < 0.01


def test_a_probe_finds_what_is_there_and_chance_where_nothing_is(rng: np.random.Generator) -> None:
    labels = rng.integers(3, size=600)
    told = np.eye(3)[labels] * 3 + rng.normal(size=(600, 3))
    assert probe_accuracy(told[:300], labels[:300], told[300:], labels[300:]) > 0.9
    empty = rng.normal(size=(600, 3))
    assert 0.2 < probe_accuracy(empty[:300], labels[:300], empty[300:], labels[300:]) < 0.47


def test_few_labels_are_shared_by_the_classes() -> None:
    labels = np.array([0] * 50 + [1] * 50 + [2] * 3 + [-1] * 20)
    chosen = choose_labelled(labels, 9, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [3, 3, 3]
    assert len(choose_labelled(labels, 1000, seed=0)) == 103
    assert set(choose_labelled(labels, 5, 0)) <= set(choose_labelled(labels, 9, 0)), "more labels are those and others"
