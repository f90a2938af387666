"""The mu-law: sound in 256 levels that lie close together near silence; ITU-T G.711.

Van den Oord et al. 2016 (arXiv:1609.03499), section 2.2. x is a sample in [-1, 1], or NaN behind the end of its
recording.
"""

import math

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

MU = 255
LEVELS = MU + 1
NOTHING = LEVELS
"""Stands in the place of a level before a recording begins and after it has ended."""


def encode_mu_law(x: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """The level of each sample, 0 to 255, by sign(x) ln(1 + 255 |x|) / ln 256; of NaN it is `NOTHING`."""
    companded = x.sign() * torch.log1p(MU * x.abs()) / math.log(LEVELS)
    return torch.floor((companded + 1) / 2 * MU + 0.5).nan_to_num(NOTHING).long()


def decode_mu_law(level: Real[Tensor, "*shape"], like: Tensor) -> Float[Tensor, "*shape"]:
    """The sample in [-1, 1] that each level stands for, of the type of `like`; of `NOTHING` it is NaN."""
    companded = 2 * level.to(like.dtype) / MU - 1
    x = companded.sign() * (torch.expm1(companded.abs() * math.log(LEVELS)) / MU).clamp(max=1)
    return x.masked_fill(level == NOTHING, torch.nan)
