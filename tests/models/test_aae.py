"""What Makhzani et al. 2016 say."""

import numpy as np
import pytest
import torch
from scipy import stats

from genlab.errors import GenlabError
from genlab.models.aae import AAE, squared_error
from genlab.models.base import Decodes, Encodes, MatchesPrior, Reconstructs, Samples
from genlab.nn.noise import Chance

SMALL = {"image_size": 4, "channels": 1, "latent_dim": 2, "width": 16, "discriminator_width": 32}


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Four classes: which of the four quarters is white; noisy."""
    labels = torch.randint(4, (n,), generator=rng(seed))
    x = torch.full((n, 1, 4, 4), -0.8)
    for row, label in enumerate(labels.tolist()):
        x[row, 0, 2 * (label // 2) : 2 * (label // 2) + 2, 2 * (label % 2) : 2 * (label % 2) + 2] = 0.8
    return x + 0.1 * torch.randn(x.shape, generator=rng(seed + 1)), labels


def train(model: AAE, steps: int, hide: float = 0.0) -> None:
    owned = model.players()
    optimizers = {name: torch.optim.Adam(parameters, 3e-3, betas=(0.5, 0.9)) for name, parameters in owned.items()}
    for step in range(steps):
        x, labels = images(100, seed=1000 + 2 * step)
        labels = torch.where(torch.rand(100) < hide, -1, labels)
        for turn in model.turns({"images": x, "labels": labels}, step):
            optimizers[turn.player].zero_grad()
            sum(turn.terms.values()).backward(inputs=owned[turn.player])
            optimizers[turn.player].step()


def test_it_can_do_what_the_rest_of_genlab_asks_for() -> None:
    model = AAE(**SMALL)
    for capability in (Samples, Decodes, Encodes, Reconstructs, MatchesPrior):
        assert isinstance(model, capability), capability
    assert model.condition is None
    assert AAE(**SMALL, classes=10, prior="mixture", label_informed=True).condition == "labels"


def test_three_turns_and_an_encoder_that_two_players_share() -> None:
    model = AAE(**SMALL)
    x, labels = images(8)
    assert [turn.player for turn in model.turns({"images": x, "labels": labels}, 0)] == [
        "autoencoder", "discriminator", "encoder",
    ]  # fmt: skip
    players = {name: set(map(id, parameters)) for name, parameters in model.players().items()}
    assert players["encoder"] < players["autoencoder"]
    assert not players["discriminator"] & players["autoencoder"]


def test_the_reconstruction_error_is_torchs() -> None:
    x, y = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    expected = [
        torch.nn.functional.mse_loss((a + 1) / 2, (b + 1) / 2, reduction="sum") / 2 for a, b in zip(x, y, strict=True)
    ]
    torch.testing.assert_close(squared_error(x, y), torch.stack(expected))


def test_the_discriminators_turn_does_not_reach_the_encoder() -> None:
    model = AAE(**SMALL)
    x, labels = images(8)
    turns = model.turns({"images": x, "labels": labels}, 0)
    next(turns)
    torch.stack(list(next(turns).terms.values())).sum().backward()
    assert all(p.grad is None for p in model.players()["encoder"])
    torch.stack(list(next(turns).terms.values())).sum().backward()
    assert all(p.grad is not None for p in model.players()["encoder"])


def test_a_gaussian_encoder_draws_and_a_deterministic_one_does_not() -> None:
    x, _ = images(5)
    fixed, noisy = AAE(**SMALL), AAE(**SMALL, encoder="gaussian")
    assert torch.equal(fixed.draw_codes(x, chance(len(x), 1)), fixed.encode(x))
    assert not torch.equal(noisy.draw_codes(x, chance(len(x), 1)), noisy.draw_codes(x, chance(len(x), 2)))
    many = torch.stack([noisy.draw_codes(x, chance(len(x), seed)) for seed in range(400)])
    torch.testing.assert_close(many.mean(dim=0), noisy.encode(x), atol=0.2, rtol=0.0)
    with torch.no_grad():
        noisy.encoder[-1][-1].bias[noisy.latent_dim :] = 4.0  # the second half are logarithms of variances
        log_var = noisy.encoder(x).chunk(2, dim=1)[1]
        many = torch.stack([noisy.draw_codes(x, chance(len(x), seed)) for seed in range(1000)])
    torch.testing.assert_close(many.var(dim=0).log(), log_var, atol=0.25, rtol=0.0)


@pytest.fixture(scope="module")
def informed() -> AAE:
    torch.manual_seed(0)
    model = AAE(**SMALL, classes=4, components=4, prior="mixture", label_informed=True)
    train(model, 400, hide=0.3)
    return model


@torch.no_grad()
def test_component_k_shows_class_k(informed: AAE) -> None:
    """Figure 4, though three in ten labels were hidden: which quarter of the image is the brightest?"""
    wanted = torch.arange(4).repeat(100)
    drawn = informed.sample(400, chance(400), wanted)
    quarters = torch.nn.functional.avg_pool2d(drawn, 2).flatten(1)
    assert (quarters.argmax(dim=1) == wanted).float().mean() > 0.9


@torch.no_grad()
def test_a_class_is_encoded_into_its_component(informed: AAE) -> None:
    x, labels = images(400, seed=5)
    nearest = torch.cdist(informed.encode(x), informed.prior.means).argmin(dim=1)
    assert (nearest == labels).float().mean() > 0.9


@torch.no_grad()
def test_without_a_label_all_of_the_prior_is_meant(informed: AAE) -> None:
    z = informed.draw_prior(torch.full((2000,), -1), chance(2000))
    counts = torch.cdist(z, informed.prior.means).argmin(dim=1).bincount(minlength=4)
    assert stats.chisquare(counts.numpy()).pvalue > 0.001
    unknown, known = informed.judge(z[:1], torch.tensor([-1])), informed.judge(z[:1], torch.tensor([0]))
    assert not torch.equal(unknown, known), "the discriminator sees no label"


def test_codes_take_the_shape_of_the_prior() -> None:
    """The adversary alone does it: before, the codes are elsewhere."""
    torch.manual_seed(0)
    model = AAE(**SMALL, prior="uniform_ball")
    x, _ = images(500, seed=7)
    with torch.no_grad():
        before = model.encode(x).std(dim=0)
    train(model, 200)
    with torch.no_grad():
        after, prior = model.encode(x).std(dim=0), model.prior.sample(2000, chance(2000)).std(dim=0)
    assert (before - prior).abs().max() > 0.5
    np.testing.assert_allclose(after.numpy(), prior.numpy(), atol=0.35)


def test_a_mixture_has_a_component_for_each_class_unless_told() -> None:
    assert AAE(**SMALL, classes=7, prior="mixture", label_informed=True).prior.components == 7
    assert AAE(**SMALL, classes=7, prior="mixture").prior.components == 10
    assert AAE(**SMALL, classes=7, prior="mixture", components=4).prior.components == 4


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(GenlabError, match="these images have no labels; set aae.model.label_informed to false"):
        AAE(**SMALL, classes=0, prior="mixture", label_informed=True)
    with pytest.raises(GenlabError, match="there are 7 classes and 10 components; set aae.model.components to 7"):
        AAE(**SMALL, classes=7, prior="mixture", components=10, label_informed=True)
    with pytest.raises(GenlabError, match="'standard_normal' has no parts; set aae.model.prior to 'mixture'"):
        AAE(**SMALL, classes=10, label_informed=True)
    with pytest.raises(GenlabError, match="this AAE must be told labels"):
        AAE(**SMALL, classes=10, prior="mixture", label_informed=True).sample(3, chance(3))
