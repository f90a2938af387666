"""The metrics of a translation whose truth is known, with their controls."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.store import ImageStore
from genlab.evaluation.measures.perceptual import evaluate_lpips
from genlab.evaluation.pixel_errors import METRICS, l1, measure
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Model, Side, Translates
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import direction, other, spread, translate_images

CHUNK = 512  # images that are in memory at a time for their mean


def mean_image(store: ImageStore, rows: np.ndarray) -> np.ndarray:
    """The mean (H, W, C) of the images in these rows, rounded, in their integer type; read as a stream."""
    total = sum(
        store.take(rows[start : start + CHUNK]).sum(axis=0, dtype=np.float64) for start in range(0, len(rows), CHUNK)
    )
    return (total / len(rows)).round().astype(store.images.dtype)


def training_rows(examples: PairedImages | UnpairedImages, side: Side) -> np.ndarray:
    """Where the images of one domain's training split are in its store; the same whether they are paired or not.

    Unpairing leaves some of them out of training. Controls come from all, so that all models have the same controls.
    """
    table = getattr(examples, side).table
    labels = set(table["label"].iloc[examples.side_rows(side)])  # a domain may be one label of the store
    return np.flatnonzero((table["split"] == "train") & table["label"].isin(labels))


def translation_metrics(
    drawn: np.ndarray,
    truth: np.ndarray,
    controls: dict[str, np.ndarray],
    settings: EvaluationSettings,
    protocol: dict[str, str | int],
) -> dict[str, float | str]:
    """l1, psnr, ssim and, where there are weights, lpips of (N, H, W, C) drawings against their truth, flat.

    Each metric `m` comes with its 95 % interval `m_low`, `m_high` and, for each control, `m_<control>`: the same metric
    for those images in place of the drawings. `protocol_hash` names all that two runs must share to be compared.
    """
    result: dict[str, float | str] = {**measure(METRICS, drawn, truth, controls, settings)}
    result |= evaluate_lpips(drawn, truth, controls, settings)
    protocol = {**protocol, "test_images": len(truth), "size": truth.shape[1], "seed": settings.seed}
    return {**result, "test_images": float(len(truth)), "protocol_hash": protocol_hash(protocol)}


def evaluate_translations(
    drawings: Mapping[str, np.ndarray], examples: PairedImages | UnpairedImages, to: Side,
    settings: EvaluationSettings, protocol: dict[str, str | int],
) -> dict[str, float | str]:  # fmt: skip
    """`translation_metrics` of the drawings of the test split in domain `to`, beside their controls.

    They are `mean_image` (the mean of the training images), `random_image` (for each a training image drawn at random)
    and, where it has as many channels, `input` (the input itself). Nothing where no truth is known.
    """
    test = examples.split("test")
    pairs = test if isinstance(test, PairedImages) else test.pairs()
    if pairs is None:
        return {}
    pairs = PairedImages(pairs.table.sort_values("id"), pairs.a, pairs.b)
    rows = training_rows(examples, to)
    truth, inputs = pairs.side(to), pairs.side(other(to))
    store: ImageStore = getattr(examples, to)
    rng = np.random.default_rng(settings.seed)
    controls = {
        "mean_image": np.broadcast_to(mean_image(store, rows), truth.shape),
        "random_image": store.take(rows[rng.integers(len(rows), size=len(truth))]),
    }
    if inputs.shape == truth.shape and inputs.dtype == truth.dtype:
        controls["input"] = inputs
    drawn = np.stack([drawings[f"{direction(to)}/{name}"] for name in pairs.table["id"]])
    protocol = {**protocol, "direction": direction(to), "test": pairs.content()}
    return translation_metrics(drawn, truth, controls, settings, protocol)


def l1_to_truth(model: Model, pairs: PairedImages, settings: SampleSettings, count: int = 256) -> float:
    """The l1 of at most `count` of the pairs, in the model's first direction."""
    assert isinstance(model, Translates)
    to, some = model.targets[0], spread(pairs, count)
    drawn = translate_images(
        model, some.side(other(to)), to, batch_size=settings.batch_size, seed=settings.seed,
        depth=getattr(pairs, to).images.dtype,
    )  # fmt: skip
    return float(l1(drawn, some.side(to)).mean())
