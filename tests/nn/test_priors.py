import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from genlab.errors import GenlabError
from genlab.nn.noise import Chance
from genlab.nn.priors import GaussianMixture, LearnedMixture, Prior, UniformBall, log_normal, make_prior, reparameterise

TWO_D = ["standard_normal", "mixture", "learned_mixture", "swiss_roll", "uniform_ball"]


@pytest.fixture(params=TWO_D)
def prior(request: pytest.FixtureRequest) -> Prior:
    torch.manual_seed(1)
    prior = make_prior(request.param, 2, components=10)
    for parameter in prior.parameters():  # away from where learning starts
        torch.nn.init.normal_(parameter, std=0.7)
    return prior.double()


def grid(reach: float, side: int) -> tuple[torch.Tensor, float]:
    """The middles of side x side cells of [-reach, reach]^2, and their area."""
    axis = (torch.arange(side, dtype=torch.float64) + 0.5) / side * 2 * reach - reach
    return torch.cartesian_prod(axis, axis), (2 * reach / side) ** 2


def test_the_density_integrates_to_one(prior: Prior) -> None:
    z, cell = grid(1.5 * prior.extent + 2, 160)
    assert (prior.log_prob(z).exp().sum() * cell).item() == pytest.approx(1.0, abs=2e-3)


def test_samples_have_the_density_that_log_prob_says(prior: Prior) -> None:
    """In each of 20 x 20 cells as many of the samples as its probability says: a chi-squared test."""
    z, cell = grid(prior.extent, 160)
    mass = (prior.log_prob(z).exp() * cell).detach()
    drawn = prior.sample(20_000, Chance.of(0, range(20_000))).detach()
    edges = np.linspace(-prior.extent, prior.extent, 21)  # eight cells of the grid in each
    expected = np.histogram2d(*z.T.numpy(), bins=[edges, edges], weights=mass.numpy())[0].ravel() * len(drawn)
    found = np.histogram2d(*drawn.T.numpy(), bins=[edges, edges])[0].ravel()
    filled = expected > 10
    assert ((found - expected)[filled] ** 2 / expected[filled]).sum() < stats.chi2.ppf(0.999, filled.sum())
    assert found[expected < 1e-3].sum() == 0, "samples where there is no density"


def test_sampling_repeats_with_its_seed(prior: Prior) -> None:
    one, again, other = (prior.sample(5, Chance.of(seed, range(5))) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_log_prob_passes_gradients(prior: Prior) -> None:
    z = prior.sample(6).detach().requires_grad_()
    prior.log_prob(z).sum().backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in prior.parameters())


def test_the_standard_normal_and_a_mixture_are_scipys() -> None:
    z = torch.randn(7, 5, dtype=torch.float64)
    expected = stats.multivariate_normal(np.zeros(5)).logpdf(z.numpy())
    np.testing.assert_allclose(make_prior("standard_normal", 5).double().log_prob(z), expected, rtol=1e-6)
    mixture = make_prior("mixture", 2, components=3).double()
    assert isinstance(mixture, GaussianMixture)
    point = np.array([0.3, -1.2])
    densities = [stats.multivariate_normal(mean, factor @ factor.T).pdf(point)
                 for mean, factor in zip(mixture.means.numpy(), mixture.factors.numpy(), strict=True)]  # fmt: skip
    assert mixture.log_prob(torch.tensor(point)[None]).item() == pytest.approx(math.log(np.mean(densities)), rel=1e-5)


@pytest.mark.parametrize("prior", ["mixture", "learned_mixture", "swiss_roll"], indirect=True)
def test_mixtures_have_the_log_prob_of_torch_distributions(prior: Prior) -> None:
    z = prior.sample(50, Chance.of(0, range(50))).detach()
    if isinstance(prior, LearnedMixture):
        weights, each = prior.logits, Independent(Normal(prior.means, torch.exp(0.5 * prior.log_vars)), 1)
    else:
        assert isinstance(prior, GaussianMixture)
        weights = torch.zeros(prior.components, dtype=torch.float64)
        each = MultivariateNormal(prior.means, prior.factors @ prior.factors.mT)
    theirs = MixtureSameFamily(Categorical(logits=weights), each).log_prob(z)
    torch.testing.assert_close(prior.log_prob(z), theirs, rtol=1e-5, atol=1e-5)  # the fixed ones are kept in float32


@pytest.mark.parametrize("dim", [1, 3, 20])
def test_a_ball_of_narrow_edge_has_the_volume_of_a_ball(dim: int) -> None:
    ball = UniformBall(dim, radius=2.0, edge=1e-4).double()
    volume = math.log(math.pi) * dim / 2 - math.lgamma(dim / 2 + 1) + dim * math.log(2.0)
    assert ball.log_prob(torch.zeros(1, dim, dtype=torch.float64)).item() == pytest.approx(-volume, abs=0.01)
    radii = ball.sample(4000, Chance.of(0, range(4000))).norm(dim=1)
    assert stats.kstest((radii / 2) ** dim, "uniform").pvalue > 0.001


def test_a_group_of_a_mixture_is_its_component() -> None:
    mixture = make_prior("mixture", 2, components=10)
    assert isinstance(mixture, GaussianMixture)
    group = torch.arange(10).repeat(50)
    z = mixture.sample_group(group, 10, Chance.of(0, range(len(group))))
    nearest = torch.cdist(z, mixture.means).argmin(dim=1)
    assert (nearest == group).float().mean() > 0.97


def test_groups_cut_a_swiss_roll_along_its_length() -> None:
    roll = make_prior("swiss_roll", 2)
    assert isinstance(roll, GaussianMixture)
    z = roll.sample_group(torch.arange(7).repeat(100), 7, Chance.of(0, range(700)))
    place = torch.cdist(z, roll.means).argmin(dim=1).view(100, 7)
    middles = place.float().mean(dim=0)
    assert (middles.diff() > 20).all()
    assert middles[0] < 30
    assert middles[6] > 210


def test_monte_carlo_and_closed_form_agree_for_a_normal() -> None:
    from genlab.models.vae import kl_to_standard_normal

    mean, log_var = torch.tensor([[0.5, -1.0, 2.0]]).double(), torch.tensor([[0.3, -2.0, 0.0]]).double()
    exact = kl_to_standard_normal(mean, log_var).item()
    normal = make_prior("standard_normal", 3).double()
    means, log_vars = mean.expand(40_000, 3), log_var.expand(40_000, 3)
    z = reparameterise(means, log_vars, Chance.of(0, range(len(means))))
    estimate = log_normal(z, means, log_vars) - normal.log_prob(z)
    error = estimate.std().item() / 200
    assert estimate.mean().item() == pytest.approx(exact, abs=4 * error)
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var))
    theirs = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum().item()
    assert exact == pytest.approx(theirs, rel=1e-6)


def test_unknown_priors_and_dimensions_are_refused() -> None:
    with pytest.raises(GenlabError, match=r"no prior 'cube'; there are: standard_normal, mixture, .*uniform_ball"):
        make_prior("cube", 2)  # type: ignore[arg-type]
    for name in ("mixture", "swiss_roll"):
        with pytest.raises(GenlabError, match="lies in two dimensions, but latent_dim is 3; set latent_dim to 2"):
            make_prior(name, 3)  # type: ignore[arg-type]
