"""The losses of GANs against closed forms and torch's own functions."""

import math

import pytest
import torch
import torch.nn.functional as F

from genlab.nn.gan_losses import (
    GAN_LOSSES,
    cross_entropy,
    least_squares,
    squared_gradient,
    unit_gradient_penalty,
    won_pairs,
)  # fmt: skip

REAL = torch.tensor([0.3, -2.0, 5.0, 40.0], dtype=torch.float64)
FAKE = torch.tensor([-0.7, 1.0, 6.0, -40.0], dtype=torch.float64)


def bce(scores: torch.Tensor, label: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label), reduction="none")


EXPECTED = {
    "saturating": (bce(REAL, 1) + bce(FAKE, 0), -bce(FAKE, 0)),
    "non_saturating": (bce(REAL, 1) + bce(FAKE, 0), bce(FAKE, 1)),
    "least_squares": (((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    "wasserstein_gp": (FAKE - REAL, -FAKE),
    "hinge": ((1 - REAL).clamp(min=0) + (1 + FAKE).clamp(min=0), -FAKE),
    "relativistic_r1_r2": (bce(REAL - FAKE, 1), bce(REAL - FAKE, 0)),
}


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("shape", [(5,), (5, 1, 3, 3)])
def test_losses_of_one_answer_are_the_textbooks_mean_over_patches(real: bool, shape: tuple[int, ...]) -> None:
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for loss, per_patch in ((cross_entropy, bce(logits, float(real))), (least_squares, (logits - float(real)) ** 2)):
        expected = torch.stack([example.mean() for example in per_patch])
        torch.testing.assert_close(loss(logits, real), expected)


def test_cross_entropy_stays_finite_where_the_sigmoid_is_full() -> None:
    logits = torch.full((1, 1, 1, 1), 1000.0)
    assert cross_entropy(logits, real=False).item() == 1000.0
    assert cross_entropy(logits, real=True).item() == 0.0


@pytest.mark.parametrize("name", list(GAN_LOSSES))
def test_each_loss_is_its_papers(name: str) -> None:
    for function, expected in zip(GAN_LOSSES[name][:2], EXPECTED[name], strict=True):
        torch.testing.assert_close(function(REAL, FAKE), expected)


@pytest.mark.parametrize("name", list(GAN_LOSSES))
def test_players_pull_a_drawings_score_opposite_ways(name: str) -> None:
    slopes = []
    for function in GAN_LOSSES[name][:2]:
        score = torch.full((3,), 0.2, requires_grad=True)
        function(torch.full((3,), 0.4), score).sum().backward()
        assert score.grad is not None
        slopes.append(score.grad[0].item())
    assert slopes[0] > 0 > slopes[1]


def test_where_the_discriminator_is_sure_the_saturating_generator_learns_nothing_and_the_other_does() -> None:
    slopes = {}
    for name in ("saturating", "non_saturating"):
        score = torch.tensor([-20.0], requires_grad=True)
        GAN_LOSSES[name].generator(torch.tensor([20.0]), score).sum().backward()
        assert score.grad is not None
        slopes[name] = abs(score.grad.item())
    assert slopes["saturating"] < 1e-8
    assert slopes["non_saturating"] == pytest.approx(1, abs=1e-6)


def test_penalties_of_a_linear_critic_are_functions_of_its_weights_alone() -> None:
    torch.manual_seed(0)
    w = torch.randn(2, 4, 4, dtype=torch.float64)
    real, fake = torch.randn(2, 5, 2, 4, 4, dtype=torch.float64)

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (x * w).sum(dim=(1, 2, 3)) + 3

    x = real.clone().requires_grad_()
    length = w.norm()
    torch.testing.assert_close(squared_gradient(critic(x), x), (length**2).expand(5))
    torch.testing.assert_close(unit_gradient_penalty(critic, real, fake), ((length - 1) ** 2).expand(5))


def test_penalties_are_of_each_example_and_can_be_learned_from() -> None:
    """D(x) = a |x|^2 / 2 has the gradient a x, so R1 is a^2 |x|^2 and its slope in a is 2 a |x|^2."""
    a = torch.tensor(3.0, requires_grad=True)
    x = torch.randn(4, 1, 2, 2, requires_grad=True)
    penalty = squared_gradient(a * x.square().sum(dim=(1, 2, 3)) / 2, x)
    norm = x.detach().square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(penalty, 9 * norm)
    penalty.sum().backward()
    torch.testing.assert_close(a.grad, 6 * norm.sum())


def test_wassersteins_points_lie_between_real_and_drawn() -> None:
    seen: list[torch.Tensor] = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x.square().sum(dim=(1, 2, 3))

    unit_gradient_penalty(critic, torch.full((200, 1, 1, 1), 3.0), torch.full((200, 1, 1, 1), 1.0))
    shares = (seen[0].detach().flatten() - 1) / 2
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.mean() == pytest.approx(0.5, abs=0.1)
    assert shares.std() == pytest.approx(math.sqrt(1 / 12), abs=0.05)


def test_a_flat_critic_has_a_penalty_and_finite_gradients() -> None:
    scale = torch.zeros((), requires_grad=True)
    x = torch.randn(3, 1, 2, 2)
    unit_gradient_penalty(lambda y: scale * y.sum(dim=(1, 2, 3)), x, -x).sum().backward()
    assert scale.grad is not None
    assert torch.isfinite(scale.grad)


def test_won_pairs_counts_strictly() -> None:
    assert won_pairs(REAL, FAKE) == 0.5
    assert won_pairs(REAL, REAL) == 0
