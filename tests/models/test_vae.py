"""What Kingma and Welling 2014 say, against closed forms and other libraries."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA

from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.models.base import Decodes, Encodes, MatchesPrior, Reconstructs, Samples, ScoresDensity, Validates
from genlab.models.vae import VAE, Gaussian, kl_to_standard_normal
from genlab.nn.noise import Chance
from genlab.nn.pixels import DiscretisedLogistic

SMALL = {"image_size": 4, "channels": 1, "latent_dim": 3, "width": 8}


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_can_do_what_the_rest_of_genlab_asks_for() -> None:
    model = VAE(**SMALL)
    for capability in (Samples, Decodes, Encodes, Reconstructs, ScoresDensity, MatchesPrior, Validates):
        assert isinstance(model, capability), capability


def test_the_kl_is_torchs() -> None:
    mean, log_var = torch.randn(5, 4), torch.randn(5, 4)
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var))
    theirs = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_var), theirs)


def test_an_estimated_kl_comes_to_the_exact_one() -> None:
    """A learned mixture whose components are all N(0, I) is the standard normal."""
    estimating, exact = VAE(**SMALL, prior="learned_mixture", components=2), VAE(**SMALL)
    torch.nn.init.zeros_(estimating.prior.means)
    mean, log_var = torch.tensor([[1.0, -0.5, 0.2]]), torch.tensor([[-1.0, 0.3, 0.0]])
    many, spread = mean.expand(20_000, -1), log_var.expand(20_000, -1)
    z = many + torch.exp(0.5 * spread) * torch.randn(many.shape, generator=rng())
    estimate = estimating.kl(many, spread, z).mean()
    torch.testing.assert_close(estimate, exact.kl(mean, log_var, mean)[0], atol=0.03, rtol=0.0)


def test_codes_are_means_and_images_are_means() -> None:
    model, x = VAE(**SMALL), torch.rand(5, 1, 4, 4, generator=rng()) * 2 - 1
    draws = torch.stack([model.draw_codes(x, chance(len(x), seed)) for seed in range(2000)])
    torch.testing.assert_close(draws.mean(dim=0), model.encode(x), atol=0.15, rtol=0.0)
    white = torch.distributions.Bernoulli(logits=model.decoder(model.encode(x))).mean
    torch.testing.assert_close(model.decode(model.encode(x)), 2 * white - 1)


def test_gaussian_pixels_are_torchs() -> None:
    pixels = Gaussian(1)
    torch.nn.init.constant_(pixels.log_scale, -0.7)
    given, x = torch.randn(6, 1, 3, 3), torch.randn(6, 1, 3, 3)
    theirs = torch.distributions.Normal(given, math.exp(-0.7)).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(pixels.log_prob(given, x), theirs)


def test_a_density_of_levels_and_a_bound_by_dequantised_ones_sum_to_at_most_one() -> None:
    """One pixel, 256 images: the probabilities that any model gives to all there are."""
    x = (torch.arange(256) / 127.5 - 1).view(256, 1, 1, 1).double()
    for pixels in ("gaussian", "discretised_logistic"):
        torch.manual_seed(0)
        model = VAE(image_size=1, channels=1, latent_dim=2, width=4, pixels=pixels).double()
        if pixels == "gaussian":
            torch.nn.init.constant_(model.pixels.log_scale, -1.5)
        with torch.no_grad():
            total = model.log_prob(x, chance(len(x)), effort=200).exp().sum().item()
        assert 0.9 < total < 1.005, pixels  # a Gaussian reaches beyond the levels


def test_a_dequantised_pixel_stays_in_the_interval_that_the_discretised_logistic_gives_its_level() -> None:
    """One grid for both: 256 levels from -1 to 1, each with 1/255 on either side, without a gap between them."""
    levels = (torch.arange(256, dtype=torch.float64) / 127.5 - 1).view(256, 1, 1, 1)
    x = levels.expand(256, 1, 30, 30)
    noisy, log_width = Gaussian(1).dequantise(x, chance(len(x)))
    assert (noisy - x).abs().max() <= 1 / 255
    ks = stats.kstest(((noisy - x) * 255).flatten().numpy(), "uniform", args=(-1, 2))
    assert ks.pvalue > 0.001
    wide = torch.tensor([0.25, 2.0], dtype=torch.float64).view(1, 2, 1, 1)  # mean, log scale: flat within a level
    density = stats.logistic(0.25, math.exp(2.0)).logpdf(levels[150].item())
    assert DiscretisedLogistic(1).log_prob(wide, levels[150:151]).item() == pytest.approx(density + log_width, abs=1e-6)


def linear_vae_at_the_solution(train: np.ndarray, latents: int, size: int) -> VAE:
    """Tipping and Bishop 1999: the maximum-likelihood solution, as weights of an encoder and a decoder."""
    mean, n = train.mean(axis=0), len(train)
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = values[latents:].mean()
    w = vectors[:, :latents] * np.sqrt(values[:latents] - noise)  # (D, Z)
    m = w.T @ w + noise * np.eye(latents)  # diagonal
    model = VAE(image_size=size, channels=1, latent_dim=latents, network="linear", pixels="gaussian").double()
    down, up = model.encoder[1][0], model.decoder[0][0]
    back = np.linalg.solve(m, w.T)  # posterior mean = M^-1 W^T (x - mean)
    with torch.no_grad():
        down.weight.zero_()
        down.weight[:latents] = torch.from_numpy(back)
        down.bias[:latents] = torch.from_numpy(-back @ mean)
        down.bias[latents:] = torch.from_numpy(np.log(noise / np.diag(m)))
        up.weight.copy_(torch.from_numpy(w))
        up.bias.copy_(torch.from_numpy(mean))
        model.pixels.log_scale.fill_(0.5 * math.log(noise))
    assert n > len(mean)
    return model


@pytest.fixture(scope="module")
def patches(fashion: LabelledImages) -> np.ndarray:
    """2,000 garments seen at 6 x 6 pixels, in [-1, 1], a little noisy: (2000, 36)."""
    pixels = fashion.split("train").pixels[:2000, 4:28:4, 4:28:4, 0].reshape(2000, 36) / 127.5 - 1
    return pixels + 0.05 * np.random.default_rng(0).normal(size=pixels.shape)


def test_the_elbo_of_a_linear_vae_is_the_likelihood_of_probabilistic_pca(patches: np.ndarray) -> None:
    """At the solution the posterior is exact, so that bound and log-likelihood are equal, whatever z is drawn."""
    model = linear_vae_at_the_solution(patches, 5, 6)
    x = torch.from_numpy(patches).view(-1, 1, 6, 6)
    exact = PCA(5, svd_solver="full").fit(patches).score_samples(patches)
    w, scale = model.decoder[0][0].weight.detach().numpy(), model.pixels.log_scale.exp().item()
    ours = stats.multivariate_normal(patches.mean(axis=0), w @ w.T + scale**2 * np.eye(36)).logpdf(patches)
    assert ours.mean() == pytest.approx(exact.mean(), abs=0.02)  # scikit-learn divides by n - 1
    with torch.no_grad():
        mean, log_var = model.posterior(x)
        many = [
            model.pixels.log_prob(model.decoder(z := model.draw_codes(x, chance(len(x), s))), x)
            - model.kl(mean, log_var, z)
            for s in range(30)
        ]
    assert torch.stack(many).mean().item() == pytest.approx(ours.mean(), abs=0.03)
    # Every single importance weight is the likelihood.
    model.pixels.dequantise = lambda x, rng: (x, 0.0)
    with torch.no_grad():
        bound = model.log_prob(x, chance(len(x)), effort=2)
    np.testing.assert_allclose(bound.numpy(), ours, rtol=1e-6)


def test_away_from_the_solution_the_elbo_is_below_the_likelihood_and_more_samples_come_closer(
    patches: np.ndarray,
) -> None:
    model = linear_vae_at_the_solution(patches, 5, 6)
    model.pixels.dequantise = lambda x, rng: (x, 0.0)
    with torch.no_grad():
        model.encoder[1][0].bias[:5] += 0.5  # a wrong posterior, the same model
        x = torch.from_numpy(patches[:200]).view(-1, 1, 6, 6)
        w, scale = model.decoder[0][0].weight.numpy(), model.pixels.log_scale.exp().item()
        exact = stats.multivariate_normal(patches.mean(axis=0), w @ w.T + scale**2 * np.eye(36)).logpdf(patches[:200])
        elbo = np.mean([model.elbo(x, chance(len(x), s)).mean().item() for s in range(20)])
        bounds = [
            np.mean([model.log_prob(x, chance(len(x), s), k).mean().item() for s in range(5)]) for k in (1, 5, 50, 500)
        ]
        validation = model.validation({"images": x}, chance(len(x)))
    assert bounds[0] == pytest.approx(elbo, abs=0.6)
    assert -validation.mean().item() == pytest.approx(elbo, abs=0.6)
    assert np.all(np.diff(bounds) > 0.2)
    assert bounds[-1] < exact.mean() + 0.1
    assert exact.mean() - bounds[-1] < 0.5 * (exact.mean() - elbo)


def test_a_linear_vae_learns_probabilistic_pca(patches: np.ndarray) -> None:
    """By gradients alone, without being told: within a nat of the best that there is (of some 30)."""
    torch.manual_seed(0)
    model = VAE(image_size=6, channels=1, latent_dim=5, network="linear", pixels="gaussian")
    x = torch.from_numpy(patches).float().view(-1, 1, 6, 6)
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for step in range(400):
        turn = next(model.turns({"images": x[step % 10 :: 10]}, step))
        optimizer.zero_grad()
        sum(turn.terms.values()).backward()
        optimizer.step()
    with torch.no_grad():
        elbo = -torch.stack([next(model.turns({"images": x}, 0)).metrics["negative_elbo"] for _ in range(10)]).mean()
    assert elbo.item() == pytest.approx(PCA(5, svd_solver="full").fit(patches).score(patches), abs=1.0)


def test_beta_and_warm_up_weigh_the_kl() -> None:
    x = {"images": torch.rand(4, 1, 4, 4) * 2 - 1}

    def kl(step: int, **arguments: float) -> float:
        torch.manual_seed(0)
        return next(VAE(**SMALL, **arguments).turns(x, step)).terms["kl"].item()

    assert kl(0, beta=4.0) == pytest.approx(4 * kl(0))
    assert kl(24, warm_up=100) == pytest.approx(0.25 * kl(0))
    assert kl(500, warm_up=100) == pytest.approx(kl(0))


@pytest.mark.parametrize("prior", ["mixture", "learned_mixture", "swiss_roll", "uniform_ball"])
def test_it_trains_towards_any_prior(prior: str) -> None:
    torch.manual_seed(0)
    model = VAE(**{**SMALL, "latent_dim": 2}, prior=prior)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    x = {"images": (torch.rand(64, 1, 4, 4) > 0.5).float() * 2 - 1}
    losses = []
    for step in range(80):
        turn = next(model.turns(x, step))
        optimizer.zero_grad()
        sum(turn.terms.values()).backward()
        optimizer.step()
        losses.append(turn.metrics["negative_elbo"].item())
    assert np.mean(losses[-20:]) < np.mean(losses[:5]) - 0.3
    assert model.sample(3, chance(3)).shape == (3, 1, 4, 4)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(GenlabError, match="'swiss_roll' lies in two dimensions, but latent_dim is 5"):
        VAE(prior="swiss_roll", latent_dim=5)
    with pytest.raises(GenlabError, match="cannot halve images of 30 pixels"):
        VAE(network="conv", image_size=30)
    with pytest.raises(GenlabError, match="draws without being told what"):
        VAE(**SMALL).decode(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long))
