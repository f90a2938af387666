"""How far two sets of images are from each other, by their features; and whether the one copies the other.

`real` are the features of real images, (N, D), `drawn` those of a model's, (M, D). All distances are Euclidean.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.linalg import eigh

CHUNK = 2048  # rows of a matrix of distances that are in memory at a time


@dataclass(frozen=True)
class Gaussian:
    """Mean (D,) and covariance (D, D) of features, and how many they were taken from."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @classmethod
    def of(cls, features: np.ndarray) -> "Gaussian":
        """Of (N, D) features; the covariance divides by N - 1."""
        features = features.astype(np.float64)
        return cls(features.mean(axis=0), np.cov(features, rowvar=False), len(features))

    @cached_property
    def root(self) -> np.ndarray:
        """The symmetric square root of the covariance."""
        values, vectors = eigh(self.covariance)
        return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def frechet_distance(real: Gaussian, drawn: Gaussian) -> float:
    """|m_r - m_d|^2 + tr(S_r + S_d - 2 (S_r S_d)^(1/2)), Heusel et al. 2017, equation 6.

    The eigenvalues of S_r S_d are those of the symmetric S_r^(1/2) S_d S_r^(1/2), whose roots are real.
    """
    values = eigh(real.root @ drawn.covariance @ real.root, eigvals_only=True)
    both = np.trace(real.covariance) + np.trace(drawn.covariance) - 2 * np.sqrt(values.clip(min=0)).sum()
    return float(((real.mean - drawn.mean) ** 2).sum() + both)


def too_few(real: Gaussian, drawn: Gaussian) -> str | None:
    """What there is to say of a Frechet distance from no more images than dimensions; None where there are more."""
    count, dimensions = min(real.count, drawn.count), len(real.mean)
    if count > dimensions:
        return None
    return (
        f"{count} images are too few for a covariance of {dimensions} features: the distance is biased upwards; "
        "compare it only at equal counts, or take kid_lite0, which is unbiased"
    )


def kernel_distances(real: np.ndarray, drawn: np.ndarray, subsets: int, size: int, seed: int) -> np.ndarray:
    """The unbiased MMD^2 of `subsets` random subsets of `size` images, with the kernel (x y / D + 1)^3; (subsets,).

    Binkowski et al. 2018, KID. The same subsets as torch-fidelity takes for this seed, and so its numbers; but each
    kernel value is computed once for all subsets, in chunks.
    """
    rng = np.random.RandomState(seed)
    in_drawn, in_real = np.zeros((len(drawn), subsets)), np.zeros((len(real), subsets))
    for subset in range(subsets):
        in_drawn[rng.choice(len(drawn), size, replace=False), subset] = 1
        in_real[rng.choice(len(real), size, replace=False), subset] = 1
    pairs = size * (size - 1)
    within = (_kernel_sums(drawn, drawn, in_drawn, in_drawn) + _kernel_sums(real, real, in_real, in_real)) / pairs
    return within - 2 * _kernel_sums(drawn, real, in_drawn, in_real) / size**2


def _kernel_sums(x: np.ndarray, y: np.ndarray, in_x: np.ndarray, in_y: np.ndarray) -> np.ndarray:
    """For each subset the sum of the kernel over its pairs, an image with itself left out; (subsets,)."""
    total = np.zeros(in_x.shape[1])
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        kernel = (x[rows] @ y.T).astype(np.float64) / x.shape[1] + 1
        kernel *= kernel * kernel
        if x is y:
            kernel[np.arange(len(kernel)), np.arange(start, start + len(kernel))] = 0
        total += (in_x[rows] * (kernel @ in_y)).sum(axis=0)
    return total


def kid(real: np.ndarray, drawn: np.ndarray, subsets: int, seed: int) -> tuple[float, float, float]:
    """The mean over subsets of half of the images, and its 95 % interval.

    Subsets of half the images, drawn without replacement, scatter as the estimate from all of them does (delete-half
    jackknife); where one set is larger, or where the two are alike, they scatter more, and the interval is wider than
    it need be.
    """
    distances = kernel_distances(real, drawn, subsets, min(len(real), len(drawn)) // 2, seed)
    mean, half = float(distances.mean()), 1.96 * float(distances.std(ddof=1))
    return mean, mean - half, mean + half


def _distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.cdist(x, y)


def _tensors(real: np.ndarray, drawn: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Both around the mean of the real ones, so that their distances keep their digits."""
    centre = real.mean(axis=0)
    return torch.from_numpy(real - centre), torch.from_numpy(drawn - centre)


def _radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """The distance of each row to its k-th nearest other row, (N,)."""
    return torch.cat([_distances(part, x).kthvalue(k + 1).values for part in x.split(CHUNK)])


@dataclass(frozen=True)
class Neighbourhoods:
    """Who lies among whose k nearest neighbours; the mean of each array is the metric."""

    precision: np.ndarray  # (M,) is a drawn image within reach of a real one? Kynkaanniemi et al. 2019
    recall: np.ndarray  # (N,) is a real image within reach of a drawn one?
    density: np.ndarray  # (M,) how many real ones is a drawn one within reach of, over k; Naeem et al. 2020, equation 4
    coverage: np.ndarray  # (N,) has a real image a drawn one within reach? equation 6


def compare_neighbourhoods(real: np.ndarray, drawn: np.ndarray, k: int) -> Neighbourhoods:
    """Each image reaches as far as its k-th nearest neighbour in its own set. `k` is less than either count.

    All four depend on the counts: compare only numbers from equally many images.
    """
    x, y = _tensors(real, drawn)
    reach_real, reach_drawn = _radii(x, k), _radii(y, k)
    density, recall, nearest = [], torch.zeros(len(x), dtype=torch.bool), torch.full((len(x),), torch.inf)
    for part, reach in zip(y.split(CHUNK), reach_drawn.split(CHUNK), strict=True):
        distances = _distances(part, x)  # (chunk, N)
        density.append((distances <= reach_real).sum(dim=1))
        recall |= (distances <= reach[:, None]).any(dim=0)
        nearest = torch.minimum(nearest, distances.amin(dim=0))
    within = torch.cat(density)
    return Neighbourhoods(
        precision=(within > 0).numpy().astype(np.float64), recall=recall.numpy().astype(np.float64),
        density=within.numpy() / k, coverage=(nearest <= reach_real).numpy().astype(np.float64),
    )  # fmt: skip


def nearest(images: np.ndarray, parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The nearest neighbour of each of (M, D) images: its place, (M,) int64, and its distance, (M,), 0 for a copy.

    The neighbours are the rows of all `parts`, (N, D) each, in their order. Only one part is in memory at a time.
    """
    place, distance = np.zeros(len(images), np.int64), np.full(len(images), np.inf, images.dtype)
    passed, centre = 0, None
    for part in parts:
        centre = part.mean(axis=0) if centre is None else centre  # near zero distances keep their digits
        x = torch.from_numpy(part - centre).split(CHUNK)
        for start in range(0, len(images), CHUNK):
            rows = slice(start, start + CHUNK)
            y = torch.from_numpy(images[rows] - centre)
            for number, some in enumerate(x):
                where = _distances(y, some).argmin(dim=1)
                found = (y - some[where]).norm(dim=1).numpy()  # from the difference: exact also where it is tiny
                closer = found < distance[rows]
                place[rows][closer] = passed + number * CHUNK + where.numpy()[closer]
                distance[rows][closer] = found[closer]
        passed += len(part)
    return place, distance
