"""The PixelRNN's layers, against the paper's equations written as loops over pixels, and against PyTorch's LSTM."""

import pytest
import torch
from torch import Tensor

from genlab.models import pixelrnn
from genlab.models.pixelrnn import DiagonalBiLSTM, RowLSTM
from tests.models.test_raster import make, seen_from


def equation_3(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """c and h of one place, from the sums of both convolutions, in the order o, f, i, g."""
    n = len(c)
    o, f, i = (gates[k * n : (k + 1) * n].sigmoid() for k in range(3))
    g = gates[3 * n :].tanh()
    c = f * c + i * g
    return c, o * c.tanh()


@torch.no_grad()
def test_a_row_lstm_is_the_papers_equations_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    layer, x, size = RowLSTM(4, groups=1).double(), torch.randn(1, 8, 5, 6, dtype=torch.float64), (5, 6)
    weight, zero = layer.read.masked(), torch.zeros(4, dtype=torch.float64)
    assert weight.shape == (16, 8, 1, 2), "the place to the left and the place itself"
    c: dict[tuple[int, int], Tensor] = {}
    h: dict[tuple[int, int], Tensor] = {}
    for i in range(size[0]):
        for j in range(size[1]):
            gates = layer.read.bias + weight[:, :, 0, 1] @ x[0, :, i, j]
            if j > 0:
                gates = gates + weight[:, :, 0, 0] @ x[0, :, i, j - 1]
            for k in range(3):
                gates = gates + layer.kernel[0, 4 * k : 4 * k + 4].T @ h.get((i - 1, j + k - 1), zero)
            c[i, j], h[i, j] = equation_3(gates, c.get((i - 1, j), zero))
    found = layer(x)[0]
    for (i, j), wanted in h.items():
        torch.testing.assert_close(found[:, i, j], wanted, atol=1e-12, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("of_image", [True, False])
def test_a_diagonal_bilstm_is_the_papers_equations_pixel_by_pixel(of_image: bool) -> None:
    torch.manual_seed(0)
    layer = DiagonalBiLSTM(4, groups=1, channels=3 if of_image else 0).double()
    x, image = torch.randn(1, 8, 5, 6, dtype=torch.float64), torch.randn(1, 3, 5, 6, dtype=torch.float64)
    left, right = layer.left(x)[0], layer.right(image if of_image else x)[0]
    zero = torch.zeros(4, dtype=torch.float64)

    def walk(gates: Tensor, kernel: Tensor, beside: int) -> dict[tuple[int, int], Tensor]:
        """h of one direction: the state is that of the pixel `beside`, and h that of the pixel above too."""
        c: dict[tuple[int, int], Tensor] = {}
        h: dict[tuple[int, int], Tensor] = {}
        for i in range(5):
            for j in sorted(range(6), reverse=beside == 1):
                told = kernel[:4].T @ h.get((i - 1, j), zero) + kernel[4:].T @ h.get((i, j + beside), zero)
                c[i, j], h[i, j] = equation_3(gates[:, i, j] + told, c.get((i, j + beside), zero))
        return h

    from_left, from_right = walk(left, layer.kernel[0], -1), walk(right, layer.kernel[1], 1)
    found = layer(x, image)[0] if of_image else layer(x)[0]
    for (i, j), wanted in from_left.items():
        torch.testing.assert_close(found[:, i, j], wanted + from_right.get((i - 1, j), zero), atol=1e-12, rtol=0)


@torch.no_grad()
def test_a_row_lstm_of_width_one_is_an_lstm() -> None:
    """PyTorch has the gates in the order i, f, g, o."""
    torch.manual_seed(0)
    layer, x = RowLSTM(4, groups=1), torch.randn(3, 8, 7, 1)
    theirs = torch.nn.LSTMCell(8, 4)
    order = torch.cat([torch.arange(4) + 4 * k for k in (2, 1, 3, 0)])  # of o, f, i, g
    theirs.weight_ih.copy_(layer.read.masked()[order, :, 0, 1])
    theirs.bias_ih.copy_(layer.read.bias[order])
    theirs.weight_hh.copy_(layer.kernel[0, 4:8].T[order])
    theirs.bias_hh.zero_()
    h, c = torch.zeros(2, 3, 4)
    for row, found in enumerate(layer(x).unbind(2)):
        h, c = theirs(x[:, :, row, 0], (h, c))
        torch.testing.assert_close(found[:, :, 0], h, msg=f"row {row}")


@pytest.mark.parametrize(
    ("network", "first", "layers", "seen"),
    [("row", 1, 1, 106), ("row", 1, 6, 121), ("row", 3, 1, 126), ("diagonal", 1, 1, 142), ("diagonal", 3, 3, 142)],
)
def test_receptive_fields(network: str, first: int, layers: int, seen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 142 pixels before (9, 7) in a 15 x 15 image: a triangle, or everything.

    After a first convolution of 3 x 3, a row LSTM sees the row above up to column 8, and every row further up one more
    to the right: 6 + 5 + 4 + 3 + 2 + 1 are hidden. To the left, one layer misses 5 + 4 + 3 + 2 + 1 pixels, and every
    further layer misses fewer.
    """
    monkeypatch.setattr(pixelrnn, "FIRST", first)
    sees = seen_from(make(network, 15, depth=layers), 9, 7)
    assert sees[: 9 * 15 + 7].sum() == sees.sum() == seen
