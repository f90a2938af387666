"""Reconstruction metrics and their controls."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.features import principal
from genlab.evaluation.features.principal import PrincipalComponents, flatten
from genlab.evaluation.measures.codes import count_units
from genlab.evaluation.measures.reconstruction import evaluate_reconstructions
from genlab.evaluation.pixel_errors import mse
from genlab.evaluation.validation import Score
from genlab.models.autoencoder import Autoencoder
from genlab.sampling.registry import drawing
from tests.judging import judged


@pytest.fixture(scope="module")
def some(fashion: LabelledImages) -> LabelledImages:
    """A hundred images to train on, fifty to test."""
    table = fashion.table.groupby("split").head(100)
    return LabelledImages(table.reset_index(drop=True), fashion.store, fashion.classes)


def test_principal_components_are_scikit_learns_full_ones(some: LabelledImages) -> None:
    train, test = some.split("train"), some.split("test").pixels
    ours = PrincipalComponents.of(train, 7).reconstruct(test, 5)
    full = PCA(5, svd_solver="full").fit(flatten(train.pixels))
    theirs = full.inverse_transform(full.transform(flatten(test))).clip(0, 1).reshape(test.shape)
    np.testing.assert_allclose(ours / 255, theirs, atol=0.02)
    assert np.abs(ours / 255 - theirs).mean() < 0.002


def test_components_are_found_in_as_many_images_as_memory_holds(
    some: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(principal, "MEMORY", 4 * 1024 * 30)
    found = PrincipalComponents.of(some.split("train"), 50)
    assert found.fitted_on == 30
    assert len(found.directions) == 30


def test_metrics_stand_beside_the_mean_image_and_pca(some: LabelledImages) -> None:
    torch.manual_seed(0)
    model, test = Autoencoder(width=2, latent_dim=6), some.split("test")
    drawings = {f"reconstructions/{name}": p for name, p in zip(test.table["id"], test.pixels, strict=True)}
    found = evaluate_reconstructions(judged(model, some, drawings))
    assert found["mse"] == 0, "the drawings are the images themselves"
    assert found["ssim"] == pytest.approx(1)
    mean = some.split("train").pixels.mean(axis=0) / 255
    assert found["mse_mean_image"] == pytest.approx(np.square(test.pixels / 255 - mean).mean(), rel=1e-3)
    assert 0 < found["mse_pca"] < found["mse_mean_image"]
    worse = evaluate_reconstructions(judged(model, some, drawing.run(judged(model, some))))
    assert worse["mse_low"] < worse["mse"] < worse["mse_high"]
    assert worse["mse"] > worse["mse_mean_image"], "an untrained model knows less than the mean image"
    assert worse["reconstruction_protocol_hash"] == found["reconstruction_protocol_hash"]


def test_mse_is_in_the_pixel_range_0_to_1() -> None:
    black, white = np.zeros((2, 4, 4, 1), np.uint16), np.full((2, 4, 4, 1), 2**16 - 1, np.uint16)
    assert mse(black, white).tolist() == [1.0, 1.0]
    assert mse(np.zeros((1, 4, 4, 1), np.uint8), np.full((1, 4, 4, 1), 51, np.uint8)) == pytest.approx(0.04)


def test_validation_prefers_the_better_reconstruction(some: LabelledImages) -> None:
    torch.manual_seed(0)
    model = Autoencoder(width=2, latent_dim=6)
    score = Score(some, "val")
    before = score(model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    x = torch.from_numpy(some.split("val").pixels).permute(0, 3, 1, 2) / 127.5 - 1
    for step in range(20):
        (turn,) = model.turns({"images": x}, step)
        optimizer.zero_grad()
        turn.terms["squared_error"].backward()
        optimizer.step()
    after = score(model)
    assert before is not None
    assert after is not None
    assert after < before


def test_latents_that_never_change_are_not_active(some: LabelledImages) -> None:
    torch.manual_seed(0)
    model = Autoencoder(generation="linear", latent_dim=6)
    with torch.no_grad():
        model.encoder[1][0].weight[:2] = 0
    assert count_units(judged(model, some))["active_units"] == 4
