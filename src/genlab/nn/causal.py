"""Networks that see only what comes before in raster order: row by row from the top, from left to right.

Van den Oord et al. 2016, arXiv:1601.06759, section 3.4. B images, C channels, H x W pixels, G groups of features.

The features of every layer are dealt out among the channels of an image in turns: feature f belongs to channel f mod G.
So red, green and blue have an order within a pixel. With one group, a pixel is one thing.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genlab.nn.noise import Chance
from genlab.nn.pixels import Pixels

Images = Float[Tensor, "b c h w"]
Labels = Int[Tensor, " b"]
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
        parts: how many equal parts of the outputs are dealt out each for itself.
    """

    def __init__(
        self, inputs: int, outputs: int, *, reach: int = 0, mask: Mask = "B", groups: int = 1, rows: bool = True,
        parts: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.reach, self.up, self.left, self.right = reach, reach if rows else 0, reach, reach if rows else 0
        whole = nn.Conv2d(inputs, outputs, (self.up + 1, self.left + 1 + self.right))
        self.weight, self.bias = whole.weight, whole.bias
        sees = torch.ones_like(whole.weight)
        if mask != "rows":
            mine = torch.arange(outputs)[:, None] % (outputs // parts) % groups
            theirs = torch.arange(inputs) % groups
            sees[:, :, -1, self.left] = (theirs < mine if mask == "A" else theirs <= mine).to(sees)
            sees[:, :, -1, self.left + 1 :] = 0
        self.register_buffer("sees", sees, persistent=False)
        self.sees: Tensor

    def masked(self) -> Tensor:
        """The kernel as it is used."""
        return self.weight * self.sees

    def forward(self, x: Maps) -> Maps:
        if not self.reach:
            return F.linear(x.movedim(1, 3), self.masked()[:, :, 0, 0], self.bias).movedim(3, 1)
        x = F.pad(x, (self.left, self.right, self.up, 0))
        found = F.conv2d(x, self.masked(), self.bias)
        return found.contiguous(memory_format=torch.channels_last)  # a CPU is twice as fast with few features

    def keep(self, x: Float[Tensor, "b _ 1 w"], place: "Place") -> None:
        """Keep what comes in at a place, and at those to its right where x is wider."""
        if self not in place.kept:
            height, width = place.size
            shape = (*x.shape[:2], self.up + height, self.left + width + self.right)
            place.kept[self] = x.new_zeros(shape).contiguous(memory_format=torch.channels_last)  # windows in long runs
        start = self.left + place.column
        place.kept[self][:, :, self.up + place.row, start : start + x.shape[3]] = x[:, :, 0]

    def at(self, x: Float[Tensor, "b _ 1 w"], place: "Place") -> Float[Tensor, "b _ 1 w"]:
        """What `forward` has at a place, and at those to its right where x is wider."""
        width = x.shape[3]
        if self.reach:
            self.keep(x, place)
            end = place.column + self.left + width + self.right
            x = place.kept[self][:, :, place.row : place.row + self.up + 1, place.column : end]
        if self not in place.kernels:
            place.kernels[self] = self.masked().movedim(1, 3).contiguous()  # (D, *, *, F), as windows lie
        kernel = place.kernels[self]
        if width > 1:
            return F.conv2d(x, kernel.movedim(3, 1), self.bias)
        return F.linear(x.movedim(1, 3).flatten(1), kernel.flatten(1), self.bias)[:, :, None, None]

    def row_above(self, place: "Place") -> Float[Tensor, "b _ 1 w"]:
        """What `forward` has at the row above a place, of which all has been kept."""
        return F.conv2d(place.kept[self][:, :, place.row - 1 : place.row + self.up], self.masked(), self.bias)


class Place:
    """A place of images that are drawn in raster order. It applies the parts of a network there.

    They keep with it what came before. So a place costs its own work, and not the whole image again.

    Args:
        size: H and W.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size, self.row, self.column = size, 0, 0
        self.kept: dict[nn.Module, Any] = {}
        self.kernels: dict[CausalConv, Tensor] = {}

    def __call__(self, part: Any, *x: Float[Tensor, "b _ 1 w"]) -> Float[Tensor, "b _ 1 w"]:
        return part.at(*x, place=self)


Look = Callable[..., Tensor]
"""Applies a part of a network to its inputs: `everywhere`, or at a `Place`."""


def everywhere(part: nn.Module, *x: Maps) -> Maps:
    """Applies a part to whole images."""
    return part(*x)


class CausalNetwork(nn.Module):
    """A network that finds the numbers of each pixel's distribution from the pixels before it."""

    def above(self, x: Images, y: Labels | None, look: Look) -> list[Maps]:
        """What it finds of a row by the rows above it alone. `x` is the image one row down."""
        return []

    def forward(self, x: Images, above: list[Maps], look: Look) -> Maps:
        """The numbers. Those of each of `Pixels.apart` groups are found from the groups before it, too."""
        raise NotImplementedError

    def keep(self, x: Images, place: Place) -> None:
        """Keep what has been drawn at a place."""
        raise NotImplementedError


def predict(network: CausalNetwork, x: Images, y: Labels | None) -> Maps:
    """The numbers of every pixel's distribution."""
    return network(x, network.above(F.pad(x, (0, 0, 1, 0))[:, :, :-1], y, everywhere), everywhere)


@torch.no_grad()
def draw(
    network: CausalNetwork, pixels: Pixels, x: Images, known: Bool[Tensor, "b 1 h w"], y: Labels | None, rng: Chance,
    temperature: float, frames: int = 1,
) -> Iterator[Images]:  # fmt: skip
    """The images as they are drawn, at most `frames` states, the last one whole. What is not yet drawn is 0.

    Pixels that are `known` stay as they are in `x`. The others are drawn in raster order, each by those before it: what
    is known further down has no say.
    """
    shown = {math.ceil(x.shape[2] * number / frames) for number in range(1, frames + 1)}
    uniforms = rng.uniform((pixels.uniforms, *x.shape[2:]), x)
    x = torch.where(known, x, 0.0)
    place, row_above = Place((x.shape[2], x.shape[3])), torch.zeros_like(x[:, :, :1])
    for i in range(x.shape[2]):
        place.row, place.column = i, 0
        above = network.above(row_above, y, place)
        for j in range(x.shape[3]):
            place.column = j
            here, beside = x[:, :, i : i + 1, j : j + 1], [told[..., j : j + 1] for told in above]
            for group in range(pixels.apart):
                mine = slice(group, None, pixels.apart)
                given = network(here, beside, place)[:, mine]
                drawn = pixels.draw(given, uniforms[:, mine, i : i + 1, j : j + 1], temperature)
                here[:, mine].copy_(torch.where(known[:, :, i : i + 1, j : j + 1], here[:, mine], drawn))
            network.keep(here, place)
        row_above = x[:, :, i : i + 1]
        if i + 1 in shown:
            yield x.clone()
