"""Boltzmann machines of black and white pixels: restricted, and deep with two layers of hidden units.

Contrastive divergence: Hinton, Neural Computation 2002. Persistent chains: Tieleman, ICML 2008. Deep machines:
Salakhutdinov and Hinton, AISTATS 2009. How to train: Hinton, UTML TR 2010-003, "the guide" below. Offsets: Montavon and
Mueller 2012 (arXiv:1203.3783). Energies, Gibbs steps and log Z are in `nn/boltzmann.py`.

B images, D = C H W pixels v, J hidden units h, T units t of a top layer, M Markov chains. All units are 0 or 1.

Pixels and top units of a deep machine are linked to h alone. So it is a restricted machine with X = D + T units
x = (v, t) on its outer side, of which an image shows D; T = 0 for a restricted one. For both,
p(x, h) = exp(x' W h + b' x + a' h) / Z. Energies and log-probabilities are in nats.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genlab.models.base import Batch, Completes, Encodes, Family, HasChain, HasEnergy, HasUnits, Model, Recipe, Turn
from genlab.nn.boltzmann import (
    ENUMERATED,
    Machine,
    draw,
    free_energy,
    gibbs,
    log_partition_by_annealing,
    log_partition_by_enumeration,
    with_offsets,
)
from genlab.nn.noise import Chance
from genlab.nn.orders import to_images, to_rows

Images = Float[Tensor, "b c h w"]
Rows = Float[Tensor, "b d"]
Outer = Float[Tensor, "b x"]
PerImage = Float[Tensor, " b"]
SPREAD = 0.01  # standard deviation of first weights; the guide, section 8.1
MEMORY = 0.95  # of the running mean of how active a hidden unit is; the guide, section 11, has 0.9 to 0.99


class Boltzmann(Model, HasChain, Completes, HasEnergy, HasUnits, Encodes):
    """A restricted or a deep machine. A drawing is the state of a Markov chain of its own.

    A grey pixel enters as the probability of white. That does for learning and for codes, but the energy of a grey
    image is not the mean over its binarisations: a pipeline refuses it.
    """

    family = Family.MARKOV_CHAIN
    recipe = Recipe(  # Tieleman 2008: as many chains as images in a batch, and a rate that falls linearly to zero
        optimizer="sgd", learning_rate=0.05, batch_size=100, decay_from=0.0,
    )  # fmt: skip
    condition = None
    levels = 2
    chains: Bool[Tensor, "m x"]
    white: Float[Tensor, " d"]
    outer_offset: Float[Tensor, " x"]
    inner_offset: Float[Tensor, " j"]
    active: Float[Tensor, " j"]

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        machine: Literal["restricted", "deep"] = "restricted",
        hidden: Annotated[int, Ge(1), Le(100_000)] = 500,  # J
        top: Annotated[int, Ge(1), Le(100_000)] = 1000,  # T of a deep machine
        learning: Literal["persistent", "contrastive"] = "persistent",  # chains go on, or start from the batch
        chains: Annotated[int, Ge(1), Le(100_000)] = 100,  # M
        gibbs_steps: Annotated[int, Ge(1)] = 1,  # k, of each chain in a training step
        mean_field: Annotated[int, Ge(1)] = 10,  # rounds in which the means of a deep machine settle
        pretrain: Annotated[int, Ge(0)] = 0,  # steps for each layer of a deep machine by itself, before they are joined
        centred: bool = False,  # write the energy with offsets: the first mean of each unit
        weight_cost: Annotated[float, Ge(0)] = 0.0,  # of half the squared weights; the guide, section 10
        sparsity: Annotated[float, Gt(0), Lt(1)] = 0.1,  # how often a hidden unit shall be on; the guide, section 11
        sparsity_cost: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__()
        self.shape, self.deep = (channels, image_size, image_size), machine == "deep"
        self.seen = channels * image_size**2  # D
        units = self.seen + top * self.deep  # X
        self.persistent, self.gibbs_steps = learning == "persistent", gibbs_steps
        self.mean_field, self.pretrain = mean_field * self.deep, pretrain * self.deep
        self.weight_cost, self.sparsity, self.sparsity_cost = weight_cost, sparsity, sparsity_cost
        self.computed = min(units, hidden) <= ENUMERATED
        self.density = ("bound" if self.deep else "exact", "computed" if self.computed else "estimated")
        self.weight = nn.Parameter(SPREAD * torch.randn(units, hidden))
        self.outer_bias = nn.Parameter(torch.zeros(units))
        self.inner_bias = nn.Parameter(torch.zeros(hidden))
        self.register_buffer("chains", torch.rand(chains, units) < 0.5)
        self.register_buffer("white", torch.full((self.seen,), 0.5))  # share of images in which a pixel is white
        self.centred = centred
        self.register_buffer("outer_offset", torch.full((units,), 0.5 * centred))
        self.register_buffer("inner_offset", torch.full((hidden,), 0.5 * centred))
        self.register_buffer("active", torch.full((hidden,), sparsity))  # how often a hidden unit has been on

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"hidden": 20, "top": 5, "chains": 5}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        deep = {"machine": "deep", "centred": True}
        return {
            **super().variants(), "pretrain": {**deep, "pretrain": 1},
            "costs": {"weight_cost": 1e-3, "sparsity_cost": 0.1},
            "contrastive, deep": {**deep, "learning": "contrastive"},
        }  # fmt: skip

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"machine": list(self.parameters())}

    def prepare(self, batch: Batch) -> None:
        """Pixels begin with the means of the first batch. The guide, section 8.1, has those of all images."""
        rows = self.to_units(batch["images"])
        self.white.copy_((rows.sum(dim=0) + 1) / (len(rows) + 2))
        self.outer_bias[: self.seen] = torch.logit(self.white)
        if self.centred:
            self.outer_offset[: self.seen] = self.white

    def to_units(self, x: Images) -> Rows:
        return (to_rows(x) + 1) / 2

    def shown(self, x: Outer) -> Images:
        return to_images(2 * x[:, : self.seen] - 1, self.shape)

    def whole(self) -> Machine:
        if not self.centred:
            return Machine(self.weight, self.outer_bias, self.inner_bias)
        return with_offsets(self.weight, self.outer_bias, self.inner_bias, self.outer_offset, self.inner_offset)

    def layers(self) -> tuple[Machine, Machine]:
        """Each layer by itself, for greedy learning; Salakhutdinov and Hinton 2009, section 3.1.

        What the other layer will say is made up for: the lower machine has its pixels twice, and the upper one, whose
        outer side is h, its top units.
        """
        weight, top = self.weight.split([self.seen, len(self.weight) - self.seen])
        b, b_top = self.outer_bias.split([len(weight), len(top)])
        c, c_top = self.outer_offset.split([len(weight), len(top)])
        a, d = self.inner_bias, self.inner_offset
        return (
            with_offsets(weight.repeat(2, 1), b.repeat(2), a, c.repeat(2), d),
            with_offsets(top.t().repeat(1, 2), a, b_top.repeat(2), d, c_top.repeat(2)),
        )

    def settle(self, machine: Machine, rows: Rows) -> Outer:
        """The pixels, and the means of the top units by mean field; Salakhutdinov and Hinton 2009, equation 6.

        The means of h between them are not needed: given x, h is summed out.
        """
        weight, top = machine.weight.split([self.seen, len(machine.weight) - self.seen])
        by_pixels, outer = torch.addmm(machine.inner, rows, weight), machine.outer[self.seen :]
        means = torch.sigmoid(outer).expand(len(rows), -1)
        for _ in range(self.mean_field):
            h = torch.sigmoid(torch.addmm(by_pixels, means, top))
            means = torch.sigmoid(torch.addmm(outer, h, top.t()))
        return torch.cat([rows, means], dim=1)

    def lesson(self, rows: Rows, step: int) -> tuple[Machine, Outer]:
        """The machine that learns in this step, and what it learns from."""
        if step >= 2 * self.pretrain:
            machine = self.whole()
            return machine, self.settle(machine, rows).detach()
        lower, upper = self.layers()
        if step < self.pretrain:
            return lower, rows.repeat(1, 2)
        given = torch.addmm(lower.inner, rows.repeat(1, 2), lower.weight).detach()
        return upper, draw(given, torch.rand_like(given))

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        """The gradient of `contrast` is that of contrastive divergence: chains stand for the machine's distribution.

        Any state has -F(x) <= log Z. So where chains lie deeper than the data by more than log 2 for each unit, the
        data are less probable than by tossing coins. Then `contrast` is infinite, and training stops.
        """
        machine, data = self.lesson(self.to_units(batch["images"]), step)
        fixed, joined = Machine(*(part.detach() for part in machine)), step >= 2 * self.pretrain
        x = draw(torch.logit(data), torch.rand_like(data))
        if self.persistent and joined:
            x = self.chains.to(data.dtype)
        for _ in range(self.gibbs_steps):
            x = gibbs(fixed, x, torch.rand(len(x), len(fixed.outer) + len(fixed.inner), dtype=x.dtype, device=x.device))
        if joined:
            self.chains[: len(x)] = x[: len(self.chains)] > 0.5  # drawings start here
        of_data, of_chains = free_energy(machine, torch.cat([data, x])).split([len(data), len(x)])
        contrast = of_data.mean() - of_chains.mean()
        terms = {"contrast": contrast.masked_fill(contrast > math.log(2) * data.shape[1], math.inf)}
        if self.weight_cost:
            terms["weight_cost"] = self.weight_cost / 2 * self.weight.square().sum()
        if self.sparsity_cost:
            terms["sparsity"] = self.sparsity_cost * self.sparseness(self.to_units(batch["images"]))
        yield Turn("machine", terms, surrogate=True)

    def sparseness(self, rows: Rows) -> Float[Tensor, ""]:
        """Its gradient by the input of each hidden unit is q - p; the guide, section 11."""
        machine = self.whole()
        given = torch.addmm(machine.inner, self.settle(machine, rows).detach(), machine.weight)
        self.active.lerp_(torch.sigmoid(given.detach()).mean(dim=0), 1 - MEMORY)
        return ((self.active - self.sparsity) * given.mean(dim=0)).sum()

    def energy(self, x: Images) -> PerImage:
        """h is summed out. Top units are bounded by their means and the entropy of these: an upper bound."""
        machine = self.whole()
        settled = self.settle(machine, self.to_units(x))
        means = settled[:, self.seen :]
        return free_energy(machine, settled) - (torch.special.entr(means) + torch.special.entr(1 - means)).sum(dim=1)

    def log_partition(self, rng: Chance, effort: int, temperatures: int) -> list[tuple[float, float]]:
        """Chains begin at the pixels' means; others, with half the temperatures, at tossed coins."""
        machine = self.whole()
        if self.computed:
            return [(log_partition_by_enumeration(machine), 0.0)]
        coins = torch.zeros_like(machine.outer)
        means = torch.cat([torch.logit(self.white), coins[self.seen :]])
        return [
            log_partition_by_annealing(machine, means, effort, temperatures, rng),
            log_partition_by_annealing(machine, coins, effort, max(1, temperatures // 2), rng),
        ]

    def walk(self, x: Outer, rng: Chance, held: Bool[Tensor, "b x"] | None = None) -> Iterator[Outer]:
        """The states of a chain behind `x`, without end. Units that are `held` stay."""
        machine, first = self.whole(), x
        while True:
            x = gibbs(machine, x, rng.uniform((len(machine.outer) + len(machine.inner),), x))
            if held is not None:
                x = torch.where(held, first, x)
            yield x

    @torch.no_grad()
    def chain(self, x: Images, rng: Chance) -> Iterator[Images]:
        settled = self.settle(self.whole(), self.to_units(x))
        for state in self.walk((rng.uniform(settled.shape[1:], settled) < settled).to(settled.dtype), rng):
            yield self.shown(state)

    @torch.no_grad()
    def steps(
        self, n: int, rng: Chance, condition: Tensor | None, frames: int, *,
        burn_in: Annotated[int, Ge(1)] = 200,  # steps of a chain up to its drawing; each has its own: no thinning
    ) -> Iterator[Float[Tensor, "n c h w"]]:  # fmt: skip
        """A drawing's chain starts where one of the training's chains is; states are spread evenly over it."""
        self.check_condition(condition)
        x = self.chains[rng.integers(len(self.chains), (), self.weight)].to(self.weight.dtype)
        shown = set(np.linspace(burn_in, 0, min(frames, burn_in), endpoint=False).round().astype(int).tolist())
        for number, state in enumerate(islice(self.walk(x, rng), burn_in), 1):
            if number in shown:
                yield self.shown(state)

    def sample(
        self, n: int, rng: Chance, condition: Tensor | None = None, *, burn_in: Annotated[int, Ge(1)] = 200
    ) -> Float[Tensor, "n c h w"]:
        return next(self.steps(n, rng, condition, 1, burn_in=burn_in))

    @torch.no_grad()
    def complete(
        self, x: Images, known: Bool[Tensor, "b 1 h w"], rng: Chance, *, burn_in: Annotated[int, Ge(1)] = 200
    ) -> Images:
        """The state of a chain that starts at the pixels' means and in which known pixels are held.

        Raises:
            GenlabError: `known` does not fit.
        """
        self.check_known(x, known)
        means = torch.cat([self.white, torch.full_like(self.outer_bias[self.seen :], 0.5)])
        start = (rng.uniform(means.shape, x) < means).to(x.dtype)
        held = torch.zeros_like(start, dtype=torch.bool)
        held[:, : self.seen] = to_rows(known.expand_as(x))
        rows = torch.cat([self.to_units(x), start[:, self.seen :]], dim=1)
        state = next(islice(self.walk(torch.where(held, rows, start), rng, held), burn_in - 1, None))
        return torch.where(known, x, self.shown(state))

    def units(self, x: Images) -> Float[Tensor, "b j"]:
        machine = self.whole()
        return torch.sigmoid(torch.addmm(machine.inner, self.settle(machine, self.to_units(x)), machine.weight))

    def filters(self) -> Float[Tensor, "j c h w"]:
        return to_images(self.weight[: self.seen].t(), self.shape)

    def encode(self, x: Images) -> Float[Tensor, "b z"]:
        """The probabilities of the hidden units, of a deep machine those of its top layer."""
        return self.settle(self.whole(), self.to_units(x))[:, self.seen :] if self.deep else self.units(x)
