import math

import numpy as np
import pytest
from scipy import stats

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.measures.gaussians import compare_with_gaussians, gaussian_nll
from genlab.models.nice import NICE
from genlab.models.vae import VAE
from tests.judging import judged


def test_the_bounds_are_those_of_scipy_s_gaussians_on_many_dequantisations() -> None:
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.integers(0, 4, (500, 4)), axis=1).astype(np.uint8)  # so few levels that the noise matters
    train, test = values[:400].reshape(-1, 2, 2, 1), values[400:].reshape(-1, 2, 2, 1)
    found = gaussian_nll(iter([train[:150], train[150:]]), test)
    dequantised = values[:400] + 0.5
    covariance = np.cov(dequantised.T, bias=True) + np.eye(4) / 12
    drawn = (values[400:, None] + rng.random((100, 2000, 4))).reshape(-1, 4)
    full = stats.multivariate_normal(dequantised.mean(axis=0), covariance).logpdf(drawn).mean()
    alone = stats.norm(dequantised.mean(axis=0), np.sqrt(covariance.diagonal())).logpdf(drawn).sum(axis=1).mean()
    assert found["gaussian"] == pytest.approx(-full, abs=0.01)
    assert found["independent_gaussians"] == pytest.approx(-alone, abs=0.01)
    assert found["gaussian"] < found["independent_gaussians"] - 1


def test_they_stand_beside_bounds_of_256_levels_alone(few_images: LabelledImages) -> None:
    small = {"image_size": 32, "channels": 1, "width": 4}
    found = compare_with_gaussians(judged(NICE(**small, layers=1), few_images, split="train"))
    assert found["bits_per_dim_gaussian"] == pytest.approx(found["nll_nats_gaussian"] / (1024 * math.log(2)))
    assert found["bits_per_dim_gaussian"] < found["bits_per_dim_independent_gaussians"]
    assert compare_with_gaussians(judged(VAE(**small, latent_dim=2), few_images, split="train")) == {}
    exact = NICE(**small, layers=1)
    exact.density = ("exact", "computed")
    assert compare_with_gaussians(judged(exact, few_images, split="train")) == {}
