"""Invertible layers against autograd and against themselves backwards; densities as integrals and as probabilities."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.flows import (
    ActNorm,
    BatchNorm,
    Chain,
    Coupling,
    Flatten,
    Flow,
    InvertibleConv,
    Logit,
    MaskedCoupling,
    Split,
    Squeeze,
    checkerboard,
    dequantise,
    log_prob_of_levels,
    middle,
    require_squeezes,
    take_first_values,
    to_images,
)
from genlab.nn.noise import Chance
from genlab.nn.pixels import to_image
from genlab.nn.priors import StandardNormal

SHAPE = (2, 4, 4)


class Told(nn.Module):
    """A scale and a shift that mind every number that they see."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        first, last = (nn.Conv2d(a, b, kernel, padding=kernel // 2) for a, b in ((inputs, 5), (5, 2 * outputs)))
        self.network = nn.Sequential(first, nn.Tanh(), last)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.network(h).chunk(2, dim=1)
        return torch.tanh(log_scale), shift


LAYERS: dict[str, Callable[[], Flow]] = {
    "logit": lambda: Logit(0.05),
    "logit, nearly without alpha": lambda: Logit(1e-6),
    "flatten": lambda: Flatten(SHAPE),
    "squeeze": Squeeze,
    "coupling, even stay": lambda: Coupling(Told(1, 1), keeps=0),
    "coupling, odd stay": lambda: Coupling(Told(1, 1), keeps=1),
    "checkerboard": lambda: MaskedCoupling(Told(2, 2), checkerboard(4, 1)),
    "other checkerboard": lambda: MaskedCoupling(Told(2, 2), checkerboard(4, 0)),
    "channel mask": lambda: MaskedCoupling(Told(2, 2), torch.tensor([1.0, 0.0]).view(2, 1, 1)),
    "batch normalisation": lambda: BatchNorm(2),
    "actnorm": lambda: ActNorm(2),
    "1 x 1 convolution": lambda: InvertibleConv(2),
    "split": lambda: Split(
        Chain(Squeeze(), Coupling(Told(4, 4), keeps=1)), Chain(InvertibleConv(4), Flatten((4, 2, 2)))
    ),
    "chain": lambda: Chain(ActNorm(2), InvertibleConv(2), Coupling(Told(1, 1), keeps=0)),
}


def build(name: str) -> Flow:
    """The layer with numbers that are not its first: parameters and running statistics."""
    torch.manual_seed(0)
    layer = LAYERS[name]().double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        for key, value in layer.named_buffers():
            if "running" in key:
                value.uniform_(0.5, 2)
    return layer


def images(n: int = 3, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.rand(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def log_det_by_autograd(call: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """log |det| of the whole Jacobian of each example, alone in its batch."""
    found = []
    for one in h:
        jacobian = torch.autograd.functional.jacobian(lambda v: call(v.unsqueeze(0)).flatten(), one)
        found.append(torch.linalg.slogdet(jacobian.reshape(one.numel(), one.numel())).logabsdet)
    return torch.stack(found)


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_inverse_cancel_both_ways(name: str) -> None:
    layer, h = build(name), images()
    with torch.no_grad():
        y, _ = layer(h)
        torch.testing.assert_close(layer.inverse(y), h, rtol=0, atol=1e-10)
        again, _ = layer(layer.inverse(y + 0.1))
        torch.testing.assert_close(again, y + 0.1, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", LAYERS)
def test_the_log_determinant_is_that_of_the_jacobian(name: str) -> None:
    layer, h = build(name), images()
    log_det = layer(h)[1]
    assert log_det.shape == (3,)
    torch.testing.assert_close(log_det, log_det_by_autograd(lambda v: layer(v)[0], h), rtol=0, atol=1e-10)


@pytest.mark.parametrize("first", [0, 1])
def test_a_checkerboard_is_one(first: int) -> None:
    """Neighbours in a row and in a column differ."""
    mask = checkerboard(5, first)
    assert mask.shape == (1, 5, 5)
    assert mask[0, 0, 0] == first
    assert (mask[:, 1:] != mask[:, :-1]).all()
    assert (mask[:, :, 1:] != mask[:, :, :-1]).all()


@pytest.mark.parametrize("name", ["coupling, even stay", "coupling, odd stay", "checkerboard", "channel mask"])
def test_a_coupling_keeps_one_half_and_moves_the_other_by_it(name: str) -> None:
    layer, h = build(name), images(1)
    stays = torch.zeros(SHAPE, dtype=torch.bool)
    stays[1 if name == "coupling, odd stay" else 0] = True
    if name == "checkerboard":
        stays = checkerboard(4, 1).bool().expand(SHAPE)
    moved = layer(h)[0] != h
    assert torch.equal(moved[0], ~stays)
    jacobian = torch.autograd.functional.jacobian(lambda v: layer(v)[0], h).reshape(*SHAPE, *SHAPE)
    of_moved = jacobian[~stays]
    assert (of_moved[:, stays] != 0).any(dim=1).all(), "what is moved minds what stays"
    assert torch.equal(of_moved[:, ~stays].count_nonzero(dim=1), torch.ones(16, dtype=torch.int64)), "and itself alone"


def test_batch_normalisation_trains_by_the_batch_and_draws_by_running_means() -> None:
    layer, h = BatchNorm(2).double(), 3 + 2 * torch.randn(50, *SHAPE, dtype=torch.float64)
    y, log_det = layer(h)
    scale = h.var(dim=(0, 2, 3), unbiased=False)
    torch.testing.assert_close(y.mean(dim=(0, 2, 3)), torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(y.var(dim=(0, 2, 3), unbiased=False), scale / (scale + 1e-4), atol=1e-9, rtol=0)
    torch.testing.assert_close(log_det, (-0.5 * 16 * torch.log(scale + 1e-4).sum()).expand(50))
    for _ in range(200):
        layer(h)
    torch.testing.assert_close(layer.eval()(h)[0], y, atol=0.01, rtol=0)


def test_actnorm_s_first_values_normalise_at_every_depth() -> None:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Conv2d(1, 6, 3), (norm := HiddenNorm(6)))
    chain = Chain(ActNorm(2), InvertibleConv(2), ActNorm(2))
    h = 5 - 3 * torch.rand(40, *SHAPE)
    take_first_values(chain, h)
    take_first_values(inner, h[:, :1])
    outputs = [chain.order[0](h)[0], chain(h)[0], norm.norm(inner[0](h[:, :1]))[0]]
    for y in outputs:
        torch.testing.assert_close(y.mean(dim=(0, 2, 3)), torch.zeros(y.shape[1]), atol=1e-4, rtol=0)
        torch.testing.assert_close(y.std(dim=(0, 2, 3), unbiased=False), torch.ones(y.shape[1]), atol=1e-4, rtol=0)
    before = chain(h)[0]
    chain(2 * h)
    assert torch.equal(chain(h)[0], before), "later batches change nothing"


class HiddenNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ActNorm(channels)

    def forward(self, h: Tensor) -> Tensor:
        return self.norm(h)[0]


def test_the_first_1x1_convolution_is_a_rotation() -> None:
    torch.manual_seed(0)
    layer = InvertibleConv(12).double()
    weight = layer.weight().detach()
    torch.testing.assert_close(weight @ weight.T, torch.eye(12, dtype=torch.float64), atol=1e-5, rtol=0)
    assert abs(layer(images(1, (12, 2, 2)))[1].item()) < 1e-4


def test_a_density_in_two_dimensions_integrates_to_one() -> None:
    torch.manual_seed(0)
    layers = [
        layer for k in (0, 1, 0) for layer in (ActNorm(2), InvertibleConv(2), Coupling(Told(1, 1, kernel=1), keeps=k))
    ]
    flow = Chain(*layers, Flatten((2, 1, 1))).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    assert integral(flow, torch.linspace(-25, 25, 1001, dtype=torch.float64)) == pytest.approx(1, abs=1e-6)
    # The sigmoid reaches alpha / (1 - 2 alpha) beyond the unit interval: all of its range is integrated.
    reach = 0.05 / 0.9
    middles = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000 * (1 + 2 * reach) - reach
    narrow = Chain(Logit(0.05), Coupling(Told(1, 1, kernel=1), keeps=0), Flatten((2, 1, 1))).double()
    assert integral(narrow, middles) == pytest.approx(1, abs=1e-3)


@torch.no_grad()
def integral(flow: Flow, axis: Tensor) -> float:
    grid = torch.cartesian_prod(axis, axis).view(-1, 2, 1, 1)
    prior = StandardNormal(2).double()
    total = 0.0
    for part in grid.split(200_000):
        z, log_det = flow(part)
        total += torch.exp(prior.log_prob(z) + log_det).sum().item()
    return total * (axis[1] - axis[0]).item() ** 2


LEVELS = torch.arange(256.0).view(1, 1, 16, 16)


def test_a_dequantised_image_lies_in_its_level_s_interval_and_comes_back_from_there() -> None:
    x = to_image(LEVELS).expand(50, -1, -1, -1)
    u = dequantise(x, Chance.of(0, range(50)))
    assert (u >= LEVELS / 256).all()
    assert (u <= (LEVELS + 1) / 256).all()
    assert (u * 256 - LEVELS).mean().item() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(to_images(middle(x)), x)
    torch.testing.assert_close(middle(x), (LEVELS + 0.5).expand_as(x) / 256)
    outside = to_images(torch.tensor([-0.3, 1.0, 1.7]).view(1, 1, 1, 3))
    assert outside.flatten().tolist() == [-1, 1, 1]


def test_a_density_that_is_flat_in_each_interval_gives_the_probability_and_others_a_bound() -> None:
    """One pixel: p(level) is known, so that the bound and what more dequantisations are worth can be computed."""
    mass = torch.softmax(torch.linspace(-2, 3, 256, dtype=torch.float64), dim=0)
    x = to_image(torch.arange(256.0, dtype=torch.float64)).view(256, 1, 1, 1)

    def flat(u: Tensor) -> Tensor:
        return torch.log(256 * mass[(u.flatten() * 256).long().clamp(max=255)])

    exact = log_prob_of_levels(flat, x, Chance.of(0, range(256)), 3)
    torch.testing.assert_close(exact, torch.log(mass), atol=1e-12, rtol=0)

    def sloped(u: Tensor) -> Tensor:  # within an interval the density is 2 (u - start) / width of the mean one
        place = u.flatten() * 256
        return flat(u) + torch.log(2 * (place - place.floor()) + 1e-12)

    by_one, by_many = (log_prob_of_levels(sloped, x, Chance.of(1, range(256)), k) - torch.log(mass) for k in (1, 400))
    assert by_one.mean().item() == pytest.approx(np.log(2) - 1, abs=0.2)  # E log 2v, v uniform
    assert by_many.mean().item() == pytest.approx(0, abs=0.01)


def test_what_is_not_finite_is_reported_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    """A peer removes such numbers before it averages. Here they are counted, drawn, and poison a mean."""
    u = torch.full((5, 1, 2, 2), 0.5)
    u[1, 0, 0, 0], u[3, 0, 1, 1] = torch.nan, torch.inf
    with caplog.at_level(logging.WARNING):
        x = to_images(u)
    assert "2 of 5 images of a flow are not finite" in caplog.text
    assert x.shape == u.shape
    assert x.isfinite().all()
    assert x[3, 0, 1, 1] == 1
    y = torch.tensor([0.0, torch.inf, -torch.inf, torch.nan]).view(4, 1, 1, 1)
    assert Logit(0.05).inverse(y).isfinite().flatten().tolist() == [True, False, False, False], (
        "the sigmoid hides nothing"
    )
    bad = log_prob_of_levels(lambda v: torch.where(torch.arange(5) == 1, torch.nan, 0.0), x, None, 2)
    assert bad.isnan().tolist() == [False, True, False, False, False]


def test_what_a_person_can_get_wrong() -> None:
    with pytest.raises(GenlabError, match="in which channel 1 of 2 is constant .0.5.: leave that channel out"):
        take_first_values(Chain(ActNorm(2)), torch.stack([torch.rand(6, 3, 3), torch.full((6, 3, 3), 0.5)], dim=1))
    with pytest.raises(GenlabError, match="halve images of 28 pixels 3 times: set data.image_size to 24 or 32"):
        require_squeezes(28, 3, "realnvp")
    with pytest.raises(GenlabError, match="cannot halve images of 3 pixels 2 times: set data.image_size to 4, or"):
        require_squeezes(3, 2, "glow")
    require_squeezes(28, 2, "glow")
