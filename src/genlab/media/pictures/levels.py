"""Between pixels and the numbers inside a model: unsigned integers and [-1, 1]."""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def to_model_range(pixels: Shaped[Tensor, "b h w c"]) -> Float[Tensor, "b c h w"]:
    """uint8 or uint16 pixels as float32 in [-1, 1], channels first (in memory still last)."""
    half = torch.iinfo(pixels.dtype).max / 2
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(half).sub_(1.0)


def to_pixels(x: Float[Tensor, "b c h w"], dtype: np.dtype | type = np.uint8) -> Shaped[np.ndarray, "b h w c"]:
    """Images in [-1, 1] as unsigned integers, rounded, values outside clipped."""
    top = np.iinfo(dtype).max
    scaled = (x.float().clamp(-1, 1) + 1) * (top / 2)
    return scaled.round().permute(0, 2, 3, 1).cpu().numpy().astype(dtype)
