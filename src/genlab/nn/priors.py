"""Priors of latent vectors. N latent vectors, D dimensions, K components.

`sample` and `log_prob` of a prior belong to exactly the same distribution: an AAE trains with the first, a VAE with the
second. Random numbers come from `rng`.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.noise import Rng, normal_noise, uniform_noise

Latents = Float[Tensor, "n z"]
PriorName = Literal["standard_normal", "mixture", "learned_mixture", "swiss_roll", "uniform_ball"]

RADIAL_STD, TANGENTIAL_STD, CIRCLE = 0.5, 0.12, 2.0  # of the mixture's petals, and how far they are from the origin
ROLL_STD, ROLL_RADIUS, ROLL_COMPONENTS = 0.1, 2.5, 240
BALL_RADIUS, BALL_EDGE = 2.0, 0.1


def log_normal(z: Latents, mean: Latents, log_var: Latents) -> Float[Tensor, " n"]:
    """log N(z; mean, diag(exp(log_var))) in nats."""
    return -0.5 * (math.log(2 * math.pi) + log_var + (z - mean).square() * torch.exp(-log_var)).sum(dim=1)


def reparameterise(mean: Latents, log_var: Latents, rng: Rng = None) -> Latents:
    """z = mean + std * epsilon: a draw that gradients pass. Kingma and Welling 2013, section 2.4."""
    return mean + torch.exp(0.5 * log_var) * normal_noise(len(mean), tuple(mean.shape[1:]), mean, rng)


class Prior(nn.Module, ABC):
    """A distribution over latent vectors."""

    learned: ClassVar[bool] = False
    """Whether it has parameters to train. Only `log_prob` passes gradients to them."""

    def __init__(self, dim: int, extent: float) -> None:
        super().__init__()
        self.dim = dim
        self.extent = extent  # nearly all of a 2-D prior lies in the square [-extent, extent]^2

    @abstractmethod
    def sample(self, n: int, rng: Rng = None) -> Latents:
        """`n` latent vectors."""

    @abstractmethod
    def log_prob(self, z: Latents) -> Float[Tensor, " n"]:
        """The log-density of each latent vector in nats."""


class StandardNormal(Prior):
    """N(0, I)."""

    origin: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim, extent=3.0)
        self.register_buffer("origin", torch.zeros(1), persistent=False)  # knows device and dtype

    def sample(self, n: int, rng: Rng = None) -> Latents:
        return normal_noise(n, (self.dim,), self.origin, rng)

    def log_prob(self, z: Latents) -> Float[Tensor, " n"]:
        return log_normal(z, torch.zeros_like(z), torch.zeros_like(z))


class GaussianMixture(Prior):
    """K equally probable Gaussians N(means[k], factors[k] factors[k]^T)."""

    means: Float[Tensor, "k z"]
    factors: Float[Tensor, "k z z"]
    inverses: Float[Tensor, "k z z"]
    log_volumes: Float[Tensor, " k"]

    def __init__(self, means: np.ndarray, factors: np.ndarray) -> None:
        reach = np.linalg.norm(means, axis=1) + 2.5 * np.linalg.norm(factors, ord=2, axis=(1, 2))
        super().__init__(means.shape[1], extent=float(reach.max()))
        values = {"means": means, "factors": factors, "inverses": np.linalg.inv(factors)}
        values["log_volumes"] = np.linalg.slogdet(factors)[1]
        for name, value in values.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.get_default_dtype()), persistent=False)

    @property
    def components(self) -> int:
        return len(self.means)

    def sample(self, n: int, rng: Rng = None) -> Latents:
        if rng is None:
            component = torch.randint(self.components, (n,), device=self.means.device)
        else:
            component = rng.integers(self.components, (), self.means)
        return self._sample_components(component, rng)

    def sample_group(self, group: Int[Tensor, " n"], groups: int, rng: Rng = None) -> Latents:
        """A latent vector of each group. Components in their order make up `groups` runs of nearly equal length.

        With as many groups as components, group k is component k.
        """
        starts = torch.arange(groups + 1, device=group.device) * self.components // groups
        first, size = starts[group], (starts[1:] - starts[:-1])[group]
        share = uniform_noise(len(group), (), self.means, rng)
        return self._sample_components(first + (share * size).long(), rng)

    def _sample_components(self, component: Int[Tensor, " n"], rng: Rng) -> Latents:
        noise = normal_noise(len(component), (self.dim,), self.means, rng)
        return self.means[component] + torch.einsum("nij,nj->ni", self.factors[component], noise)

    def log_prob(self, z: Latents) -> Float[Tensor, " n"]:
        standard = torch.einsum("kij,nkj->nki", self.inverses, z[:, None] - self.means)  # (N, K, D)
        exponents = -0.5 * standard.square().sum(dim=2) - self.log_volumes
        return torch.logsumexp(exponents, dim=1) - math.log(self.components) - 0.5 * self.dim * math.log(2 * math.pi)


def petals(components: int) -> GaussianMixture:
    """The 2-D mixture of Makhzani et al. 2016, figure 2: Gaussians on a circle, each stretched along its radius."""
    angles = 2 * np.pi * np.arange(components) / components
    radial = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (K, 2)
    tangential = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    # Many components are narrower, so that neighbours do not overlap.
    across = min(TANGENTIAL_STD, CIRCLE * np.pi / components / 3) if components > 1 else TANGENTIAL_STD
    return GaussianMixture(CIRCLE * radial, np.stack([RADIAL_STD * radial, across * tangential], axis=2))


def swiss_roll() -> GaussianMixture:
    """A spiral of one and a half turns in 2-D: a fine mixture along the curve, uniform over its length.

    Component 0 is the inner end. Makhzani et al. 2016, figure 4, give no formula. This is the usual t -> (t cos t,
    t sin t) for t from 1.5 pi to 4.5 pi.
    """
    t = np.linspace(1.5 * np.pi, 4.5 * np.pi, 20_001)
    curve = np.stack([t * np.cos(t), t * np.sin(t)], axis=1) * (ROLL_RADIUS / t[-1])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = (np.arange(ROLL_COMPONENTS) + 0.5) / ROLL_COMPONENTS * length[-1]
    means = np.stack([np.interp(places, length, curve[:, axis]) for axis in (0, 1)], axis=1)
    return GaussianMixture(means, np.broadcast_to(ROLL_STD * np.eye(2), (ROLL_COMPONENTS, 2, 2)))


class LearnedMixture(Prior):
    """K Gaussians with learned probabilities, means and diagonal variances. They begin near N(0, I)."""

    learned = True

    def __init__(self, dim: int, components: int) -> None:
        super().__init__(dim, extent=3.0)
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, dim))
        self.log_vars = nn.Parameter(torch.zeros(components, dim))

    def sample(self, n: int, rng: Rng = None) -> Latents:
        shares = self.logits.softmax(dim=0)
        if rng is None:
            component = torch.multinomial(shares, n, replacement=True)
        else:
            place = torch.searchsorted(shares.cumsum(dim=0), rng.uniform((), shares))
            component = place.clamp(max=len(shares) - 1)  # rounding may leave the sum a little below 1
        scale = torch.exp(0.5 * self.log_vars[component])
        return self.means[component] + scale * normal_noise(n, (self.dim,), self.means, rng)

    def log_prob(self, z: Latents) -> Float[Tensor, " n"]:
        n, k = len(z), len(self.means)
        each = log_normal(  # (N * K,), every latent vector under every component
            z.repeat_interleave(k, dim=0), self.means.repeat(n, 1), self.log_vars.repeat(n, 1)
        )
        return torch.logsumexp(each.view(n, k) + self.logits.log_softmax(dim=0), dim=1)


class UniformBall(Prior):
    """Uniform in a ball with a soft edge: density f(|z|) / Z, f(r) = 1 for r <= R, else exp(-(r - R)^2 / (2 edge^2)).

    With a hard edge the KL divergence of every Gaussian would be infinite.
    """

    radii: Float[Tensor, " m"]
    cumulative: Float[Tensor, " m"]

    def __init__(self, dim: int, radius: float = BALL_RADIUS, edge: float = BALL_EDGE) -> None:
        super().__init__(dim, extent=radius + edge)
        self.radius, self.edge = radius, edge
        reach = radius + edge * (6.0 + dim * edge / radius)  # with more dimensions, more of the mass is at the edge
        middles = (np.arange(50_000) + 0.5) * reach / 50_000
        log_shell = (dim - 1) * np.log(middles) + self._log_height(middles)
        top = log_shell.max()
        mass = np.exp(log_shell - top)
        log_sphere = math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)  # surface of the unit ball
        self.log_constant = log_sphere + top + math.log(mass.sum() * reach / len(middles))
        cumulative = np.concatenate([[0.0], np.cumsum(mass) / mass.sum()])
        edges = np.arange(50_001) * reach / 50_000
        for name, value in {"radii": edges, "cumulative": cumulative}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.get_default_dtype()), persistent=False)

    def _log_height(self, r: np.ndarray) -> np.ndarray:
        return -0.5 * (np.maximum(r - self.radius, 0.0) / self.edge) ** 2

    def sample(self, n: int, rng: Rng = None) -> Latents:
        direction = nn.functional.normalize(normal_noise(n, (self.dim,), self.radii, rng), dim=1)
        u = uniform_noise(n, (), self.radii, rng)
        place = torch.searchsorted(self.cumulative, u).clamp(1, len(self.radii) - 1)
        low, high = self.cumulative[place - 1], self.cumulative[place]
        share = (u - low) / (high - low).clamp(min=1e-12)
        radius = self.radii[place - 1] + share * (self.radii[place] - self.radii[place - 1])
        return direction * radius[:, None]

    def log_prob(self, z: Latents) -> Float[Tensor, " n"]:
        outside = (torch.sqrt(z.square().sum(dim=1) + 1e-12) - self.radius).clamp(min=0.0)
        return -0.5 * (outside / self.edge).square() - self.log_constant


def make_prior(name: str, dim: int, components: int = 10) -> Prior:
    """The prior of that name over `dim` dimensions; `components` is for mixtures.

    Raises:
        GenlabError: no prior has that name, or it does not exist in so many dimensions.
    """
    if name in ("mixture", "swiss_roll") and dim != 2:
        raise GenlabError(
            f"the prior {name!r} lies in two dimensions, but latent_dim is {dim}; set latent_dim to 2, or take one of "
            "'standard_normal', 'learned_mixture', 'uniform_ball'"
        )
    match name:
        case "standard_normal":
            return StandardNormal(dim)
        case "mixture":
            return petals(components)
        case "learned_mixture":
            return LearnedMixture(dim, components)
        case "swiss_roll":
            return swiss_roll()
        case "uniform_ball":
            return UniformBall(dim)
    raise GenlabError(f"there is no prior {name!r}; there are: {', '.join(get_args(PriorName))}")
