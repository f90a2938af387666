"""Lesson 2: the KL divergence of two Gaussians by its formula, against draws and against torch's."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence


def kl_of_gaussians(mean_q, log_var_q, mean_p, log_var_p):
    apart = (mean_q - mean_p).square() * torch.exp(-log_var_p)
    return 0.5 * (log_var_p - log_var_q + torch.exp(log_var_q - log_var_p) + apart - 1).sum(dim=1)


def gaussians(seed):
    """The arguments, (5, 3) each, and q and p as torch has them."""
    numbers = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    q, p = (Independent(Normal(mean, (log_var / 2).exp()), 1) for mean, log_var in (numbers[:2], numbers[2:]))
    return numbers, q, p


def test_one_dimension_is_added_to_the_other(written):
    numbers, q, p = gaussians(0)
    torch.testing.assert_close(written("kl_of_gaussians")(*numbers), kl_divergence(q, p))


def test_the_mean_over_draws_comes_near(written):
    numbers, q, p = gaussians(1)
    torch.manual_seed(0)
    z = q.sample((100_000,))
    differences = q.log_prob(z) - p.log_prob(z)
    error = differences.std(dim=0) / len(z) ** 0.5
    assert ((written("kl_of_gaussians")(*numbers) - differences.mean(dim=0)).abs() < 5 * error).all()


def test_it_is_zero_for_equal_ones_and_not_symmetric(written):
    mean, log_var, mean_p, log_var_p = gaussians(2)[0]
    kl = written("kl_of_gaussians")
    assert kl(mean, log_var, mean, log_var).abs().max() < 1e-12
    there, back = kl(mean, log_var, mean_p, log_var_p), kl(mean_p, log_var_p, mean, log_var)
    assert (there > 0).all()
    assert there[0].item() != pytest.approx(back[0].item(), rel=0.05)
