"""Causal kernels, against whole kernels with the paper's masks."""

import pytest
import torch
import torch.nn.functional as F

from genlab.nn.causal import CausalConv


def whole_kernel(conv: CausalConv, reach: int, *, rows: bool) -> torch.Tensor:
    """The same weights in an n x n kernel, with zeros to the right and below, as the paper has it: figure 2."""
    size, (outputs, inputs) = 2 * reach + 1, conv.weight.shape[:2]
    kernel = torch.zeros(outputs, inputs, size, size)
    for row in range(size):
        for column in range(size):
            if row <= reach and (rows or row == reach) and (column <= reach or row < reach):
                kernel[:, :, row, column] = conv.weight[:, :, row - reach - 1 if rows else 0, column]
    return kernel


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_it_is_a_whole_convolution_whose_kernel_is_masked(reach: int, rows: bool, mask: str, groups: int) -> None:
    conv, x = CausalConv(7, 12, reach=reach, mask=mask, groups=groups, rows=rows), torch.randn(2, 7, 6, 5)
    kernel = whole_kernel(conv, reach, rows=rows)
    for ours in range(12):
        for theirs in range(7):
            before = theirs % groups < ours % groups or (mask == "B" and theirs % groups == ours % groups)
            kernel[ours, theirs, reach, reach] *= before
    torch.testing.assert_close(conv(x), F.conv2d(x, kernel, conv.bias, padding=reach), atol=1e-5, rtol=1e-5)


def test_a_mask_is_no_part_of_the_weights() -> None:
    conv, x = CausalConv(3, 3, reach=1, mask="A", groups=3), torch.randn(1, 3, 4, 4)
    before, hidden = conv(x), conv.masked() == 0
    assert hidden.any()
    assert (conv.weight != 0).all()
    assert set(conv.state_dict()) == {"weight", "bias"}
    with torch.no_grad():
        conv.weight[hidden] = 1e6
    assert torch.equal(conv(x), before)
    conv(x).sum().backward()
    assert conv.weight.grad is not None
    assert (conv.weight.grad[hidden] == 0).all(), "nothing moves what is masked"
