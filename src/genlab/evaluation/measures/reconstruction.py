"""The metrics of reconstructions, with their controls: the mean image, and PCA with as many numbers."""

from typing import Any

import numpy as np

from genlab.data.arrange.examples import content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.features.principal import PrincipalComponents
from genlab.evaluation.measures.perceptual import evaluate_lpips
from genlab.evaluation.measures.translation import MEAN_IMAGE, mean_image
from genlab.evaluation.pixel_errors import RECONSTRUCTION_METRICS, pixel_metrics
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.models.base import Encodes, Reconstructs
from genlab.sampling.draw import encode_images


@measure(
    needs=Reconstructs,
    on=LabelledImages,
    of="pictures",
    better={"mse": "lower", "psnr": "higher", "ssim": "higher", "lpips": "lower"},
    controls={"mean_image": MEAN_IMAGE, "pca": "PCA of as many numbers"},
    protocols=("reconstruction_protocol_hash", "lpips_protocol_hash"),
    papers={"ssim": "Wang et al. 2004", "lpips": "Zhang et al. 2018"},
)
def evaluate_reconstructions(case: Judged[Reconstructs, LabelledImages]) -> Metrics:
    """mse, psnr, ssim and, where there are weights, lpips of the reconstructions of the test split.

    Each metric `m` comes with its 95 % interval `m_low`, `m_high` and its controls: `m_mean_image` (the mean of the
    training images in place of every reconstruction) and, for a model that encodes, `m_pca` (as many principal
    components of the training images as a code has numbers; `pca_images` is in how many they were found).
    """
    train, settings = case.examples.split("train"), case.evaluation
    truth = case.shown.pixels
    drawn = np.stack([case.drawings[f"reconstructions/{name}"] for name in case.shown.table["id"]])
    controls = {"mean_image": np.broadcast_to(mean_image(train.store, train.table["row"].to_numpy()), truth.shape)}
    result: Metrics = {}
    if isinstance(case.model, Encodes):
        codes: Any = case
        latent_dim = encode_images(codes, truth[:1]).shape[1]
        components = PrincipalComponents.of(train, latent_dim, settings.seed)
        controls["pca"] = components.reconstruct(truth, latent_dim)
        result["pca_images"] = float(components.fitted_on)
    result |= pixel_metrics(
        RECONSTRUCTION_METRICS, drawn, truth, controls, settings,
        lambda metric, values: case.keep(metric, case.shown.table["id"], values),
    )  # fmt: skip
    result |= evaluate_lpips(drawn, truth, controls, settings, case.device)
    protocol = {"test": content_fingerprint(case.shown), "size": truth.shape[1], "seed": settings.seed}
    return {**result, "test_images": float(len(truth)), "reconstruction_protocol_hash": protocol_hash(protocol)}
