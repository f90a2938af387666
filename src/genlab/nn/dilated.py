"""Dilated causal convolutions with gated units: over whole windows, and sample by sample.

Van den Oord et al. 2016 (arXiv:1609.03499), sections 2.1 to 2.5. Queues: Paine et al. 2016 (arXiv:1611.09482).

T samples, B windows or streams, C residual channels, S skip channels, L layers, H numbers of a condition. Time is the
first axis: what a layer sees of the past is then one block of memory. Before the beginning of a recording the network
is given `NOTHING`, as often as it can see: no layer is padded, and a beginning is a window like all others.

A condition h is one for all samples, (1, B, H), or one for each, (T, B, H): of the sample that is predicted. So is
`added`, (T, B, C), what a model adds to the features of the level before that sample.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.nn.mu_law import LEVELS, NOTHING
from genlab.nn.pixels import draw_category

HIDDEN = -1
"""Stands in the place of a level that is to be drawn."""


class GatedUnits(torch.autograd.Function):
    """The units of a layer and its residual, with the way back written out: a third less time on a CPU.

    Autograd would copy every slice of time, and add the copies. A sigmoid is a tanh, (1 + tanh(a / 2)) / 2: one call
    does both halves of a. `halves` are the factors before it, 1 for signals and 1/2 for valves.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "t b c"], told: Float[Tensor, "#u #b d"], past: Float[Tensor, "d c"],
        present: Float[Tensor, "d c"], residual: Float[Tensor, "c c"] | None, halves: Float[Tensor, " d"],
        dilation: int, seen: int,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The last `seen` of the units, (seen, B, C), and what the next layer is given, (U, B, C), U = T - dilation."""
        now, before = x[dilation:], x[:-dilation]
        u, b, c = now.shape
        a = torch.mm(now.view(-1, c), (present * halves[:, None]).T)
        a.addmm_(before.view(-1, c), (past * halves[:, None]).T)
        a.view(u, b, 2 * c).add_(told * halves)
        signal, valve = a.tanh_().chunk(2, dim=1)
        z = torch.addcmul(signal, signal, valve).mul_(0.5)  # equation 2
        given = None if residual is None else torch.addmm(now.view(-1, c), z, residual.T).view(u, b, c)
        ctx.save_for_backward(x, a, z, past, present, residual, halves)
        ctx.dilation, ctx.told = dilation, told.shape
        return z.view(u, b, c)[u - seen :], given

    @staticmethod
    def backward(ctx: Any, of_units: Tensor, of_given: Tensor | None) -> tuple[Tensor | None, ...]:
        x, a, z, past, present, residual, halves = ctx.saved_tensors
        d, (t, b, c) = ctx.dilation, x.shape
        now, before, halves = x[d:].view(-1, c), x[:-d].view(-1, c), halves[:, None]
        of_x, of_residual = torch.empty_like(x), None
        later = of_x[d:].view(-1, c)
        if of_given is None or residual is None:
            of_z = 0.5 * of_units.reshape(-1, c)
            later.zero_()
        else:
            later.copy_(of_given.view(-1, c))
            of_z, of_residual = torch.mm(later, 0.5 * residual), later.T @ z
            of_z.view(t - d, b, c)[t - d - len(of_units) :].add_(of_units, alpha=0.5)
        of_x[:d] = 0
        signal, valve = a.chunk(2, dim=1)
        of_a = torch.empty_like(a)
        torch.addcmul(of_z, of_z, valve, out=of_a[:, :c])
        torch.mul(of_z, signal, out=of_a[:, c:])
        of_a = torch.ops.aten.tanh_backward(of_a, a)
        later.addmm_(of_a, present * halves)
        of_x[:-d].view(-1, c).addmm_(of_a, past * halves)
        of_told = (of_a.view(t - d, b, 2 * c) * halves[:, 0]).sum_to_size(ctx.told)
        return of_x, of_told, halves * (of_a.T @ before), halves * (of_a.T @ now), of_residual, None, None, None


class Layer(nn.Module):
    """A convolution with two taps, `dilation` samples apart, a gated unit, and what it adds to its input; figure 4.

    What leaves it is shorter by `dilation` samples. The last layer of a network adds nothing: nobody would see it.
    """

    halves: Float[Tensor, " d"]

    def __init__(self, channels: int, dilation: int, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.past = nn.Linear(channels, 2 * channels, bias=False)
        self.present = nn.Linear(channels, 2 * channels)
        self.residual = None if last else nn.Linear(channels, channels, bias=False)  # later layers have a bias
        self.register_buffer("halves", torch.tensor([1.0, 0.5]).repeat_interleave(channels), persistent=False)

    def forward(
        self, x: Float[Tensor, "t b c"], told: Float[Tensor, "_ b d"] | None, seen: int
    ) -> tuple[Float[Tensor, "{seen} b c"], Float[Tensor, "u b c"] | None]:
        """The last `seen` of the gated units, and the input of the next layer.

        `told` is the summand V h of equations 2 and 3.
        """
        added = self.present.bias.expand(1, 1, -1)
        if told is not None:
            added = added + told[self.dilation - len(x) :].to(x.dtype)
        residual = None if self.residual is None else self.residual.weight
        with torch.autocast(x.device.type, enabled=False):  # products are added in place, in one precision
            units: tuple[Tensor, Tensor | None] = GatedUnits.apply(
                x, added, self.past.weight, self.present.weight, residual, self.halves, self.dilation, seen
            )
        return units


class DilatedNetwork(nn.Module):
    """From levels to the logits of the level that follows.

    Args:
        dilations: of the layers, in their order.
        channels: C.
        skip: S.
        condition: H; 0: it is told nothing.
    """

    def __init__(self, dilations: Sequence[int], channels: int, skip: int, condition: int) -> None:
        super().__init__()
        self.receptive_field, size = 1 + sum(dilations), len(dilations)
        self.level = nn.Embedding(LEVELS + 1, channels)  # a convolution of one-hot vectors
        self.tell = nn.Linear(condition, 2 * channels * size, bias=False) if condition else None  # V of all layers
        self.layers = nn.ModuleList(Layer(channels, d, number == size - 1) for number, d in enumerate(dilations))
        self.skip = nn.Linear(channels * size, skip)  # all layers' 1 x 1 convolutions, and their sum
        self.hidden = nn.Linear(skip, skip)
        self.logits = nn.Linear(skip, LEVELS)

    def forward(
        self, level: Int[Tensor, "t b"], condition: Float[Tensor, "#t b h"], added: Float[Tensor, "t b c"] | None = None
    ) -> Float[Tensor, "u b 256"]:
        """The logits of what follows each sample, from the first on whose receptive field is whole."""
        size = len(self.layers)
        told = [None] * size if self.tell is None else self.tell(condition).chunk(size, dim=-1)
        x, units = self.level(level) if added is None else self.level(level) + added, []
        for layer, of_layer in zip(self.layers, told, strict=True):
            z, x = layer(x, of_layer, len(level) - self.receptive_field + 1)
            units.append(z)
        return self.logits(F.relu(self.hidden(F.relu(self.skip(torch.cat(units, dim=-1))))))


class Queues:
    """What a network will need again of B streams: a sample costs its own work, however far the network sees.

    A layer's queue is a ring with as many places as its dilation. Each holds what its past tap adds, `dilation` samples
    later. All that a step writes is allocated once, and a step is few calls: that is what it costs.
    """

    def __init__(
        self, network: DilatedNetwork, condition: Float[Tensor, "#t b h"], added: Float[Tensor, "t b c"] | None = None
    ) -> None:
        layers, streams, new = cast(list[Layer], list(network.layers)), condition.shape[1], condition.new_zeros
        channels, size = network.level.embedding_dim, len(layers)
        halves = layers[0].halves  # sigmoids are tanhs, as in `GatedUnits`
        self.levels, self.bias = network.level.weight, torch.cat([layer.present.bias * halves for layer in layers])
        self.tell = new(0, len(self.bias)) if network.tell is None else network.tell.weight.T * halves.repeat(size)
        self.x, self.a, self.told = new(streams, channels), new(streams, 2 * channels), new(streams, len(self.bias))
        self.units = new(streams, channels * size)  # all gated units, doubled
        self.layers = [
            (
                layer.past.weight.T * halves, layer.present.weight.T * halves, told, z,
                None if layer.residual is None else layer.residual.weight.T / 2,
            )
            for layer, told, z in zip(layers, self.told.chunk(size, 1), self.units.chunk(size, 1), strict=True)
        ]  # fmt: skip
        head = ((network.skip, 0.5), (network.hidden, 1.0), (network.logits, 1.0))
        self.head = [(part.weight.T * factor, part.bias, new(streams, part.out_features)) for part, factor in head]
        # There was nothing for as long as the network sees, and what is told was the first: so all places of a ring are
        # alike. With one place each, they are found after as many steps as there are layers.
        self.rings, self.condition, self.time = [[new(self.a.shape)] for _ in layers], condition[:1], 0
        self.added = None if added is None else added[:1].expand(size + 1, -1, -1)
        for _ in range(size + 1):
            self.step(torch.full((streams,), NOTHING, device=condition.device))
        self.rings = [[ring.clone() for _ in range(n.dilation)] for n, [ring] in zip(layers, self.rings, strict=True)]
        self.condition, self.added, self.time = condition, added, 0

    def step(self, level: Int[Tensor, " b"]) -> None:
        """Give each stream its next level."""
        torch.index_select(self.levels, 0, level, out=self.x)
        if self.added is not None:
            self.x.add_(self.added[self.time])
        if self.time == 0 or len(self.condition) > 1:
            torch.mm(self.condition[self.time], self.tell, out=self.told).add_(self.bias)
        x, a, time = self.x, self.a, self.time
        signal, valve = a.chunk(2, dim=1)
        for (past, present, told, z, residual), ring in zip(self.layers, self.rings, strict=True):
            place = ring[time % len(ring)]
            torch.mm(x, present, out=a).add_(place).add_(told).tanh_()
            torch.mm(x, past, out=place)
            torch.addcmul(signal, signal, valve, out=z)
            if residual is not None:
                x.addmm_(z, residual)
        self.time += 1

    def logits(self) -> Float[Tensor, "b 256"]:
        """Of what follows. The next call overwrites them."""
        x = self.units
        for weight, bias, out in self.head:
            torch.mm(x if x is self.units else x.relu_(), weight, out=out).add_(bias)
            x = out
        return x


@torch.inference_mode()
def draw_levels(
    network: DilatedNetwork, level: Int[Tensor, "t b"], condition: Float[Tensor, "#t b h"],
    added: Float[Tensor, "t b c"] | None, uniforms: Float[Tensor, "t b"], temperature: float,
) -> Int[Tensor, "t b"]:  # fmt: skip
    """The levels, where those that are `HIDDEN` are drawn one after the other, each by those before it."""
    queues, level, hidden = Queues(network, condition, added), level.clone(), level == HIDDEN
    before = torch.full_like(level[0], NOTHING)
    for here, drawn_here, chance, any_drawn in zip(level, hidden, uniforms, hidden.any(dim=1).tolist(), strict=True):
        queues.step(before)
        if any_drawn:
            drawn = draw_category(queues.logits(), chance, temperature)
            torch.where(drawn_here, drawn, here, out=here)
        before = here
    return level
