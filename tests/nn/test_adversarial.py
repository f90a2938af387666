"""Adversarial losses against PyTorch's own, and where a naive formula overflows."""

import pytest
import torch
import torch.nn.functional as F

from genlab.nn.adversarial import cross_entropy, least_squares


@pytest.mark.parametrize("real", [True, False])
def test_losses_are_the_textbooks(real: bool) -> None:
    logits = torch.randn(5, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.full_like(logits, float(real))
    per_patch = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    torch.testing.assert_close(cross_entropy(logits, real), per_patch.mean(dim=(1, 2, 3)))
    torch.testing.assert_close(least_squares(logits, real), ((logits - labels) ** 2).mean(dim=(1, 2, 3)))


def test_cross_entropy_stays_finite_where_the_sigmoid_is_full() -> None:
    logits = torch.full((1, 1, 1, 1), 1000.0)
    assert cross_entropy(logits, real=False).item() == 1000.0
    assert cross_entropy(logits, real=True).item() == 0.0
