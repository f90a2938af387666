"""Models of tiny binary images whose probabilities can be added up by hand, for capabilities that no paper here has."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from genlab.models.base import Batch, Completes, HasEnergy, Model, ScoresDensity, ShowsSteps, Turn
from genlab.nn.noise import Chance

SIDE = 2
EVERY = np.array(list(product([-1.0, 1.0], repeat=SIDE**2))).reshape(-1, 1, SIDE, SIDE)
"""All images of 2 x 2 black or white pixels, (16, 1, 2, 2) in [-1, 1]."""


class Toy(Model):
    """A model without training."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.7, -0.4]))  # of what stands before, and of the pixel alone

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"toy": [self.weight]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("toy", {"nothing": self.weight.sum()})


class Raster(Toy, ShowsSteps, Completes, ScoresDensity):
    """Pixel after pixel, each by the one before: p(x_i = 1) = sigmoid(2 (w_0 x_(i-1) + w_1)), x_0 = 0."""

    condition = None
    density = ("exact", "computed")
    levels = 2

    def logit(self, before: Tensor) -> Tensor:
        return 2 * (self.weight[0] * before + self.weight[1])

    def log_prob(self, x: Tensor, rng: Chance, effort: int) -> Tensor:
        flat = x.flatten(1)
        before = torch.cat([torch.zeros_like(flat[:, :1]), flat[:, :-1]], dim=1)
        return nn.functional.logsigmoid(flat * self.logit(before)).sum(dim=1)

    def fill(self, x: Tensor, known: Tensor, rng: Chance) -> Iterator[Tensor]:
        """`x` after each pixel of it that is not known."""
        flat, seen = x.flatten(1).clone(), known.flatten(1)
        chance = rng.uniform((flat.shape[1],), flat)
        for i in range(flat.shape[1]):
            before = flat[:, i - 1] if i else torch.zeros_like(flat[:, 0])
            drawn = torch.where(chance[:, i] < torch.sigmoid(self.logit(before)), 1.0, -1.0)
            flat[:, i] = torch.where(seen[:, i], flat[:, i], drawn)
            yield flat.reshape(x.shape).clone()

    def steps(self, n: int, rng: Chance, condition: Tensor | None, frames: int) -> Iterator[Tensor]:
        self.check_condition(condition)
        nothing = torch.zeros(n, 1, SIDE, SIDE)
        states = list(self.fill(nothing, nothing.bool(), rng))
        places = np.linspace(len(states) - 1, 0, min(frames, len(states))).round().astype(int)
        yield from (states[place] for place in places[::-1])

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
        return list(self.steps(n, rng, condition, SIDE**2))[-1]

    def complete(self, x: Tensor, known: Tensor, rng: Chance) -> Tensor:
        return list(self.fill(x, known, rng))[-1]


class Ising(Toy, HasEnergy):
    """Neighbours like to be equal: energy(x) = -w_0 sum over neighbours x_i x_j - w_1 sum over pixels x_i."""

    density = ("exact", "estimated")
    levels = 2
    asked = 0

    def energy(self, x: Tensor) -> Tensor:
        x = x[:, 0]
        pairs = (x[:, 1:] * x[:, :-1]).sum(dim=(1, 2)) + (x[:, :, 1:] * x[:, :, :-1]).sum(dim=(1, 2))
        return -self.weight[0] * pairs - self.weight[1] * x.sum(dim=(1, 2))

    def log_partition(self, rng: Chance, effort: int, temperatures: int) -> list[tuple[float, float]]:
        """By `effort` images drawn evenly from all there are."""
        self.asked += 1
        x = 2.0 * rng.integers(2, (effort, 1, SIDE, SIDE), self.weight)[0] - 1
        weights = torch.exp(-self.energy(x.float()).double())
        error = weights.std() / weights.mean() / math.sqrt(effort)
        return [(math.log(len(EVERY)) + weights.mean().log().item(), error.item())]
