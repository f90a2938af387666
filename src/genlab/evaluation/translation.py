"""The metrics of a translation whose truth is known, with their controls."""

import numpy as np

from genlab.data.pairs import PairedImages
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.reconstruction import METRICS, bootstrap_interval
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Model, Translates
from genlab.sampling.translate import other


def mean_image(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) -> the mean image (H, W, C), rounded, in the same integer type."""
    return images.mean(axis=0, dtype=np.float64).round().astype(images.dtype)


def translation_metrics(
    drawn: np.ndarray,
    truth: np.ndarray,
    inputs: np.ndarray,
    train: np.ndarray,
    settings: EvaluationSettings,
    protocol: dict[str, str | int],
) -> dict[str, float | str]:
    """l1, psnr and ssim of (N, H, W, C) drawings against their truth, flat.

    Each metric `m` comes with its 95 % interval `m_low`, `m_high` and its controls: `m_mean_image` (the mean of the
    training images), `m_random_image` (a random other training image), and, where it has as many channels,
    `m_input` (the input itself). `protocol_hash` names all that two runs must share to be compared.
    """
    rng = np.random.default_rng(settings.seed)
    controls = {
        "mean_image": np.broadcast_to(mean_image(train), truth.shape),
        "random_image": train[rng.integers(len(train), size=len(truth))],
    }
    if inputs.shape == truth.shape:
        controls["input"] = inputs
    result: dict[str, float | str] = {}
    for name, metric in METRICS.items():
        values = metric(drawn, truth)
        low, high = bootstrap_interval(values, settings.resamples, settings.seed)
        result |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
        result |= {f"{name}_{label}": float(metric(control, truth).mean()) for label, control in controls.items()}
    protocol = {**protocol, "test_images": len(truth), "size": truth.shape[1], "seed": settings.seed}
    return {**result, "test_images": float(len(truth)), "protocol_hash": protocol_hash(protocol)}


def evaluate_translations(
    drawings: dict[str, np.ndarray], pairs: PairedImages, model: Model, settings: EvaluationSettings,
    protocol: dict[str, str | int],
) -> dict[str, float | str]:  # fmt: skip
    """`translation_metrics` of the drawings of the test split, by pair id, with the training split for controls."""
    assert isinstance(model, Translates)
    target = model.targets[0]
    test, train = pairs.split("test"), pairs.split("train")
    drawn = np.stack([drawings[name] for name in test.table["id"]])
    protocol = {**protocol, "direction": f"{other(target)}_to_{target}", "test": test.fingerprint()}
    return translation_metrics(
        drawn, test.side(target), test.side(other(target)), train.side(target), settings, protocol
    )
