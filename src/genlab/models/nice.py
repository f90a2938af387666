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
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from jaxtyping import Float
from torch import Tensor, nn

from genlab.models.base import Batch, Decodes, Encodes, Model, Recipe, Samples, ScoresDensity, Turn, Validates
from genlab.nn.flows import (
    LEVELS,
    Chain,
    Coupling,
    Flatten,
    Flow,
    Moved,
    dequantise,
    halves,
    log_prob_of_levels,
    middle,
    to_images,
)  # fmt: skip
from genlab.nn.noise import Chance, Rng, uniform_noise
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


class Scaling(Flow):
    """The diagonal matrix exp(s) on top: it says which components vary; section 3.3."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def forward(self, h: Rows) -> Moved:
        return h * torch.exp(self.log_scale), self.log_scale.sum().expand(len(h))

    def inverse(self, y: Rows) -> Rows:
        return y * torch.exp(-self.log_scale)


class NICE(Model, Samples, Decodes, Encodes, ScoresDensity, Validates):
    """Additive couplings of the even with the odd numbers of an image, then a scaling; logistic components."""

    recipe = Recipe(
        learning_rate=1e-3, betas=(0.9, 0.99),  # section 5.1; its beta2 = 0.01 is one minus today's
        batch_size=200,  # the authors' file for MNIST
        epochs=1500.0,
    )  # fmt: skip
    condition = None
    density = ("bound", "estimated")
    levels = LEVELS
    mean: Float[Tensor, " d"]

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        layers: Annotated[int, Ge(0), Le(100)] = 5,  # hidden ones of each coupling; section 5.1. 0: linear
        width: Annotated[int, Ge(1)] = 1000,
        couplings: Annotated[int, Ge(2), Le(1000)] = 4,
    ) -> None:
        super().__init__()
        shape = (channels, image_size, image_size)
        self.latent_dim = channels * image_size**2
        sizes = ((self.latent_dim + 1) // 2, self.latent_dim // 2)  # of the even and of the odd numbers
        self.register_buffer("mean", torch.zeros(self.latent_dim))
        self.flatten = Flatten(shape)
        self.shifts = tuple(Shift(sizes[k % 2], sizes[1 - k % 2], layers, width) for k in range(couplings))
        self.couplings = Chain(*(Coupling(shift, keeps=k % 2) for k, shift in enumerate(self.shifts)))
        self.scaling = Scaling(self.latent_dim)
        self.prior = StandardLogistic(self.latent_dim)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"layers": 1, "width": 8}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"nice": list(self.parameters())}

    @torch.no_grad()
    def prepare(self, batch: Batch) -> None:
        """The mean image, and the scales by which the components of this batch are as large as logistic ones."""
        rows, _ = self.flatten(dequantise(batch["images"], None))
        self.mean.copy_(rows.mean(dim=0))
        found = (rows - self.mean).abs()
        size = (found.sum(dim=0, keepdim=True) + found.mean()) / (len(rows) + 1)  # as if one image more were usual
        self.scaling.log_scale.copy_(torch.log(MEAN_SIZE / size[0]))
        for k, shift in enumerate(self.shifts):
            shift.unit.copy_(halves(size)[1 - k % 2])

    def f(self, u: Images) -> tuple[Rows, PerImage]:
        """h, and the logarithm of |det df/du|."""
        h, log_det = self.couplings(self.flatten(u)[0] - self.mean)
        h, more = self.scaling(h)
        return h, log_det + more

    def log_density(self, u: Images) -> PerImage:
        """log p(u) = log p(f(u)) + log |det df/du|; equation 3."""
        h, log_det = self.f(u)
        return self.prior.log_prob(h) + log_det

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        nll = -log_prob_of_levels(self.log_density, x, None, 1).mean()
        yield Turn("nice", {"nll": nll}, metrics={"bits_per_dim": nll.detach() / (math.log(2) * x[0].numel())})

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        """A bound of the levels' log-probability, from `effort` dequantisations."""
        return log_prob_of_levels(self.log_density, x, rng, effort)

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative bound from one dequantisation."""
        return -self.log_prob(batch["images"], rng, 1)

    def encode(self, x: Images) -> Rows:
        """h of the middle of each level's interval: `decode` gives exactly x back."""
        return self.f(middle(x))[0]

    def decode(self, z: Rows, condition: Tensor | None = None) -> Images:
        self.check_condition(condition)
        return to_images(self.flatten.inverse(self.couplings.inverse(self.scaling.inverse(z)) + self.mean))

    def draw_latents(self, n: int, rng: Chance) -> Rows:
        return self.prior.sample(n, rng)

    def sample(
        self, n: int, rng: Chance, condition: Tensor | None = None, *,
        temperature: Annotated[float, Gt(0)] = 1.0,  # below 1: components are drawn nearer to zero
    ) -> Images:  # fmt: skip
        return self.decode(temperature * self.draw_latents(n, rng), condition)
