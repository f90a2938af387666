"""Restricted Boltzmann machines: energies, Markov chains, and log Z by annealing or by adding up.

Hinton, UTML TR 2010-003, is "the guide" below. log Z: Salakhutdinov and Murray, ICML 2008.

B images, X outer units x, J hidden units h, all of them 0 or 1: p(x, h) = exp(x' W h + b' x + a' h) / Z. Energies and
log-probabilities are in nats.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from genlab.nn.noise import Chance

Outer = Float[Tensor, "b x"]
PerImage = Float[Tensor, " b"]
ENUMERATED = 16  # units of one side, at most, whose states are all added up


class Machine(NamedTuple):
    """W, b and a."""

    weight: Float[Tensor, "x j"]
    outer: Float[Tensor, " x"]
    inner: Float[Tensor, " j"]


def with_offsets(
    weight: Float[Tensor, "x j"], outer: Float[Tensor, " x"], inner: Float[Tensor, " j"], c: Float[Tensor, " x"],
    d: Float[Tensor, " j"],
) -> Machine:  # fmt: skip
    """The machine p(x, h) = exp((x - c)' W (h - d) + b' x + a' h) / Z, written without its offsets c and d."""
    return Machine(weight, outer - weight @ d, inner - c @ weight)


def free_energy(machine: Machine, x: Outer) -> PerImage:
    """-log sum over h of exp(x' W h + b' x + a' h); the guide, equation 25."""
    return -(x @ machine.outer) - F.softplus(torch.addmm(machine.inner, x, machine.weight)).sum(dim=1)


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """1 with the probability of the logit, else 0; the guide, equations 7 and 8."""
    return (uniforms < torch.sigmoid(logits)).to(logits.dtype)


def gibbs(machine: Machine, x: Outer, uniforms: Float[Tensor, "b u"]) -> Outer:
    """One step of a Markov chain that keeps the machine's distribution: h given x, then x given h."""
    for_inner, for_outer = uniforms.split([len(machine.inner), len(machine.outer)], dim=1)
    h = draw(torch.addmm(machine.inner, x, machine.weight), for_inner)
    return draw(torch.addmm(machine.outer, h, machine.weight.t()), for_outer)


def anneal(
    machine: Machine, base: Float[Tensor, " x"], betas: list[float], x: Outer, rng: Chance
) -> tuple[PerImage, Outer]:
    """The logarithms of importance weights of chains, and where these end; Salakhutdinov and Murray 2008, section 4.1.

    The way goes over p*(x) = exp((1 - beta) base' x) sum over h of exp(beta (x' W h + b' x + a' h)), from the first of
    `betas` to the last. `x` are draws from the first distribution. The mean of the weights is Z of the last over Z of
    the first. `rng` has one stream.
    """
    weight, back, slope = machine.weight, machine.weight.t(), machine.outer - base
    logs = x.new_zeros(len(x), dtype=torch.float64)
    for now, then in pairwise(betas):
        given = torch.addmm(machine.inner, x, weight)
        gain = F.softplus(then * given).sub_(F.softplus(now * given)).sum(dim=1)
        logs += gain.add_(x @ slope, alpha=then - now)
        h = draw(given.mul_(then), rng.uniform(given.shape, x)[0])
        given = torch.addmm(machine.outer, h, back).mul_(then).add_(base, alpha=1 - then)
        x = draw(given, rng.uniform(given.shape, x)[0])
    return logs, x


def log_partition_by_annealing(
    machine: Machine, base: Float[Tensor, " x"], chains: int, temperatures: int, rng: Chance
) -> tuple[float, float]:
    """log Z and its standard error, from chains that begin as independent units with the logits `base`."""
    x = draw(base.expand(chains, -1), rng.uniform((chains, len(base)), base)[0])
    betas = np.linspace(0, 1, temperatures + 1).tolist()
    logs, _ = anneal(machine, base, betas, x, rng)
    log_base = F.softplus(base).sum().item() + len(machine.inner) * math.log(2)
    shares = torch.softmax(logs, dim=0)
    error = shares.std().item() * math.sqrt(chains)
    return log_base + (torch.logsumexp(logs, dim=0).item() - math.log(chains)), error


def log_partition_by_enumeration(machine: Machine) -> float:
    """log Z, added up over all states of the smaller side."""
    weight, outer, inner = (part.double() for part in machine)
    if len(inner) < len(outer):
        weight, outer, inner = weight.t(), inner, outer
    bits = torch.arange(len(outer), device=weight.device)
    states = torch.arange(2 ** len(outer), device=weight.device).unsqueeze(1) >> bits & 1
    some = [-free_energy(Machine(weight, outer, inner), part.double()) for part in states.split(4096)]
    return torch.logsumexp(torch.cat(some), dim=0).item()
