"""NICE: non-linear independent components estimation.

Dinh, Krueger and Bengio, ICLR 2015 (workshop), arXiv:1410.8516. Without hidden layers every coupling is linear, and the
model is independent component analysis by maximum likelihood.

B images, C channels, H = W image size, D = C H W numbers of an image. x is an image in [-1, 1], u the same dequantised,
in [0, 1], h = f(u) its independent components: a row of D numbers. Log-probabilities are in nats, one for each image.

The mean image of the first batch is subtracted from u, the first scales are taken from that batch, and what a coupling
adds to a number is in units of that number's size there. The paper does none of this, which changes no function that f
can be; without it, short trainings spend their time on what a Gaussian knows at once.
"""

import math
from itertools import pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from jaxtyping import Float
from torch import Tensor, nn

from genlab.models.base import Batch, FlowModel, Recipe
from genlab.nn.flows import (
    Chain,
    Coupling,
    Flatten,
    Flow,
    Moved,
    dequantise,
    halves,
)  # fmt: skip
from genlab.nn.noise import Rng, uniform_noise
from genlab.nn.priors import Prior

Images = Float[Tensor, "b c h w"]
Rows = Float[Tensor, "b d"]
PerImage = Float[Tensor, " b"]
MEAN_SIZE = 2 * math.log(2)  # E|h| of the logistic distribution


class StandardLogistic(Prior):
    """D independent numbers, each of the density 1 / ((1 + e^h) (1 + e^-h)); section 3.4."""

    origin: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim, extent=6.0)
        self.register_buffer("origin", torch.zeros(1), persistent=False)  # knows device and dtype

    def sample(self, n: int, rng: Rng = None) -> Rows:
        return torch.logit(uniform_noise(n, (self.dim,), self.origin, rng), eps=1e-7)

    def log_prob(self, z: Rows) -> PerImage:
        return -(F.softplus(z) + F.softplus(-z)).sum(dim=1)


class Shift(nn.Module):
    """m of equation 8, in units of the numbers that it is added to; an additive coupling leaves their scale.

    The last weights are zero at first, so that f begins as the identity; the authors' are all within 0.01 of zero.
    """

    unit: Rows

    def __init__(self, inputs: int, outputs: int, layers: int, width: int) -> None:
        super().__init__()
        sizes = [inputs, *[width] * layers]
        hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        last = nn.Linear(sizes[-1], outputs)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.m = nn.Sequential(*hidden, last)
        self.register_buffer("unit", torch.ones(1, outputs))

    def forward(self, h: Rows) -> tuple[Rows, Rows]:
        shift = self.unit * self.m(h)
        return torch.zeros_like(shift), shift


class Centre(Flow):
    """A mean that is subtracted."""

    mean: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))

    def forward(self, h: Rows) -> Moved:
        return h - self.mean, h.new_zeros(len(h))

    def inverse(self, y: Rows) -> Rows:
        return y + self.mean


class Scaling(Flow):
    """The diagonal matrix exp(s) on top: it says which components vary; section 3.3."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Rows) -> Moved:
        return h * torch.exp(self.log_scale), self.log_scale.sum().expand(len(h))

    def inverse(self, y: Rows) -> Rows:
        return y * torch.exp(-self.log_scale)


class NICE(FlowModel):
    """Additive couplings of the even with the odd numbers of an image, then a scaling; logistic components."""

    recipe = Recipe(
        learning_rate=1e-3, betas=(0.9, 0.99),  # section 5.1; its beta2 = 0.01 is one minus today's
        batch_size=200,  # the authors' file for MNIST
        epochs=1500.0,
    )  # fmt: skip

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        layers: Annotated[int, Ge(0), Le(100)] = 5,  # hidden ones of each coupling; section 5.1. 0: linear
        width: Annotated[int, Ge(1)] = 1000,
        couplings: Annotated[int, Ge(2), Le(1000)] = 4,
    ) -> None:
        dim = channels * image_size**2  # D
        sizes = ((dim + 1) // 2, dim // 2)  # of the even and of the odd numbers
        shifts = tuple(Shift(sizes[k % 2], sizes[1 - k % 2], layers, width) for k in range(couplings))
        layered = (Coupling(shift, keeps=k % 2) for k, shift in enumerate(shifts))
        centre, scaling = Centre(dim), Scaling(dim)
        flatten = Flatten((channels, image_size, image_size))
        super().__init__(Chain(flatten, centre, *layered, scaling), StandardLogistic(dim))
        self.ends, self.shifts = (centre, scaling), shifts

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"layers": 1, "width": 8}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"nice": list(self.parameters())}

    @torch.no_grad()
    def prepare(self, batch: Batch) -> None:
        """The mean image, and the scales by which the components of this batch are as large as logistic ones."""
        rows, (centre, scaling) = dequantise(batch["images"], None).flatten(1), self.ends
        centre.mean.copy_(rows.mean(dim=0))
        found = (rows - centre.mean).abs()
        size = (found.sum(dim=0, keepdim=True) + found.mean()) / (len(rows) + 1)  # as if one image more were usual
        scaling.log_scale.copy_(torch.log(MEAN_SIZE / size[0]))
        for k, shift in enumerate(self.shifts):
            shift.unit.copy_(halves(size)[1 - k % 2])
