"""Recordings as levels of the mu-law, and windows of them: to learn from, and to score.

B recordings, T samples, R levels that a model predicts the next one from (its context). x is sound in [-1, 1], NaN from
the end of a recording on. A window has W levels, and before them the R that the first of them is predicted from.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from genlab.nn.mu_law import NOTHING, encode_mu_law

Sound = Float[Tensor, "b 1 t"]
Windows = Int[Tensor, "n _"]
PART = 8192  # levels that are scored at a time


def count_samples(x: Sound) -> Int[Tensor, " b"]:
    """How many samples each recording has."""
    return x.isfinite().sum(dim=(1, 2))


def with_context(level: Int[Tensor, "b t"], context: int) -> Int[Tensor, "b _"]:
    """The levels, and before them the nothing that the first is predicted from."""
    return F.pad(level, (context, 0), value=NOTHING)


def random_windows(x: Sound, context: int, size: int) -> tuple[Windows, Int[Tensor, " b"]]:
    """A window of each recording, by torch's generator, and which sample its first level is.

    Where a recording is shorter, nothing follows. A window may begin half a window before its recording, and is then
    moved to its beginning, likewise at its end: so the first and the last sample are seen half as often as others.
    """
    level = F.pad(with_context(encode_mu_law(x[:, 0]), context), (0, size), value=NOTHING)
    room = (count_samples(x) - size).clamp(min=0)
    start = (torch.rand_like(x[:, 0, 0]) * (room + size) - size / 2).long().clamp(min=0).minimum(room)
    return level.gather(1, start[:, None] + torch.arange(context + size, device=x.device)), start


def every_window(x: Sound, context: int, size: int) -> tuple[Windows, Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Windows in which each level of each recording stands once; whose they are, and which sample their first is."""
    level = encode_mu_law(x[:, 0])
    cut = F.pad(with_context(level, context), (0, -level.shape[1] % size), value=NOTHING)
    cut = cut.unfold(1, context + size, size)  # (B, windows, R + W)
    row, number = (cut[:, :, context:] != NOTHING).any(dim=2).nonzero(as_tuple=True)
    return cut[row, number], row, number * size


def nll_of_levels(logits: Float[Tensor, "w n 256"], windows: Windows) -> Float[Tensor, "w n"]:
    """-log p of each of the W levels in nats; 0 where there is none."""
    target = windows[:, -len(logits) :].T
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=NOTHING, reduction="none")
    return each.view_as(target)
