"""Instance normalisation: each channel of each image by its own mean and variance. Ulyanov et al., arXiv:1607.08022."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class InstanceNorm(nn.Module):
    """(B, C, H, W) -> the same shape, each channel of each image with mean 0 and variance 1; without parameters.

    It is group normalisation with a group for every channel: the same formula, twice as fast on a CPU.
    """

    def forward(self, h: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return F.group_norm(h, h.shape[1])
