"""What a dilated network sees, and that queues find what it finds."""

import pytest
import torch
from torch import Tensor

from genlab.nn.dilated import HIDDEN, DilatedNetwork, GatedUnits, Queues, draw_levels
from genlab.nn.mu_law import LEVELS, NOTHING
from genlab.nn.pixels import draw_category

PAPERS = [2**layer for layer in range(10)] * 3  # section 2.1
B, T = 3, 40


def make(dilations: list[int], condition: int = 0) -> DilatedNetwork:
    torch.manual_seed(0)
    network = DilatedNetwork(dilations, channels=4, skip=32, condition=condition).double()
    for parameter in network.parameters():
        parameter.data.mul_(2)  # so that what is far away has a say
    return network


def nothing_before(network: DilatedNetwork, level: Tensor) -> Tensor:
    """The levels that `network` predicts those of `level` from, (R - 1 + T, B)."""
    return torch.cat([torch.full((network.receptive_field, level.shape[1]), NOTHING), level])[:-1]


@pytest.mark.parametrize(("dilations", "seen"), [([1], 2), ([1, 2, 4, 8], 16), ([1, 2, 4] * 2, 15), (PAPERS, 3070)])
def test_a_prediction_sees_its_receptive_field_and_nothing_else(dilations: list[int], seen: int) -> None:
    network = make(dilations)
    assert network.receptive_field == seen
    level = torch.randint(LEVELS, (seen + 3, 1))
    x = network.level(level).detach().requires_grad_()
    network.level.register_forward_hook(lambda *_: x)  # a gradient by what the first layer is given of each sample
    logits = network(level, x.new_zeros(1, 1, 0))
    assert logits.shape == (4, 1, LEVELS)  # after sample number seen - 1, and three more
    for number in range(4):
        (found,) = torch.autograd.grad(logits[number].square().sum(), x, retain_graph=True)
        sees = found.abs().sum(dim=(1, 2)) > 0
        assert sees.nonzero()[:, 0].tolist() == list(range(number, number + seen))


def plain(x: Tensor, told: Tensor, past: Tensor, present: Tensor, residual: Tensor | None, d: int) -> list[Tensor]:
    """Equation 2 and figure 4, by autograd."""
    now = x[d:]
    signal, valve = (x[:-d] @ past.T + now @ present.T + told).chunk(2, dim=2)
    z = torch.tanh(signal) * torch.sigmoid(valve)
    return [z] if residual is None else [z, now + z @ residual.T]


@pytest.mark.parametrize("told", [(1, 1), (1, 3), (9, 3)], ids=["a bias", "by stream", "at each sample"])
@pytest.mark.parametrize(("last", "seen"), [(False, 9), (False, 4), (True, 9)])
def test_units_and_their_way_back_are_those_of_the_equations(told: tuple[int, int], last: bool, seen: int) -> None:
    torch.manual_seed(0)
    shapes = [(12, 3, 4), (*told, 8), (8, 4), (8, 4), *([] if last else [(4, 4)])]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    halves = torch.tensor([1.0] * 4 + [0.5] * 4, dtype=torch.float64)
    x, h, past, present, residual = [*given, None][:5]
    fused = [out for out in GatedUnits.apply(x, h, past, present, residual, halves, 3, seen) if out is not None]
    slow = plain(x, h, past, present, residual, 3)
    slow[0] = slow[0][-seen:]
    weights = [torch.randn_like(out) for out in slow]
    found = []
    for outs in (fused, slow):
        total = sum((out * weight).sum() for out, weight in zip(outs, weights, strict=True))
        found.append([*outs, *torch.autograd.grad(total, given)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("told", ["nothing", "once", "at each sample", "added"])
def test_queues_find_the_same_logits(told: str) -> None:
    network = make([1, 2, 4, 8] * 2, condition=0 if told == "nothing" else 2)
    added = torch.randn(T, B, 4, dtype=torch.float64) if told == "added" else None
    level = torch.randint(LEVELS, (T, B))
    shape = (T if told == "at each sample" else 1, B, 0 if told == "nothing" else 2)
    condition = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        queues, found, before = Queues(network, condition, added), [], torch.full((B,), NOTHING)
        for here in level:
            queues.step(before)
            found.append(queues.logits().clone())
            before = here

        def held(x: Tensor) -> Tensor:
            """Of each step before the first, what is told at the first."""
            return torch.cat([x[:1]] * (network.receptive_field - 1) + [x])

        told_then = held(condition) if told == "at each sample" else condition
        slow = network(nothing_before(network, level), told_then, None if added is None else held(added))
    assert slow.std() > 0.3
    assert (torch.stack(found) - slow).abs().max() < 1e-10


def draw_slowly(network: DilatedNetwork, level: Tensor, condition: Tensor, uniforms: Tensor) -> Tensor:
    """`draw_levels` with the whole window again for every sample."""
    level = level.clone()
    for t in range(len(level)):
        before = nothing_before(network, level.clamp(min=0))[t : t + network.receptive_field]
        drawn = draw_category(network(before, condition)[-1], uniforms[t], 0.8)
        level[t] = torch.where(level[t] == HIDDEN, drawn, level[t])
    return level


def test_the_same_chance_draws_the_same_levels_by_queues_and_without() -> None:
    network = make([1, 2, 4, 8], condition=2)
    condition, uniforms = torch.randn(1, B, 2, dtype=torch.float64), torch.rand(T, B, dtype=torch.float64)
    level = torch.full((T, B), HIDDEN)
    level[:7, 1] = torch.randint(LEVELS, (7,))  # one of the streams has a beginning
    level[30:, 2] = NOTHING  # another ends early
    with torch.no_grad():
        slow = draw_slowly(network, level, condition, uniforms)
    fast = draw_levels(network, level, condition, None, uniforms, 0.8)
    assert torch.equal(fast, slow)
    assert torch.equal(fast[:7, 1], level[:7, 1])
    assert (fast[30:, 2] == NOTHING).all()
    assert (fast[:30] < LEVELS).all()


def test_a_stream_does_not_depend_on_those_beside_it() -> None:
    network = make([1, 2, 4], condition=2)
    condition, uniforms = torch.randn(1, B, 2, dtype=torch.float64), torch.rand(T, B, dtype=torch.float64)
    level = torch.full((T, B), HIDDEN)
    together = draw_levels(network, level, condition, None, uniforms, 1.0)
    alone = draw_levels(network, level[:, :1], condition[:, :1], None, uniforms[:, :1], 1.0)
    assert torch.equal(together[:, :1], alone)
