"""How far drawings are from the truth: l1, mse, psnr, ssim, per image. N images, H = W pixels, C channels."""

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from scipy.stats import bootstrap
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.integers import to_unit_range

IDENTICAL_DB = 100.0
"""The psnr given to a drawing that equals its truth, where the formula says infinity."""


def _unit_range(images: np.ndarray) -> torch.Tensor:
    """(N, H, W, C) unsigned integers -> (N, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(to_unit_range(np.moveaxis(images, 3, 1)))


def l1(drawn: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean absolute difference in the pixel range [0, 1], (N,); 0 is best."""
    return (_unit_range(drawn) - _unit_range(truth)).abs().mean(dim=(1, 2, 3)).numpy()


def mse(drawn: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean squared difference in the pixel range [0, 1], (N,); 0 is best."""
    return (_unit_range(drawn) - _unit_range(truth)).square().mean(dim=(1, 2, 3)).numpy()


def psnr(drawn: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, (N,); torchmetrics' formula, `IDENTICAL_DB` at most."""
    ratio = peak_signal_noise_ratio(
        _unit_range(drawn), _unit_range(truth), data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return ratio.clamp(max=IDENTICAL_DB).numpy()


def ssim(drawn: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), (N,), 1 is best; torchmetrics' Gaussian window of 11 pixels."""
    values = structural_similarity_index_measure(
        _unit_range(drawn), _unit_range(truth), data_range=1.0, reduction="none"
    )
    return cast(torch.Tensor, values).reshape(len(drawn)).numpy()


Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]

METRICS: dict[str, Metric] = {"l1": l1, "psnr": psnr, "ssim": ssim}
"""Of translations, as their papers report them."""

RECONSTRUCTION_METRICS: dict[str, Metric] = {"mse": mse, "psnr": psnr, "ssim": ssim}


def bootstrap_interval(
    *samples: np.ndarray, resamples: int, seed: int, statistic: Callable[..., np.ndarray] = np.mean
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of (N,) values, by resampling each sample with replacement.

    `statistic(*samples, axis)` defaults to the mean. A single value has no width.
    """
    if min(map(len, samples)) < 2:
        return (float(statistic(*samples, axis=-1)),) * 2
    found = bootstrap(samples, statistic, n_resamples=resamples, batch=64, method="percentile", rng=seed)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def pixel_metrics(
    metrics: Mapping[str, Metric], drawn: np.ndarray, truth: np.ndarray, controls: Mapping[str, np.ndarray],
    settings: EvaluationSettings, keep: Callable[[str, np.ndarray], None],
) -> dict[str, float]:  # fmt: skip
    """Each metric `m` of (N, H, W, C) drawings, its 95 % interval, and `m_<control>` for images in their place.

    `keep` takes the values of each metric, (N,).
    """
    result: dict[str, float] = {}
    for name, metric in metrics.items():
        values = metric(drawn, truth)
        keep(name, values)
        low, high = bootstrap_interval(values, resamples=settings.resamples, seed=settings.seed)
        result |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
        result |= {f"{name}_{label}": float(metric(control, truth).mean()) for label, control in controls.items()}
    return result
