"""The metrics of reconstructions, with their controls: the mean image, and PCA with as many numbers."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.examples import content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.features.principal import PrincipalComponents
from genlab.evaluation.measures.perceptual import evaluate_lpips
from genlab.evaluation.measures.translation import mean_image
from genlab.evaluation.pixel_errors import RECONSTRUCTION_METRICS, measure
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Encodes, Model
from genlab.sampling.apply import encode_images


def evaluate_reconstructions(
    model: Model, drawings: Mapping[str, np.ndarray], examples: LabelledImages, settings: EvaluationSettings
) -> dict[str, float | str]:
    """mse, psnr, ssim and, where there are weights, lpips of the reconstructions of the test split.

    Each metric `m` comes with its 95 % interval `m_low`, `m_high` and its controls: `m_mean_image` (the mean of the
    training images in place of every reconstruction) and, for a model that encodes, `m_pca` (as many principal
    components of the training images as a code has numbers; `pca_images` is in how many they were found).
    """
    train, test = examples.split("train"), examples.split("test")
    truth = test.pixels
    drawn = np.stack([drawings[f"reconstructions/{name}"] for name in test.table["id"]])
    controls = {"mean_image": np.broadcast_to(mean_image(train.store, train.table["row"].to_numpy()), truth.shape)}
    result: dict[str, float | str] = {}
    if isinstance(model, Encodes):
        latent_dim = encode_images(model, truth[:1]).shape[1]
        components = PrincipalComponents.of(train, latent_dim, settings.seed)
        controls["pca"] = components.reconstruct(truth, latent_dim)
        result["pca_images"] = float(components.fitted_on)
    result |= measure(RECONSTRUCTION_METRICS, drawn, truth, controls, settings)
    result |= evaluate_lpips(drawn, truth, controls, settings)
    protocol = {"test": content_fingerprint(test), "size": truth.shape[1], "seed": settings.seed}
    return {**result, "test_images": float(len(truth)), "reconstruction_protocol_hash": protocol_hash(protocol)}
