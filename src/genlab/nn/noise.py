"""Random numbers. n pictures.

Training draws from torch's global generator. Drawing has a `Chance`: each picture has a stream of its own, so that a
picture does not depend on which others share its batch. All streams are on the CPU, so that a GPU draws the same.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

Noise = Literal["normal", "uniform"]


class Chance:
    """One stream of random numbers for each of n pictures. Row i of what comes back is from stream i."""

    def __init__(self, streams: list[torch.Generator]) -> None:
        self.streams = streams

    @classmethod
    def of(cls, seed: int, numbers: Iterable[int]) -> "Chance":
        """The streams of the pictures with these numbers. A stream depends on `seed` and its picture's number alone."""
        states = [np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0] for number in numbers]
        return cls([torch.Generator("cpu").manual_seed(int(state)) for state in states])

    def __len__(self) -> int:
        return len(self.streams)

    def normal(self, shape: tuple[int, ...], like: Tensor) -> Float[Tensor, "n ..."]:
        """(n, *shape) numbers from N(0, 1), on the device and of the type of `like`."""
        return self._rows(shape, like.dtype, lambda row, stream: row.normal_(generator=stream)).to(like.device)

    def uniform(
        self, shape: tuple[int, ...], like: Tensor, low: float = 0.0, high: float = 1.0
    ) -> Float[Tensor, "n ..."]:
        """(n, *shape) numbers, uniform in [low, high), on the device and of the type of `like`."""
        drawn = self._rows(shape, like.dtype, lambda row, stream: row.uniform_(low, high, generator=stream))
        return drawn.to(like.device)

    def bernoulli(self, probability: float, shape: tuple[int, ...], like: Tensor) -> Float[Tensor, "n ..."]:
        """(n, *shape) numbers, 1 with this probability, else 0, on the device and of the type of `like`."""
        drawn = self._rows(shape, like.dtype, lambda row, stream: row.bernoulli_(probability, generator=stream))
        return drawn.to(like.device)

    def integers(self, below: int, shape: tuple[int, ...], like: Tensor) -> Int[Tensor, "n ..."]:
        """(n, *shape) integers from 0 up to, not including, `below`, on the device of `like`."""
        drawn = self._rows(shape, torch.int64, lambda row, stream: row.random_(0, below, generator=stream))
        return drawn.to(like.device)

    def _rows(
        self, shape: tuple[int, ...], dtype: torch.dtype, fill: Callable[[Tensor, torch.Generator], Tensor]
    ) -> Tensor:
        drawn = torch.empty((len(self), *shape), dtype=dtype, device="cpu")
        for row, stream in zip(drawn, self.streams, strict=True):
            fill(row, stream)
        return drawn


Rng = Chance | None
"""Where random numbers come from: each picture's own stream, or torch's global generator (None)."""


def normal_noise(n: int, shape: tuple[int, ...], like: Tensor, rng: Rng) -> Float[Tensor, "n ..."]:
    """(n, *shape) standard normal numbers on the device and of the type of `like`."""
    if rng is None:
        return torch.randn((n, *shape), device=like.device, dtype=like.dtype)
    return _whole(rng, n).normal(shape, like)


def uniform_noise(n: int, shape: tuple[int, ...], like: Tensor, rng: Rng) -> Float[Tensor, "n ..."]:
    """(n, *shape) numbers, uniform in [0, 1), on the device and of the type of `like`."""
    if rng is None:
        return torch.rand((n, *shape), device=like.device, dtype=like.dtype)
    return _whole(rng, n).uniform(shape, like)


def draw_noise(n: int, dim: int, noise: Noise, like: Tensor, rng: Rng = None) -> Float[Tensor, "{n} {dim}"]:
    """(n, dim) numbers from N(0, 1), or uniform in [-1, 1], on the device and of the type of `like`."""
    if noise == "normal":
        return normal_noise(n, (dim,), like, rng)
    if rng is None:
        return torch.empty(n, dim, device=like.device, dtype=like.dtype).uniform_(-1, 1)
    return _whole(rng, n).uniform((dim,), like, -1.0, 1.0)


def _whole(rng: Chance, n: int) -> Chance:
    if len(rng) != n:
        raise ValueError(f"{n} pictures are drawn with the streams of {len(rng)}: give each its own, by Chance.of")
    return rng
