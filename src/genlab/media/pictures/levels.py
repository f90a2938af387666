"""Between the integers of a store and the numbers inside a model, [-1, 1]. B images, H, W pixels, C channels."""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genlab.media.pictures.integers import largest


def to_model_range(pixels: Shaped[Tensor, "b h w c"]) -> Float[Tensor, "b c h w"]:
    """uint8 or uint16 pixels as float32 in [-1, 1], channels first (in memory still last)."""
    half = torch.iinfo(pixels.dtype).max / 2
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(half).sub_(1.0)


def to_pixels(x: Float[Tensor, "b c h w"], dtype: np.dtype | type = np.uint8) -> Shaped[np.ndarray, "b h w c"]:
    """Images in [-1, 1] as unsigned integers, rounded, values outside clipped."""
    scaled = (x.float().clamp(-1, 1) + 1) * (largest(dtype) / 2)
    return scaled.round().permute(0, 2, 3, 1).cpu().numpy().astype(dtype)
