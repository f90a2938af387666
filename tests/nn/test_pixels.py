"""Distributions of pixels, against sums over all that a pixel can be, and against other libraries."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab.nn.pixels import PIXELS, STEP, Bernoulli, Categorical, DiscretisedLogistic, LogisticMixture, PixelName

LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(pixels: PixelName, channels: int = 1, n: int = 1, size: int = 1) -> Tensor:
    """Numbers of a network, the same for each seed."""
    given = torch.randn(n, PIXELS[pixels](channels).numbers, size, size, generator=rng(), dtype=torch.float64)
    return given - 2 if pixels in ("discretised_logistic", "logistic_mixture") else given  # narrow scales


def values(pixels: PixelName) -> Tensor:
    """All that one pixel can be, (levels, 1, 1, 1)."""
    return (LEVELS if PIXELS[pixels].levels == 256 else LEVELS[[0, -1]]).view(-1, 1, 1, 1)


@pytest.mark.parametrize("pixels", PIXELS)
def test_the_probabilities_of_all_levels_sum_to_one(pixels: PixelName) -> None:
    x = values(pixels)
    assert len(x) == PIXELS[pixels].levels
    log_prob = PIXELS[pixels](1).log_prob(some(pixels).expand(len(x), -1, 1, 1), x)
    assert log_prob.exp().sum().item() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("pixels", PIXELS)
def test_draws_follow_the_distribution(pixels: PixelName) -> None:
    model, x, n = PIXELS[pixels](1), values(pixels), 20_000
    given = some(pixels)
    drawn = model.draw(
        given.expand(n, -1, 1, 1), torch.rand(n, model.uniforms, 1, 1, generator=rng(), dtype=torch.float64)
    )
    expected = n * model.log_prob(given.expand(len(x), -1, 1, 1), x).exp().numpy()
    found = np.array([(drawn == v).sum().item() for v in x.flatten()])
    assert found.sum() == n  # every draw is a level, to the last bit
    often = expected >= 5
    found, expected = (np.append(a[often], a[~often].sum() + 1e-9) for a in (found, expected))
    assert stats.chisquare(found, expected, sum_check=False).pvalue > 0.001
    mean, error = drawn.mean().item(), drawn.std().item() / math.sqrt(n)
    cut = 0.0 if pixels in ("bernoulli", "categorical") else 0.02  # what lies outside [-1, 1] becomes -1 or 1
    assert model.mean(given).item() == pytest.approx(mean, abs=4 * error + cut)


@pytest.mark.parametrize("pixels", PIXELS)
def test_an_image_is_its_pixels_one_at_a_time(pixels: PixelName) -> None:
    model, given = PIXELS[pixels](3), some(pixels, 3, n=2, size=4)
    uniforms = torch.rand(2, model.uniforms, 4, 4, generator=rng(), dtype=torch.float64)
    x = model.draw(given, uniforms)
    assert x.shape == model.mean(given).shape == (2, 3, 4, 4)
    log_prob = torch.zeros(2, dtype=torch.float64)
    for row, column in product(range(4), range(4)):
        here = (slice(None), slice(None), slice(row, row + 1), slice(column, column + 1))
        assert torch.equal(model.draw(given[here], uniforms[here]), x[here])
        log_prob += model.log_prob(given[here], x[here])
    torch.testing.assert_close(model.log_prob(given, x), log_prob)


@pytest.mark.parametrize("pixels", [name for name in PIXELS if name != "logistic_mixture"])
def test_channels_are_apart(pixels: PixelName) -> None:
    model, given = PIXELS[pixels](3), some(pixels, 3, n=2, size=4)
    uniforms = torch.rand(2, model.uniforms, 4, 4, generator=rng(), dtype=torch.float64)
    x = model.draw(given, uniforms)
    alone = [PIXELS[pixels](1).log_prob(given[:, c::3], x[:, c : c + 1]) for c in range(3)]
    torch.testing.assert_close(model.log_prob(given, x), torch.stack(alone).sum(dim=0))
    for c in range(3):
        assert torch.equal(model.draw(given[:, c::3], uniforms[:, c : c + 1]), x[:, c : c + 1])


@pytest.mark.parametrize("pixels", PIXELS)
def test_a_low_temperature_draws_what_is_most_probable(pixels: PixelName) -> None:
    model, given = PIXELS[pixels](1), some(pixels)
    n, uniforms = 500, torch.rand(500, model.uniforms, 1, 1, generator=rng(), dtype=torch.float64)
    cold, warm = (model.draw(given.expand(n, -1, 1, 1), uniforms, t) for t in (1e-3, 1.0))
    assert len(cold.unique()) < 4
    assert len(warm.unique()) > 1
    log_prob = model.log_prob(given.expand(2 * n, -1, 1, 1), torch.cat([cold, warm]))
    assert log_prob[:n].mean() > log_prob[n:].mean()


def test_bernoulli_pixels_are_torchs() -> None:
    logits, x = 3 * torch.randn(6, 2, 3, 3), (torch.rand(6, 2, 3, 3) > 0.5).float()
    theirs = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(Bernoulli(2).log_prob(logits, 2 * x - 1), theirs)


def test_a_grey_pixel_is_the_mean_over_its_binarisations() -> None:
    logits = torch.randn(1, 1, 1, 1)
    black, white = (Bernoulli(1).log_prob(logits, torch.full((1, 1, 1, 1), v)) for v in (-1.0, 1.0))
    grey = Bernoulli(1).log_prob(logits, torch.full((1, 1, 1, 1), 2 * 0.3 - 1))
    torch.testing.assert_close(grey, 0.3 * white + 0.7 * black)


def test_categories_are_torchs() -> None:
    logits, level = torch.randn(256, generator=rng()), torch.tensor([0, 17, 254, 255])
    theirs = torch.distributions.Categorical(logits=logits).log_prob(level)
    ours = Categorical(1).log_prob(logits.view(1, 256, 1, 1).expand(4, -1, 1, 1), (level / 127.5 - 1).view(4, 1, 1, 1))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("mean", [-1.3, -0.4, 0.0, 0.999])
@pytest.mark.parametrize("log_scale", [-6.0, -2.0, 1.0])
def test_256_levels_of_a_discretised_logistic_sum_to_one(mean: float, log_scale: float) -> None:
    x = LEVELS.view(256, 1, 1, 1)
    given = torch.tensor([mean, log_scale], dtype=torch.float64).view(1, 2, 1, 1).expand(256, 2, 1, 1)
    log_prob = DiscretisedLogistic(1).log_prob(given, x)
    assert log_prob.exp().sum().item() == pytest.approx(1.0, abs=1e-9)
    theirs = stats.logistic(mean, math.exp(log_scale))
    inside = theirs.cdf(x[100].item() + 1 / 255) - theirs.cdf(x[100].item() - 1 / 255)
    assert log_prob[100].exp().item() == pytest.approx(inside, rel=1e-6, abs=1e-12)


def test_one_component_of_one_channel_is_a_discretised_logistic() -> None:
    given, x = torch.randn(5, 3, 2, 2, generator=rng()), LEVELS[torch.randint(256, (5, 1, 2, 2))].float()
    torch.testing.assert_close(
        LogisticMixture(1, components=1).log_prob(given, x), DiscretisedLogistic(1).log_prob(given[:, 1:], x)
    )


def by_hand(given: np.ndarray, x: tuple[float, ...], components: int) -> float:
    """p(x) of one pixel of three channels, equations 2 and 3 of Salimans et al. 2017, by scipy's logistic."""
    total, rows = 0.0, given.reshape(components, 10)
    for row in rows:
        share = math.exp(row[0]) / np.exp(rows[:, 0]).sum()
        a, b, c = np.tanh(row[7:])
        red, green, _ = x
        centres = (row[1], row[2] + a * red, row[3] + b * red + c * green)
        for value, centre, log_scale in zip(x, centres, row[4:7], strict=True):
            theirs = stats.logistic(centre, math.exp(log_scale))
            upper = 1.0 if value > 0.999 else theirs.cdf(value + STEP / 2)
            share *= upper - (0.0 if value < -0.999 else theirs.cdf(value - STEP / 2))
        total += share
    return total


@pytest.mark.parametrize("levels", [(0, 128, 255), (40, 200, 10), (255, 0, 0)])
def test_three_channels_of_a_mixture_are_the_papers(levels: tuple[int, ...]) -> None:
    model, given = LogisticMixture(3, components=2), torch.randn(1, 20, 1, 1, generator=rng(), dtype=torch.float64)
    x = tuple(LEVELS[list(levels)].tolist())
    ours = model.log_prob(given, torch.tensor(x, dtype=torch.float64).view(1, 3, 1, 1)).exp().item()
    assert ours == pytest.approx(by_hand(given.numpy(), x, 2), rel=1e-6)


def test_three_channels_of_a_mixture_are_drawn_as_the_paper_says() -> None:
    """Their joint distribution, against draws by numpy."""
    model, n = LogisticMixture(3, components=2), 20_000
    given = torch.randn(1, 20, 1, 1, generator=rng(), dtype=torch.float64) - 0.5
    drawn = model.draw(given.expand(n, -1, 1, 1), torch.rand(n, 4, 1, 1, generator=rng(), dtype=torch.float64))
    share = torch.softmax(given.view(2, 10)[:, 0], 0)
    outside, noise = [], np.random.default_rng(0)
    for row, k in zip(given.view(2, 10).numpy(), noise.multinomial(n, share.numpy()), strict=True):
        x: list[np.ndarray] = []
        for c, coefficients in enumerate(([], [7], [8, 9])):
            centre = row[1 + c] + sum(np.tanh(row[i]) * x[j] for j, i in enumerate(coefficients))
            raw = centre + noise.logistic(size=k) * math.exp(row[4 + c])
            x.append(np.clip(np.round((raw + 1) / STEP), 0, 255) * STEP - 1)
        outside.append(np.stack(x, axis=1))
    theirs, ours = np.concatenate(outside), drawn[:, :, 0, 0].numpy()
    octants = [np.bincount((d > 0) @ np.array([1, 2, 4]), minlength=8) for d in (ours, theirs)]
    assert stats.chi2_contingency(np.stack(octants)).pvalue > 0.001
    for c in range(3):
        assert stats.ks_2samp(ours[:, c], theirs[:, c]).pvalue > 0.001
