"""The noise that a generator starts from."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Noise = Literal["normal", "uniform"]


def draw_noise(
    n: int, dim: int, noise: Noise, like: Tensor, rng: torch.Generator | None = None
) -> Float[Tensor, "{n} {dim}"]:
    """(n, dim) numbers from N(0, 1), or uniform in [-1, 1], on the device and of the type of `like`.

    `rng` None draws from torch's global generator.
    """
    empty = torch.empty(n, dim, device=like.device, dtype=like.dtype)
    return empty.normal_(generator=rng) if noise == "normal" else empty.uniform_(-1, 1, generator=rng)
