"""FID and KID, with the original Inception network and the original weights or not at all; torch-fidelity's network.

Heusel et al. 2017; Binkowski et al. 2018. The numbers are those of torch-fidelity's command line on the same images.
"""

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.data.sources.download import download, file_checksum
from genlab.errors import GenlabError
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.distances import Gaussian, frechet_distance, kid, too_few
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.lite0 import as_colour
from genlab.evaluation.measures.samples import CONTROLS, Reals, each_set, independent_pixels, spread_evenly
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Samples, Translates
from genlab.sampling.apply import batched

logger = logging.getLogger(__name__)

NAME = "weights-inception-2015-12-05-6726825d.pth"
ADDRESS = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{NAME}"
NAMED_DIGITS = "6726825d"  # the beginning of the file's SHA-256, which torch's hub puts into its name
BATCH = 32
SAID: dict[str, Any] = {
    "better": {"fid": "lower", "kid": "lower"}, "controls": CONTROLS, "protocols": ("fid_protocol_hash",),
    "papers": {"fid": "Heusel et al. 2017", "kid": "Binkowski et al. 2018"},
}  # fmt: skip
WITHOUT = (
    "no fid and kid: they need the Inception weights of torch-fidelity; --params=evaluation.inception_weights=auto "
    f"downloads them (91 MB), or give the path of {NAME}"
)


def inception_weights(given: Path | str | None, folder: Path | None) -> Path | None:
    """The file of the weights: the one that is given, or, for "auto", the one downloaded to `folder`, once.

    Raises:
        GenlabError: the given file is missing, cannot be downloaded, or is another one.
    """
    if given is None:
        return None
    if str(given) == "auto":
        path = download([ADDRESS], (folder or Path.home() / ".cache/genlab") / NAME)
        if not file_checksum(path).startswith(NAMED_DIGITS):
            raise GenlabError(f"{path} is not the file of that name: its SHA-256 starts with other digits. Delete it")
        return path
    path = Path(given)
    if not path.is_file():
        raise GenlabError(f"evaluation.inception_weights={given} is no file; give the path of {NAME}, or auto")
    return path


class Inception:
    """The 2048 pooled features, of images resized to 299 as TensorFlow 1 does; (N, H, W, C), C = 1 or 3."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        checked = torch.load(weights, weights_only=True)  # a hostile file stops here; torch-fidelity would run it
        del checked
        self.network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], os.fspath(weights)).to(device)
        self.device = device
        self.protocol: Mapping[str, Any] = {
            "features": "inception-v3-compat 2048, torch-fidelity",
            "weights": file_checksum(weights),
        }

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        def some(part: np.ndarray) -> torch.Tensor:
            found: torch.Tensor = self.network(as_colour(part).round().to(self.device, torch.uint8))[0]
            return found

        return batched(some, BATCH, images)


@lru_cache(maxsize=1)
def _open(weights: Path, device: torch.device) -> Inception:
    return Inception(weights, device)


@lru_cache(maxsize=1)
def _say_once(message: str) -> None:
    logger.warning(message)


@measure(needs=Samples, on=LabelledImages, of="pictures", **SAID)
@measure(needs=Translates, on=TwoDomains, **SAID)
def judge_sets(case: Judged[Any, Any]) -> Metrics:
    """`evaluate_inception` of new images or translations."""
    return each_set(
        case, lambda drawn, reals, _: evaluate_inception(drawn, reals, case.evaluation, case.cache, case.device)
    )


def evaluate_inception(
    drawn: np.ndarray, reals: Reals, settings: EvaluationSettings, cache: Cache, device: torch.device
) -> Metrics:
    """`fid` and `kid` of (M, H, W, C) drawings against the test images, with the controls of `samples.py`.

    Without weights, or for images that are neither grey nor RGB, a `fid_note` says so instead.
    """
    weights = inception_weights(settings.inception_weights, cache.folder)
    if weights is None:
        _say_once(WITHOUT)
        return {"fid_note": "no Inception weights"}
    if drawn.shape[3] not in (1, 3):
        return {"fid_note": f"no fid and kid: Inception sees grey or RGB images, these have {drawn.shape[3]} channels"}
    if min(len(drawn), len(reals.test), len(reals.train)) < 4:
        return {"fid_note": "no fid and kid: fewer than 4 images"}
    extract = _open(weights, device)
    test = cache.features(extract, reals.test)
    noise = independent_pixels(reals.train, len(drawn), settings.seed)
    sets = {
        "": extract(drawn), "_real": cache.features(extract, spread_evenly(reals.train, len(drawn))),
        "_noise": cache.features(extract, noise),
    }  # fmt: skip
    real, found = Gaussian.of(test), dict[str, Any]()
    for suffix, features in sets.items():
        ours = Gaussian.of(features)
        found[f"fid{suffix}"] = frechet_distance(real, ours)
        found[f"kid{suffix}"], low, high = kid(test, features, settings.kid_subsets, settings.seed)
        if not suffix:
            note = too_few(real, ours)
            found |= {"kid_low": low, "kid_high": high} | ({"fid_note": note} if note else {})
    measured = {
        **extract.protocol, "subsets": settings.kid_subsets, "seed": settings.seed, "drawn": len(drawn),
        "test": len(test),
    }  # fmt: skip
    return {**found, "fid_protocol_hash": protocol_hash(measured)}
