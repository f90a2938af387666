"""What the two players of a GAN minimise, given the discriminator's scores of real and of drawn images.

B examples; one value per example. Where D is a probability, a score is its logit, D = sigmoid(score); else it is D.

`ADVERSARIAL_LOSSES` take scores and whether these should say "real". `GAN_LOSSES` have a function of (on_real, on_fake)
for each player, since some losses compare the two.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Scores = Float[Tensor, " b"]
Images = Float[Tensor, "b c h w"]
LossName = Literal["saturating", "non_saturating", "least_squares", "wasserstein_gp", "hinge", "relativistic_r1_r2"]


def cross_entropy(logits: Float[Tensor, "b *patches"], real: bool) -> Scores:
    """-log D where `real`, else -log(1 - D), D = sigmoid(logits), mean over patches; Goodfellow et al. 2014, eq. 1."""
    return F.softplus(-logits if real else logits).reshape(len(logits), -1).mean(dim=1)


def least_squares(scores: Float[Tensor, "b *patches"], real: bool) -> Scores:
    """(D - 1)^2 where `real`, else D^2, mean over patches; Mao et al. 2017, arXiv:1611.04076, eq. 2 without its 1/2.

    a = 0 and b = c = 1. pix2pix and CycleGAN halve the objective of D and not that of G, for either loss.
    """
    return (scores - float(real)).square().reshape(len(scores), -1).mean(dim=1)


ADVERSARIAL_LOSSES = {"cross_entropy": cross_entropy, "least_squares": least_squares}


def cross_entropy_discriminator(on_real: Scores, on_fake: Scores) -> Scores:
    """-log D(x) - log(1 - D(G(z))); Goodfellow et al. 2014, equation 1."""
    return cross_entropy(on_real, real=True) + cross_entropy(on_fake, real=False)


def saturating_generator(on_real: Scores, on_fake: Scores) -> Scores:
    """log(1 - D(G(z))); Goodfellow et al. 2014, equation 1. Its gradient vanishes if D is sure."""
    return -cross_entropy(on_fake, real=False)


def non_saturating_generator(on_real: Scores, on_fake: Scores) -> Scores:
    """-log D(G(z)); Goodfellow et al. 2014, section 3."""
    return cross_entropy(on_fake, real=True)


def least_squares_discriminator(on_real: Scores, on_fake: Scores) -> Scores:
    """((D(x) - 1)^2 + D(G(z))^2) / 2; Mao et al. 2017, equation 2 with a = 0, b = c = 1."""
    return (least_squares(on_real, real=True) + least_squares(on_fake, real=False)) / 2


def least_squares_generator(on_real: Scores, on_fake: Scores) -> Scores:
    """(D(G(z)) - 1)^2 / 2; Mao et al. 2017, equation 2."""
    return least_squares(on_fake, real=True) / 2


def wasserstein_discriminator(on_real: Scores, on_fake: Scores) -> Scores:
    """D(G(z)) - D(x); Arjovsky et al. 2017, arXiv:1701.07875, equation 2, negated."""
    return on_fake - on_real


def negated_score(on_real: Scores, on_fake: Scores) -> Scores:
    """-D(G(z)): the generator's part of the Wasserstein loss and of the hinge loss."""
    return -on_fake


def hinge_discriminator(on_real: Scores, on_fake: Scores) -> Scores:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))); Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, equation 16."""
    return F.relu(1 - on_real) + F.relu(1 + on_fake)


def relativistic_discriminator(on_real: Scores, on_fake: Scores) -> Scores:
    """-log sigmoid(D(x) - D(G(z))); Huang et al. 2024, arXiv:2501.05441 (R3GAN), section 2."""
    return cross_entropy(on_real - on_fake, real=True)


def relativistic_generator(on_real: Scores, on_fake: Scores) -> Scores:
    """-log sigmoid(D(G(z)) - D(x)): the drawing should score higher than a real image; Huang et al. 2024."""
    return cross_entropy(on_fake - on_real, real=True)


def won_pairs(on_real: Scores, on_fake: Scores) -> Float[Tensor, ""]:
    """The share of pairs in which the real image scores higher: 1/2 if D knows nothing, 1 if D is always right.

    It means the same for every loss, which the share of right answers does not.
    """
    return (on_real > on_fake).to(on_real.dtype).mean().detach()


class GanLoss(NamedTuple):
    """What each player minimises, and how the discriminator is kept smooth."""

    discriminator: Callable[[Scores, Scores], Scores]
    generator: Callable[[Scores, Scores], Scores]
    penalty: Literal["unit_gradient", "zero_gradient"] | None = None  # see below; it excludes batch normalisation
    penalty_weight: float = 0.0  # the paper's
    relativistic: bool = False  # does the generator's loss look at real images, too?
    n_critic: int = 1  # turns of D for one of G; the paper's
    optimal: bool = False  # may D be trained to its optimum? Then a D that is always right is no bad sign

    def metrics(self, on_real: Scores, on_fake: Scores) -> dict[str, Float[Tensor, ""]]:
        """How often D is right. Nothing for a loss whose D may be at its optimum."""
        return {} if self.optimal else {"accuracy": won_pairs(on_real, on_fake)}


GAN_LOSSES: dict[str, GanLoss] = {
    "saturating": GanLoss(cross_entropy_discriminator, saturating_generator),
    "non_saturating": GanLoss(cross_entropy_discriminator, non_saturating_generator),
    "least_squares": GanLoss(least_squares_discriminator, least_squares_generator),
    "wasserstein_gp": GanLoss(
        wasserstein_discriminator, negated_score, penalty="unit_gradient", penalty_weight=10.0, n_critic=5,
        optimal=True,
    ),
    "hinge": GanLoss(hinge_discriminator, negated_score),
    "relativistic_r1_r2": GanLoss(
        relativistic_discriminator, relativistic_generator, penalty="zero_gradient", penalty_weight=0.5,
        relativistic=True,
    ),
}  # fmt: skip


def squared_gradient(scores: Scores, x: Images) -> Float[Tensor, " b"]:
    """|grad D(x)|^2 of each example, for `scores` of an `x` that requires a gradient. It can be differentiated again.

    On real images this is the penalty R1 (Mescheder et al. 2018, arXiv:1801.04406, equation 9), on drawn ones R2.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def unit_gradient_penalty(discriminator: Callable[[Images], Scores], real: Images, fake: Images) -> Float[Tensor, " b"]:
    """(|grad D(x_hat)| - 1)^2, x_hat between a real and a drawn image at random; Gulrajani et al. 2017, equation 3."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
    between = torch.lerp(fake, real, share).detach().requires_grad_()
    norm = (squared_gradient(discriminator(between), between) + 1e-12).sqrt()  # the root has no slope at 0
    return (norm - 1).square()
