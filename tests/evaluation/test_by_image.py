"""What measures keep of each test image: the metrics are its means."""

from dataclasses import replace

import numpy as np
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.measures.likelihood import evaluate_density
from genlab.evaluation.measures.reconstruction import evaluate_reconstructions
from genlab.evaluation.measures.translation import evaluate_translations
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.vae import VAE
from genlab.sampling.registry import drawing
from tests.judging import Reaches, judged


def test_translations_have_a_row_for_each_pair_and_a_column_for_each_direction(
    shoes: PairedImages, rng: np.random.Generator
) -> None:
    ids = shoes.split("test").table["id"]
    drawings = {f"{way}/{name}": rng.integers(0, 256, (32, 32, 1), dtype=np.uint8)
                for way in ("a_to_b", "b_to_a") for name in ids}  # fmt: skip
    case = judged(Reaches("b", "a"), shoes, drawings)
    metrics, table = evaluate_translations(case), case.by_image.set_index("id")
    assert sorted(table.index) == sorted(ids)
    assert set(table) == {f"{name}{way}" for name in ("l1", "psnr", "ssim") for way in ("", "_b_to_a")}
    for name in table:
        assert table[name].mean() == pytest.approx(metrics[name])
    one, test = ids.iloc[3], shoes.split("test")
    for column, way, side in (("l1", "a_to_b", "b"), ("l1_b_to_a", "b_to_a", "a")):
        truth = test.side(side)[list(ids).index(one)].astype(float)
        error = np.abs(drawings[f"{way}/{one}"] - truth).mean() / 255
        assert table.loc[one, column] == pytest.approx(error, rel=1e-5)


def test_reconstructions_and_likelihoods_stand_in_one_row(few_images: LabelledImages) -> None:
    model, table = VAE(image_size=32, width=4, latent_dim=2), few_images.table
    images = replace(few_images, table=table.assign(split=np.where(np.arange(len(table)) % 2, "train", "test")))
    case = judged(model, images, evaluation=EvaluationSettings(effort=2, resamples=20))
    case = judged(model, images, drawing.run(case), evaluation=case.evaluation)
    metrics = {**evaluate_reconstructions(case), **evaluate_density(case)}
    table = case.by_image
    assert set(table) >= {"id", "mse", "psnr", "ssim", "nll_nats"}
    assert table["id"].tolist() == images.split("test").table["id"].tolist()
    for name in ("mse", "psnr", "ssim", "nll_nats"):
        assert table[name].mean() == pytest.approx(metrics[name], rel=1e-5)


def test_a_model_that_is_not_measured_image_by_image_has_an_empty_table(few_images: LabelledImages) -> None:
    assert judged(VAE(image_size=32, width=4, latent_dim=2), few_images).by_image.columns.tolist() == ["id"]
