"""The metrics of a translation whose truth is known, with their controls."""

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.data.store import ImageStore
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.measures.perceptual import evaluate_lpips
from genlab.evaluation.pixel_errors import METRICS, pixel_metrics
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.models.base import Side, Translates
from genlab.sampling.draw import direction, other

MEAN_IMAGE = "the mean training image"  # the control, in words


def mean_image(store: ImageStore, rows: np.ndarray) -> np.ndarray:
    """The mean (H, W, C) of the images in these rows, rounded, in their integer type; read as a stream."""
    total = sum(part.sum(axis=0, dtype=np.float64) for part in store.parts(rows))
    return (total / len(rows)).round().astype(store.images.dtype)


def training_rows(examples: TwoDomains, side: Side) -> np.ndarray:
    """Where the images of one domain's training split are in its store; the same whether they are paired or not.

    Unpairing leaves some of them out of training. Controls come from all, so that all models have the same controls.
    """
    table = examples.store(side).table
    labels = set(table["label"].iloc[examples.side_rows(side)])  # a domain may be one label of the store
    return np.flatnonzero((table["split"] == "train") & table["label"].isin(labels))


@measure(
    needs=Translates,
    on=TwoDomains,
    better={"l1": "lower", "psnr": "higher", "ssim": "higher", "lpips": "lower"},
    controls={"mean_image": MEAN_IMAGE, "random_image": "another image at random", "input": "the input itself"},
    protocols=("protocol_hash", "lpips_protocol_hash"),
    papers={"ssim": "Wang et al. 2004", "lpips": "Zhang et al. 2018"},
)
def evaluate_translations(case: Judged[Translates, TwoDomains]) -> Metrics:
    """l1, psnr, ssim and, where there are weights, lpips of the drawings of the test split against their truth.

    Each metric `m` comes with its 95 % interval `m_low`, `m_high` and its controls `m_<control>`, other images in the
    place of the drawings: `mean_image` (the mean of the training images), `random_image` (for each a training image
    drawn at random) and, where it has as many channels, `input` (the input itself). `protocol_hash` names all that two
    runs must share to be compared. Nothing where no truth is known.
    """
    pairs, settings = case.shown.pairs(), case.evaluation
    if pairs is None:
        return {}

    def one(to: Side) -> Metrics:
        rows, store = training_rows(case.examples, to), case.examples.store(to)
        truth, inputs = pairs.side(to), pairs.side(other(to))
        rng = np.random.default_rng(settings.seed)
        controls = {
            "mean_image": np.broadcast_to(mean_image(store, rows), truth.shape),
            "random_image": store.take(rows[rng.integers(len(rows), size=len(truth))]),
        }
        if inputs.shape == truth.shape and inputs.dtype == truth.dtype:
            controls["input"] = inputs
        drawn = np.stack([case.drawings[f"{direction(to)}/{name}"] for name in pairs.table["id"]])

        def keep(metric: str, values: np.ndarray) -> None:
            case.keep(f"{metric}{case.ending(to)}", pairs.table["id"], values)

        protocol = {
            **case.protocol, "direction": direction(to), "test": pairs.content(), "test_images": len(truth),
            "size": truth.shape[1], "seed": settings.seed,
        }  # fmt: skip
        return {
            **pixel_metrics(METRICS, drawn, truth, controls, settings, keep),
            **evaluate_lpips(drawn, truth, controls, settings, case.device),
            "test_images": float(len(truth)), "protocol_hash": protocol_hash(protocol),
        }  # fmt: skip

    return case.each_direction(one)
