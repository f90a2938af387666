"""3 x 3 convolutions with a quarter of the multiplications, for CPUs. Lavin and Gray 2016, arXiv:1509.09308.

F(4 x 4, 3 x 3) of the paper's section 4.3. The image is cut into tiles of 6 x 6 pixels, 4 apart. Tiles and kernels are
transformed to 36 numbers each, multiplied number by number, summed over channels, and transformed back to 4 x 4 pixels.
16 pixels need 36 products instead of 144. B batch, C channels in, K out, T tiles.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

TILE = 4
KERNEL_TO_36 = [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
                [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]  # fmt: skip
TILE_TO_36 = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
              [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
BACK_FROM_36 = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
"""G, B^T and A^T of the paper, for one dimension. Those for two are their Kronecker products."""

MANY_CHANNELS, MANY_TILES = 128, 64  # with fewer, the transforms cost more than the products save


def _both_dimensions(matrix: list, like: Tensor) -> Tensor:
    one = torch.tensor(matrix, dtype=like.dtype, device=like.device)
    return torch.kron(one, one)


def winograd_convolution(
    x: Float[Tensor, "b c y x"], weight: Float[Tensor, "k c 3 3"], bias: Float[Tensor, " k"]
) -> Float[Tensor, "b k y-2 x-2"]:
    """`F.conv2d(x, weight, bias)` for outputs whose sides are multiples of 4; equation 12."""
    b, c, k = len(x), x.shape[1], len(weight)
    rows, columns = (x.shape[2] - 2) // TILE, (x.shape[3] - 2) // TILE
    tiles = F.unfold(x, TILE + 2, stride=TILE).view(b, c, 36, rows * columns)
    tiles = _both_dimensions(TILE_TO_36, x) @ tiles  # (B, C, 36, T)
    kernels = _both_dimensions(KERNEL_TO_36, x) @ weight.permute(2, 3, 0, 1).reshape(9, k * c)  # (36, K C)
    products = torch.bmm(kernels.view(36, k, c), tiles.permute(2, 1, 0, 3).reshape(36, c, b * rows * columns))
    pixels = _both_dimensions(BACK_FROM_36, x) @ products.view(36, -1)  # (16, K B T)
    pixels = pixels.view(TILE, TILE, k, b, rows, columns).permute(3, 2, 4, 0, 5, 1)
    return pixels.reshape(b, k, rows * TILE, columns * TILE) + bias.view(1, k, 1, 1)


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution without padding. On a CPU, many channels and many pixels in float32 go through Winograd's.

    Both compute the same formula, but float32 rounds differently (about 1e-5 of the largest value). GPUs' libraries
    choose for themselves.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3)

    def forward(self, x: Float[Tensor, "b c _ _"]) -> Float[Tensor, "b d _ _"]:
        h, w = x.shape[2] - 2, x.shape[3] - 2
        pays = (
            x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
            and min(self.in_channels, self.out_channels) >= MANY_CHANNELS
            and h % TILE == w % TILE == 0 and len(x) * h * w >= MANY_TILES * TILE**2
        )  # fmt: skip
        if not pays:
            return super().forward(x)
        assert self.bias is not None
        return winograd_convolution(x, self.weight, self.bias)
