"""What van den Oord et al. 2016 say of networks that see what comes before in raster order.

By gradients, and by counting all tiny images.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab.errors import GenlabError
from genlab.models.base import Autoregressive, Completes, Samples, ScoresDensity, ShowsSteps, Validates
from genlab.models.pixelcnn import PixelCNN
from genlab.models.pixelrnn import PixelRNN
from genlab.nn.noise import Chance

CNNS, RNNS = ("plain", "gated", "conditional"), ("row", "diagonal")
NETWORKS = (*CNNS, *RNNS)
CLASSES = 3


def make(
    network: str, image_size: int, channels: int = 1, pixels: str = "bernoulli", width: int = 5, depth: int = 3
) -> PixelCNN | PixelRNN:
    """A small model in float64 whose weights are large enough for pixels that depend on each other."""
    torch.manual_seed(1)
    same = {"image_size": image_size, "channels": channels, "network": network, "pixels": pixels, "width": width}
    model = PixelRNN(layers=depth, **same) if network in RNNS else PixelCNN(blocks=depth, classes=CLASSES, **same)
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def labels_for(model: PixelCNN | PixelRNN, n: int) -> Tensor | None:
    return torch.arange(n) % CLASSES if model.condition else None


def every_binary(channels: int, side: int) -> Tensor:
    """All images of black or white numbers."""
    numbers = torch.tensor(list(product([-1.0, 1.0], repeat=channels * side**2)), dtype=torch.float64)
    return numbers.view(-1, channels, side, side)


def test_it_can_do_what_the_rest_of_genlab_asks_for() -> None:
    for network, capability in product(
        NETWORKS, (Samples, Autoregressive, ScoresDensity, Validates, Completes, ShowsSteps)
    ):
        assert isinstance(make(network, 4), capability), capability


def seen_from(model: PixelCNN | PixelRNN, row: int, column: int) -> Tensor:
    """Whether the numbers at a place change with a pixel, in any of some images: (H * W,)."""
    x = torch.rand(20, *model.shape, dtype=torch.float64).mul(2).sub(1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.predict(x, None)[:, 0, row, column].sum(), x)
    return (gradient != 0).any(dim=0).flatten()


FIRST = {(up, right) for up in (1, 2, 3) for right in range(-3, 4)} | {(0, left) for left in (-1, -2, -3)}
"""Where a 7 x 7 convolution with mask A looks from a place: rows up, columns to the right."""


def seen_through(later: Iterable[tuple[int, int]], layers: int, size: int) -> np.ndarray:
    """(H, W, H, W): whether the second place is seen from the first by steps; by walking, not by gradients."""
    sees = np.zeros((size,) * 4, bool)
    for row, column in product(range(size), repeat=2):
        places = {(row, column)}
        for _ in range(layers):
            places |= {(r - up, c + right) for r, c in places for up, right in later}
            places = {(r, c) for r, c in places if 0 <= r < size and 0 <= c < size}
        for r, c in places:
            for up, right in FIRST:
                if 0 <= r - up < size and 0 <= c + right < size:
                    sees[row, column, r - up, c + right] = True
    return sees


def jacobian(model: PixelCNN | PixelRNN, channels: int) -> np.ndarray:
    """(G, H, W, C, H, W): whether a group's numbers at one place change with a channel at another, in any image."""
    size, images = model.shape[1], 2
    x = torch.rand(images, channels, size, size, dtype=torch.float64) * 2 - 1
    weigh = torch.randn(model.pixels.numbers // model.pixels.apart, dtype=torch.float64)

    def numbers(x: Tensor) -> Tensor:
        given = model.predict(x, labels_for(model, images)).unflatten(1, (-1, model.pixels.apart))
        return torch.einsum("n,bnghw->ghw", weigh, given)

    return (torch.autograd.functional.jacobian(numbers, x) != 0).any(dim=3).numpy()


def seen_by(network: str, size: int, depth: int) -> np.ndarray:
    """(H, W, H, W): what each place sees of those before it."""
    if network == "plain":  # a 3 x 3 convolution with mask B in each block
        return seen_through([(1, -1), (1, 0), (1, 1), (0, -1)], depth, size)
    if network == "row":  # a layer: its own row by one place, and from row to row by one place to either side
        carried, steps = [(1, -1), (1, 0), (1, 1)], {(0, 0)}
        for _ in range(size):
            steps |= {(u + up, r + right) for u, r in steps for up, right in carried}
        return seen_through({(u, r + left) for u, r in steps for left in (0, -1)}, depth, size)
    place = np.arange(size**2).reshape(size, size)
    return place[None, None] < place[:, :, None, None]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("channels", "pixels"),
    [(1, "bernoulli"), (3, "bernoulli"), (3, "categorical"), (3, "discretised_logistic"), (3, "logistic_mixture")],
)
def test_a_number_depends_on_all_before_it_and_on_nothing_else(
    network: str, channels: int, pixels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every two places and every two channels. Two networks do not see all that is before."""
    monkeypatch.setattr(torch.nn.functional, "relu", torch.nn.functional.softplus)  # a shut ReLU hides a dependence
    size, depth = 5, {"plain": 4, "row": 1}.get(network, 3)
    model = make(network, size, channels, pixels, depth=depth)
    seen = seen_by(network, size, depth)
    place = np.arange(size**2).reshape(size, size)
    before, same = (compare(place[None, None], place[:, :, None, None]) for compare in (np.less, np.equal))
    assert not (seen & ~before).any()
    assert (seen.sum() < before.sum()) == (network in ("plain", "row"))
    wanted = np.broadcast_to(seen, (model.pixels.apart, channels, *seen.shape)).copy()
    for group, channel in product(range(model.pixels.apart), range(channels)):
        if channel < group:  # R before G before B
            wanted[group, channel] |= same
    assert np.array_equal(jacobian(model, channels), np.moveaxis(wanted, 1, 3))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("channels", "side"), [(1, 3), (3, 2)])
def test_the_probabilities_of_all_images_sum_to_one(network: str, channels: int, side: int) -> None:
    model, x = make(network, side, channels), every_binary(channels, side)
    with torch.no_grad():
        p = model.log_prob(x, chance(len(x)), 1).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-6)
    assert p.max() > 1.5 * p.min(), "not all are alike"


def matches(drawn: Tensor, probabilities: Tensor) -> bool:
    """Whether images of 2 x 2 pixels have these probabilities, in the order of `every_binary`."""
    number = (drawn.flatten(1) > 0).long() @ torch.tensor([8, 4, 2, 1])
    counts = torch.bincount(number, minlength=16).double()
    possible = probabilities > 0
    assert counts[~possible].sum() == 0
    expected = probabilities[possible] / probabilities.sum() * len(drawn)
    return stats.chisquare(counts[possible].numpy(), expected.numpy()).pvalue > 0.001


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_drawings_follow_the_models_own_distribution(network: str, temperature: float) -> None:
    model, x, n = make(network, 2), every_binary(1, 2), 4000
    y = torch.full((n,), 1) if model.condition else None
    with torch.no_grad():
        logits = model.predict(x, None if y is None else y[:16]) / temperature
        p = model.pixels.log_prob(logits, x).exp()
    assert matches(model.sample(n, chance(n), y, temperature=temperature), p)
    assert not matches(model.sample(n, chance(n), y, temperature=temperature), p.flip(0))


@pytest.mark.parametrize("network", NETWORKS)
def test_completions_follow_the_distribution_given_what_is_known(network: str) -> None:
    """A model of labels that is told none first draws one, by what is known: so the density is that without a label."""
    model, every, n = make(network, 2), every_binary(1, 2), 4000
    x, known = every[[5]].expand(n, -1, -1, -1), torch.tensor([[[True, True], [False, False]]]).expand(n, 1, 2, 2)
    with torch.no_grad():
        p = model.log_prob(every, chance(16), 1).exp()
    fits = (every[:, 0, 0] == every[5, 0, 0]).all(dim=1)
    assert matches(model.complete(x, known, chance(n)), torch.where(fits, p, 0.0))


@torch.no_grad()
def draw_naively(model: PixelCNN | PixelRNN, rng: Chance, y: Tensor | None) -> Tensor:
    """As `sample`, by the whole network for every number."""
    x = next(model.parameters()).new_zeros((len(rng), *model.shape))
    uniforms, step = rng.uniform((model.pixels.uniforms, *model.shape[1:]), x), model.pixels.apart
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for c in range(step):
                given = model.predict(x, y)[:, c::step, i : i + 1, j : j + 1]
                x[:, c::step, i, j] = model.pixels.draw(given, uniforms[:, c::step, i : i + 1, j : j + 1])[..., 0, 0]
    return x


KINDS = [(1, "bernoulli"), (3, "categorical"), (3, "logistic_mixture"), (1, "discretised_logistic")]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("channels", "pixels"), KINDS)
def test_kept_features_give_the_same_numbers_and_drawings_as_the_whole_image_again(
    network: str, channels: int, pixels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(network, 6, channels, pixels)
    y, found, draw = labels_for(model, 4), [], model.pixels.draw

    def remember(given: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        found.append(given)
        return draw(given, uniforms, temperature)

    monkeypatch.setattr(model.pixels, "draw", remember)
    drawn = model.sample(4, chance(4), y)
    fast = torch.cat(found, dim=3).view(4, -1, 6, 6, model.pixels.apart)
    with torch.no_grad():
        slow = model.predict(drawn, y).unflatten(1, (-1, model.pixels.apart)).movedim(2, 4)
    torch.testing.assert_close(fast, slow, atol=1e-10, rtol=0)
    monkeypatch.undo()
    assert torch.equal(drawn, draw_naively(model, chance(4), y))
    assert drawn.std() > 0.1


@pytest.mark.parametrize("network", ["gated", *RNNS])
def test_what_is_known_further_down_stays_and_has_no_say(network: str) -> None:
    model = make(network, 4)
    x, known = torch.ones(3, 1, 4, 4, dtype=torch.float64), torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    known[:, :, 3] = True
    drawn = model.complete(x, known, chance(3))
    assert torch.equal(drawn[:, :, 3], x[:, :, 3])
    assert torch.equal(drawn[:, :, :3], model.sample(3, chance(3))[:, :, :3])


@pytest.mark.parametrize("network", ["gated", "row"])
def test_what_cannot_be_is_refused(network: str) -> None:
    model, x = make(network, 4), torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    with pytest.raises(GenlabError, match=r"mask of known pixels is \(2, 1, 4, 3\), but .* need \(2, 1, 4, 4\)"):
        model.complete(x, torch.zeros(2, 1, 4, 3, dtype=torch.bool), chance(2))
    with pytest.raises(GenlabError, match="draws without being told what"):
        model.sample(2, chance(2), torch.zeros(2, dtype=torch.long))
