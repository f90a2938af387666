"""What van den Oord et al. 2016 say, by gradients and by counting all tiny images."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab.errors import GenlabError
from genlab.models import pixelcnn
from genlab.models.base import Autoregressive, Completes, Samples, ScoresDensity, ShowsSteps, Validates
from genlab.models.pixelcnn import PixelCNN
from genlab.nn.noise import Chance

NETWORKS = ("plain", "gated", "conditional")
CLASSES = 3


def make(network: str, image_size: int, channels: int = 1, pixels: str = "bernoulli", **arguments: Any) -> PixelCNN:
    """A small model in float64 whose weights are large enough for pixels that depend on each other."""
    torch.manual_seed(1)
    model = PixelCNN(
        image_size=image_size, channels=channels, classes=CLASSES, network=network, pixels=pixels,
        **{"width": 5, "blocks": 3, **arguments},
    ).double()  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return model


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def labels_for(model: PixelCNN, n: int) -> Tensor | None:
    return torch.arange(n) % CLASSES if model.condition else None


def every_binary(channels: int, side: int) -> Tensor:
    """All images of black or white numbers."""
    numbers = torch.tensor(list(product([-1.0, 1.0], repeat=channels * side**2)), dtype=torch.float64)
    return numbers.view(-1, channels, side, side)


def test_it_can_do_what_the_rest_of_genlab_asks_for() -> None:
    for capability in (Samples, Autoregressive, ScoresDensity, Validates, Completes, ShowsSteps):
        assert isinstance(make("plain", 4), capability), capability


def steps_of(network: str) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Where the first layer, and every later one, looks from a place: (rows up, columns to the right), not its own."""
    cone = {(up, right) for up in (1, 2, 3) for right in range(-3, 4)} | {(0, left) for left in (-1, -2, -3)}
    return cone, {(1, -1), (1, 0), (1, 1), (0, -1), (0, 0)}


def seen_by_plain(size: int, blocks: int) -> np.ndarray:
    """(H, W, H, W): whether the plain network sees the second place from the first; by walking, not by gradients."""
    first, later = steps_of("plain")
    sees = np.zeros((size,) * 4, bool)
    for row, column in product(range(size), repeat=2):
        places = {(row, column)}
        for _ in range(blocks):
            places = {(r - up, c + right) for r, c in places for up, right in later}
            places = {(r, c) for r, c in places if 0 <= r < size and 0 <= c < size}
        for r, c in places:
            for up, right in first:
                if 0 <= r - up < size and 0 <= c + right < size:
                    sees[row, column, r - up, c + right] = True
    return sees


def jacobian(model: PixelCNN, channels: int) -> np.ndarray:
    """(G, H, W, C, H, W): whether a group's numbers at one place change with a channel at another, in any image."""
    size, images = model.shape[1], 2
    x = torch.rand(images, channels, size, size, dtype=torch.float64) * 2 - 1
    weigh = torch.randn(model.pixels.numbers // model.network.groups, dtype=torch.float64)

    def numbers(x: Tensor) -> Tensor:
        given = model.predict(x, labels_for(model, images)).unflatten(1, (-1, model.network.groups))
        return torch.einsum("n,bnghw->ghw", weigh, given)

    return (torch.autograd.functional.jacobian(numbers, x) != 0).any(dim=3).numpy()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("channels", "pixels"),
    [(1, "bernoulli"), (3, "bernoulli"), (3, "categorical"), (3, "discretised_logistic"), (3, "logistic_mixture")],
)
def test_a_number_depends_on_all_before_it_and_on_nothing_else(
    network: str, channels: int, pixels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every two places and every two channels. The plain network does not see its blind spot."""
    monkeypatch.setattr(torch.nn.functional, "relu", torch.nn.functional.softplus)  # a shut ReLU hides a dependence
    size = 5
    model = make(network, size, channels, pixels, blocks=4)
    place = np.arange(size**2).reshape(size, size)
    before = place[None, None] < place[:, :, None, None]
    seen = before & seen_by_plain(size, blocks=4) if network == "plain" else before
    assert (seen.sum() < before.sum()) == (network == "plain")
    same = place[None, None] == place[:, :, None, None]
    wanted = np.broadcast_to(seen, (model.network.groups, channels, *seen.shape)).copy()
    for group, channel in product(range(model.network.groups), range(channels)):
        if channel < group:  # R before G before B
            wanted[group, channel] |= same
    assert np.array_equal(jacobian(model, channels), np.moveaxis(wanted, 1, 3))


@pytest.mark.parametrize(
    ("network", "first", "blocks", "seen"),
    [("plain", 1, 6, 91), ("plain", 3, 9, 132), ("gated", 3, 9, 142)],
    ids=["seven layers of 3 x 3", "7 x 7 first", "gated"],
)
def test_the_blind_spot(network: str, first: int, blocks: int, seen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 142 pixels before (9, 7) in a 15 x 15 image.

    Seven rows up, and a column more to the right with each, make 91. A first layer of 7 x 7 and enough blocks leave
    4 + 3 + 2 + 1 pixels in the upper right.
    """
    monkeypatch.setattr(pixelcnn, "FIRST", first)
    model = make(network, 15, blocks=blocks)
    x = torch.rand(20, 1, 15, 15, dtype=torch.float64).mul(2).sub(1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.predict(x, None)[:, 0, 9, 7].sum(), x)
    sees = (gradient != 0).any(dim=0).flatten()
    assert sees[: 9 * 15 + 7].sum() == sees.sum() == seen


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("channels", "side"), [(1, 3), (3, 2)])
def test_the_probabilities_of_all_images_sum_to_one(network: str, channels: int, side: int) -> None:
    model, x = make(network, side, channels), every_binary(channels, side)
    with torch.no_grad():
        p = model.log_prob(x, chance(len(x)), 1).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-6)
    assert p.max() > 1.5 * p.min(), "not all are alike"


def test_a_density_without_a_label_is_the_mean_over_all_labels() -> None:
    model, x = make("conditional", 2), every_binary(1, 2)
    with torch.no_grad():
        given = [model.log_prob_given(x, torch.full((16,), label)).exp() for label in range(CLASSES)]
        assert not torch.allclose(given[0], given[1], rtol=0.05)
        torch.testing.assert_close(model.log_prob(x, chance(16), 1).exp(), sum(given) / CLASSES)


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
def draw_naively(model: PixelCNN, rng: Chance, y: Tensor | None) -> Tensor:
    """As `PixelCNN.sample`, by the whole network for every number."""
    x = next(model.parameters()).new_zeros((len(rng), *model.shape))
    uniforms, step = rng.uniform((model.pixels.uniforms, *model.shape[1:]), x), model.network.groups
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
    fast = torch.cat(found, dim=3).view(4, -1, 6, 6, model.network.groups)
    with torch.no_grad():
        slow = model.predict(drawn, y).unflatten(1, (-1, model.network.groups)).movedim(2, 4)
    torch.testing.assert_close(fast, slow, atol=1e-10, rtol=0)
    monkeypatch.undo()
    assert torch.equal(drawn, draw_naively(model, chance(4), y))
    assert drawn.std() > 0.1


def test_what_is_known_further_down_stays_and_has_no_say() -> None:
    model = make("gated", 4)
    x, known = torch.ones(3, 1, 4, 4, dtype=torch.float64), torch.zeros(3, 1, 4, 4, dtype=torch.bool)
    known[:, :, 3] = True
    drawn = model.complete(x, known, chance(3))
    assert torch.equal(drawn[:, :, 3], x[:, :, 3])
    assert torch.equal(drawn[:, :, :3], model.sample(3, chance(3))[:, :, :3])


def test_a_label_that_is_not_known_adds_nothing() -> None:
    model, x = make("conditional", 4), every_binary(1, 2)[:4].repeat(1, 1, 2, 2)
    unknown = model.predict(x, torch.full((4,), -1))
    assert not torch.equal(unknown, model.predict(x, torch.zeros(4, dtype=torch.long)))
    for layer in model.network.vertical:
        torch.nn.init.zeros_(layer.told.weight)
    torch.testing.assert_close(unknown, model.predict(x, torch.zeros(4, dtype=torch.long)))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(GenlabError, match="draws by class .* have no classes; .* or pixelcnn.model.network=gated"):
        PixelCNN(network="conditional", classes=0)
    model, x = make("gated", 4), torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    with pytest.raises(GenlabError, match=r"mask of known pixels is \(2, 1, 4, 3\), but .* need \(2, 1, 4, 4\)"):
        model.complete(x, torch.zeros(2, 1, 4, 3, dtype=torch.bool), chance(2))
    with pytest.raises(GenlabError, match="draws without being told what"):
        model.sample(2, chance(2), torch.zeros(2, dtype=torch.long))
    with pytest.raises(GenlabError, match="must be told labels"):
        make("conditional", 4).sample(2, chance(2))
