"""Adversarial losses on logits, one value per example. B examples, h x w patches."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

PatchLogits = Float[Tensor, "b 1 h w"]


def cross_entropy(logits: PatchLogits, real: bool) -> Float[Tensor, " b"]:
    """-log D where `real`, else -log(1 - D), D = sigmoid(logits), mean over patches; Goodfellow et al. 2014, eq. 1."""
    return F.softplus(-logits if real else logits).mean(dim=(1, 2, 3))


def least_squares(logits: PatchLogits, real: bool) -> Float[Tensor, " b"]:
    """(D - 1)^2 where `real`, else D^2, D = logits, mean over patches; Mao et al. 2017, eq. 2 with a = 0, b = c = 1.

    The paper's factor 1/2 is the caller's: pix2pix and CycleGAN halve the discriminator's objective for either loss.
    """
    return (logits - float(real)).square().mean(dim=(1, 2, 3))


ADVERSARIAL_LOSSES = {"cross_entropy": cross_entropy, "least_squares": least_squares}
