"""Orders in which the numbers of an image are drawn, each by those before it.

B images, C channels, H = W pixels, D = C * H * W numbers of an image: its row, in raster order, the channels of a pixel
together. `place` says of each number when it is drawn, from 0 to D - 1.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from genlab.nn.noise import Chance

Order = Literal["raster", "random"]
Rows = Float[Tensor, "b d"]
Places = Int[Tensor, "b d"]


def to_rows(x: Shaped[Tensor, "b c h w"]) -> Shaped[Tensor, "b d"]:
    """The numbers of each image, pixel by pixel."""
    return x.permute(0, 2, 3, 1).flatten(1)


def to_images(rows: Rows, shape: tuple[int, int, int]) -> Float[Tensor, "b c h w"]:
    """The inverse of `to_rows`; `shape` is (C, H, W)."""
    channels, height, width = shape
    return rows.view(-1, height, width, channels).permute(0, 3, 1, 2)


def to_maps(given: Float[Tensor, "b p d"], shape: tuple[int, int, int]) -> Float[Tensor, "b n h w"]:
    """P numbers for each number of an image, as maps: number p of channel c is n = p C + c; `shape` is (C, H, W)."""
    return to_images(given.flatten(0, 1), shape).unflatten(0, given.shape[:2]).flatten(1, 2)


def make_places(order: Order, count: int, numbers: int) -> Int[Tensor, "k d"]:
    """The places of `count` orders: all of them the raster's, or each another one, the same for the same arguments."""
    if order == "raster":
        return torch.arange(numbers, device="cpu").repeat(count, 1)
    return torch.from_numpy(np.random.default_rng(numbers).permuted(np.tile(np.arange(numbers), (count, 1)), axis=1))


def known_first(place: Places, known: Bool[Tensor, "b d"]) -> Places:
    """The same orders, but what is known comes before the rest."""
    return (place + place.shape[1] * ~known).argsort(dim=1).argsort(dim=1)


def mixture(log_probs: Float[Tensor, "k b"]) -> Float[Tensor, " b"]:
    """log 1/K sum_k p_k(x): probabilities are averaged, never logits."""
    return torch.logsumexp(log_probs, dim=0) - np.log(len(log_probs))


def draw_rows(
    rows: Rows, known: Bool[Tensor, "b d"], places: Int[Tensor, "k d"], order: Order, rng: Chance, uniforms: int,
    fill: Callable[[int, Int[Tensor, " d"], Rows, Bool[Tensor, "n d"], Float[Tensor, "n d u"]], Rows],
) -> tuple[Rows, Places]:  # fmt: skip
    """Rows that are drawn where they are not known, each in one of K orders, and the places of their numbers.

    Where orders are random, what is known comes first. In the raster's order a number sees what is before it.

    Args:
        rows: what is known of them.
        known: which numbers that is.
        places: of the K orders.
        order: how these were made.
        rng: draws for each row which order it has, and all random numbers.
        uniforms: how many random numbers a number is drawn by.
        fill: draws the rows that have one order: its number, its places, the rows, what is known, random numbers.
    """
    which = rng.integers(len(places), (), rows)
    noise = rng.uniform((rows.shape[1], uniforms), rows)
    drawn, place = torch.empty_like(rows), places[which]
    if order == "random":
        place = known_first(place, known)
    groups = torch.cat([which.unsqueeze(1), place], dim=1).unique(dim=0, return_inverse=True)[1]
    for group in groups.unique():
        some = groups == group
        drawn[some] = fill(int(which[some][0]), place[some][0], rows[some], known[some], noise[some])
    return drawn, place


def states(drawn: Rows, place: Places, frames: int) -> Iterator[Rows]:
    """At most `frames` states of rows while they were drawn in these orders; what is not drawn yet is grey."""
    numbers = drawn.shape[1]
    for done in np.linspace(numbers, 0, min(frames, numbers), endpoint=False).round().astype(int)[::-1]:
        yield torch.where(place < int(done), drawn, torch.zeros_like(drawn))
