"""LPIPS (Zhang et al. 2018) by torchmetrics, where AlexNet's ImageNet weights are on this machine; never downloaded."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from genlab.data.sources.download import file_checksum
from genlab.errors import GenlabError
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.levels import to_model_range
from genlab.sampling.apply import batched

logger = logging.getLogger(__name__)

NAME = "alexnet-owt-7be5be79.pth"  # torchvision's
BATCH = 64
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Lpips:
    """lpips of (N, H, W, C) drawings to their truth, (N,); 0 is best."""

    network: nn.Module
    protocol: Mapping[str, str]
    device: torch.device

    @torch.inference_mode()
    def __call__(self, drawn: np.ndarray, truth: np.ndarray) -> np.ndarray:
        def compare(x: np.ndarray, y: np.ndarray) -> torch.Tensor:
            found: torch.Tensor = self.network(_as_input(x).to(self.device), _as_input(y).to(self.device))
            return found.reshape(-1)

        return batched(compare, BATCH, drawn, truth)


@lru_cache(maxsize=2)
def lpips_metric(given: Path | str | None, device: torch.device = CPU) -> Lpips | None:
    """The metric with these weights; None, said once, without weights.

    `given` is torchvision's file for AlexNet, or "auto" for the one in torch hub's cache, if it is there.

    Raises:
        GenlabError: there is no such file.
    """
    if given is None:
        return None
    path = Path(torch.hub.get_dir()) / "checkpoints" / NAME if str(given) == "auto" else Path(given)
    if not path.is_file():
        if str(given) != "auto":
            raise GenlabError(f"evaluation.lpips_weights={given} is no file; give the path of torchvision's {NAME}")
        logger.info("no lpips: AlexNet's weights are not in %s; evaluation.lpips_weights=PATH names them", path.parent)
        return None
    network = _network(torch.load(path, weights_only=True)).to(device)
    return Lpips(network, {"metric": "lpips, alex, v0.1, torchmetrics", "weights": file_checksum(path)}, device)


def evaluate_lpips(
    drawn: np.ndarray, truth: np.ndarray, controls: Mapping[str, np.ndarray], settings: EvaluationSettings,
    device: torch.device = CPU,
) -> dict[str, float | str]:  # fmt: skip
    """`lpips` with its 95 % interval and its controls, flat; nothing without weights."""
    metric = lpips_metric(settings.lpips_weights, device)
    if metric is None:
        return {}
    values = metric(drawn, truth)
    low, high = bootstrap_interval(values, resamples=settings.resamples, seed=settings.seed)
    found: dict[str, float | str] = {"lpips": float(values.mean()), "lpips_low": low, "lpips_high": high}
    found |= {f"lpips_{label}": float(metric(control, truth).mean()) for label, control in controls.items()}
    return {**found, "lpips_protocol_hash": protocol_hash(metric.protocol)}


def _network(weights: dict[str, torch.Tensor]) -> nn.Module:
    """torchmetrics' network: its package holds the linear layers, `weights` are those of torchvision's AlexNet."""
    from torchmetrics.functional.image.lpips import _LPIPS

    network = _LPIPS(pretrained=True, net="alex", pnet_rand=True).eval()
    own = network.net.state_dict()  # "slice2.3.weight" is torchvision's "features.3.weight"
    network.net.load_state_dict({name: weights["features." + name.split(".", 1)[1]] for name in own})
    return network


def _as_input(images: np.ndarray) -> torch.Tensor:
    """(N, H, W, C) pixels -> (N, 3, H, W) in [-1, 1]; grey three times, of more channels the first three."""
    x = to_model_range(torch.from_numpy(images[..., : 3 if images.shape[3] > 2 else 1]))
    return x.expand(-1, 3, -1, -1)
