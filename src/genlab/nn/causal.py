"""Convolutions that see only what comes before in raster order: row by row from the top, from left to right.

Van den Oord et al. 2016, arXiv:1601.06759, section 3.4. B images, H x W pixels, G groups of features.

The features of every layer are dealt out among the channels of an image in turns: feature f belongs to channel f mod G.
So red, green and blue have an order within a pixel. With one group, a pixel is one thing.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "b _ h w"]
Mask = Literal["A", "B", "rows"]
"""What a convolution sees of its own row. A: what is to its left, and at its own place the channels before its own.
B: the same, and its own channel. rows: all of it."""


class CausalConv(nn.Module):
    """A convolution of its own row, `reach` rows above, and as many columns to either side.

    The weights of what it may not see are multiplied by 0 each time they are used. What lies below is not in the
    kernel, and without rows above neither is what lies to the right.

    Args:
        inputs: features that come in.
        outputs: features that go out.
        reach: n // 2 of an n x n kernel.
        mask: what it sees of its own row.
        groups: G.
        rows: whether it sees the rows above.
        halves: whether each half of the outputs is dealt out for itself.
    """

    def __init__(
        self, inputs: int, outputs: int, *, reach: int = 0, mask: Mask = "B", groups: int = 1, rows: bool = True,
        halves: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.reach, self.up, self.left, self.right = reach, reach if rows else 0, reach, reach if rows else 0
        whole = nn.Conv2d(inputs, outputs, (self.up + 1, self.left + 1 + self.right))
        self.weight, self.bias = whole.weight, whole.bias
        sees = torch.ones_like(whole.weight)
        if mask != "rows":
            mine = torch.arange(outputs)[:, None] % (outputs // 2 if halves else outputs) % groups
            theirs = torch.arange(inputs) % groups
            sees[:, :, -1, self.left] = (theirs < mine if mask == "A" else theirs <= mine).to(sees)
            sees[:, :, -1, self.left + 1 :] = 0
        self.register_buffer("sees", sees, persistent=False)
        self.sees: Tensor

    def masked(self) -> Tensor:
        """The kernel as it is used."""
        return self.weight * self.sees

    def forward(self, x: Maps) -> Maps:
        if self.reach:
            x = F.pad(x, (self.left, self.right, self.up, 0))
        found = F.conv2d(x, self.masked(), self.bias)
        return found.contiguous(memory_format=torch.channels_last)  # a CPU is twice as fast with few features


Look = Callable[[CausalConv, Tensor], Tensor]
"""Applies a convolution: `everywhere`, or at one place, by `Place`."""


def everywhere(conv: CausalConv, x: Maps) -> Maps:
    """Applies a convolution to whole images."""
    return conv(x)


class Place:
    """Applies convolutions at one place of images that are drawn in raster order, or at one row.

    It keeps what came into each of them before. So a place costs its own work, and not the whole image again.

    Args:
        size: H and W.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size, self.row, self.column = size, 0, 0
        self.kept: dict[CausalConv, Tensor] = {}
        self.kernels: dict[CausalConv, Tensor] = {}

    def keep(self, conv: CausalConv, x: Float[Tensor, "b _ 1 w"]) -> None:
        """Keep what comes into `conv` at this place, and at those to its right where x is wider."""
        if conv not in self.kept:
            height, width = self.size
            shape = (*x.shape[:2], conv.up + height, conv.left + width + conv.right)
            self.kept[conv] = x.new_zeros(shape).contiguous(memory_format=torch.channels_last)  # windows in long runs
        start = conv.left + self.column
        self.kept[conv][:, :, conv.up + self.row, start : start + x.shape[3]] = x[:, :, 0]

    def __call__(self, conv: CausalConv, x: Float[Tensor, "b _ 1 w"]) -> Float[Tensor, "b _ 1 w"]:
        if conv not in self.kernels:
            self.kernels[conv] = conv.masked().movedim(1, 3).contiguous()  # (D, *, *, F), as windows lie
        width = x.shape[3]
        if conv.reach:
            self.keep(conv, x)
            end = self.column + conv.left + width + conv.right
            x = self.kept[conv][:, :, self.row : self.row + conv.up + 1, self.column : end]
        if width > 1:
            return F.conv2d(x, self.kernels[conv].movedim(3, 1), conv.bias)
        return F.linear(x.movedim(1, 3).flatten(1), self.kernels[conv].flatten(1), conv.bias)[:, :, None, None]
