"""Winograd's convolution is a convolution: its drawings, its gradients, and when it is taken."""

import pytest
import torch
import torch.nn.functional as F

from genlab.nn import winograd
from genlab.nn.winograd import Convolution3x3, winograd_convolution


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-3)])
def test_it_is_torchs_convolution_with_its_gradients(
    dtype: torch.dtype, tolerance: float, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 10, 14, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    weight = torch.randn(7, 5, 3, 3, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    bias = torch.randn(7, dtype=dtype).requires_grad_()
    ours, theirs = winograd_convolution(x, weight, bias), F.conv2d(x, weight, bias)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)
    direction = torch.randn_like(theirs)
    of_ours = torch.autograd.grad(ours, [x, weight, bias], direction)
    of_theirs = torch.autograd.grad(theirs, [x, weight, bias], direction)
    for one, other in zip(of_ours, of_theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("channels", "size", "dtype", "taken"),
    [(128, 32, torch.float32, True), (64, 32, torch.float32, False), (128, 30, torch.float32, False),
     (128, 16, torch.float32, False), (128, 32, torch.float64, False)],
)  # fmt: skip
def test_it_is_taken_where_it_pays_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, channels: int, size: int, dtype: torch.dtype, taken: bool
) -> None:
    calls = []
    real = winograd_convolution
    monkeypatch.setattr(winograd, "winograd_convolution", lambda *given: calls.append(1) or real(*given))
    torch.manual_seed(0)
    layer = Convolution3x3(channels, channels).to(dtype)
    x = torch.randn(1, channels, size + 2, size + 2, dtype=dtype)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias), rtol=0, atol=1e-4)
    assert bool(calls) == taken
    assert list(layer.state_dict()) == ["weight", "bias"]
