"""What Gaussians say of dequantised images: the fair control of a flow. N images, D numbers of each.

Independent pixels by their histograms know that black is one level. A density of dequantised numbers hardly can: they
may be out of its reach.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy.linalg import solve_triangular

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.registry import measure
from genlab.media.pictures.integers import to_levels
from genlab.models.base import ScoresDensity

LEVELS = 256
NOISE = 1 / 12  # variance of the uniform noise of one level's width
LARGEST = 4096  # numbers of an image: of more, the covariance is not computed


def gaussian_nll(parts: Iterator[np.ndarray], images: np.ndarray) -> dict[str, float]:
    """Mean bounds of -log p in nats of (N, H, W, C) images, by the mean and the covariance of other images in `parts`.

    "gaussian" has the full covariance, "independent_gaussians" its diagonal. The mean over all dequantisations is
    computed: x + v has (x - m)' S^-1 (x - m) on average, and the trace of S^-1 times the variance of v more.
    """
    count, total, squares = 0, np.zeros(images[0].size), np.zeros((images[0].size,) * 2)
    for part in parts:
        x = to_levels(part, LEVELS).astype(np.float64)
        count, total, squares = count + len(x), total + x.sum(axis=0), squares + x.T @ x
    mean = total / count
    covariance = squares / count - np.outer(mean, mean) + NOISE * np.eye(len(mean))
    away = to_levels(images, LEVELS) - mean
    root = np.linalg.cholesky(covariance)
    inverse = solve_triangular(root, np.eye(len(mean)), lower=True)
    quadratic = {
        "gaussian": np.square(away @ inverse.T).sum(axis=1).mean() + NOISE * np.square(inverse).sum(),
        "independent_gaussians": ((np.square(away).mean(axis=0) + NOISE) / covariance.diagonal()).sum(),
    }
    log_det = {
        "gaussian": 2 * np.log(root.diagonal()).sum(),
        "independent_gaussians": np.log(covariance.diagonal()).sum(),
    }
    return {
        name: float(0.5 * (quadratic[name] + log_det[name] + len(mean) * math.log(2 * math.pi))) for name in quadratic
    }


@measure(
    needs=ScoresDensity,
    on=LabelledImages,
    of="pictures",
    controls={"gaussian": "a Gaussian", "independent_gaussians": "independent Gaussians"},
)
def compare_with_gaussians(case: Judged[ScoresDensity, LabelledImages]) -> Metrics:
    """`nll_nats_gaussian` and `..._independent_gaussians`, fitted to training images, and both in `bits_per_dim`.

    They are controls of bounds: none for exact likelihoods, for black and white, and for more than 4096 numbers.
    """
    images, train = case.shown.pixels, case.examples.split("train")
    if case.model.levels != LEVELS or case.model.density[0] == "exact" or images[0].size > LARGEST:
        return {}
    found = gaussian_nll(train.store.parts(train.table["row"].to_numpy()), images)
    per_dim = 1 / (math.log(2) * images[0].size)
    nats = {f"nll_nats_{name}": value for name, value in found.items()}
    return {**nats, **{f"bits_per_dim_{name}": per_dim * value for name, value in found.items()}}
