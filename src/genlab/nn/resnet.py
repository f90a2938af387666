"""The generator of Johnson et al. 2016 (arXiv:1603.08155) as in CycleGAN: down, residual blocks, up.

B batch, C channels in, D channels out, H = W image size, width the channels of the first layer.
"""

import itertools
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.instance_norm import InstanceNorm
from genlab.nn.winograd import Convolution3x3

Upsampling = Literal["transposed", "resize"]
HALVINGS = 2


def require_quarters(image_size: int, name: str) -> None:
    """Refuse an image size that two halvings and two doublings do not restore.

    Raises:
        GenlabError: names the size and its neighbours.
    """
    if image_size % 2**HALVINGS or image_size < 8:
        near = max(8, round(image_size / 4) * 4)
        raise GenlabError(
            f"{name} halves images twice and doubles them again: the size must be a multiple of 4, at least 8, and not "
            f"{image_size}. Set data.image_size to {near}"
        )


def normalised(convolution: nn.Module) -> list[nn.Module]:
    """Convolution - instance normalisation - ReLU."""
    return [convolution, InstanceNorm(), nn.ReLU(inplace=True)]


class ResidualBlock(nn.Module):
    """Rk, (B, K, h, w): x + two normalised 3 x 3 convolutions with reflection padding and a ReLU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            *normalised(Convolution3x3(channels, channels)),
            nn.ReflectionPad2d(1),
            Convolution3x3(channels, channels),
            InstanceNorm(),
        )

    def forward(self, h: Float[Tensor, "b k i j"]) -> Float[Tensor, "b k i j"]:
        return h + self.layers(h)


def doubling(in_channels: int, out_channels: int, upsampling: Upsampling) -> list[nn.Module]:
    """uk: (B, K, h, w) -> (B, K/2, 2h, 2w). Either a convolution of stride 1/2, or enlarging and then a convolution.

    The second leaves no checkerboard: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts".
    """
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)]
    enlarge = nn.Upsample(scale_factor=2, mode="nearest")
    return [enlarge, nn.ReflectionPad2d(1), nn.Conv2d(in_channels, out_channels, 3)]


class ResNetGenerator(nn.Module):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-D, tanh: (B, C, H, W) -> (B, D, H, W) in [-1, 1].

    Zhu et al. 2017 (CycleGAN), appendix 7.2. All convolutions but the last are normalised, and all have a bias, as in
    the authors' code: its weights map one to one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, blocks: int, width: int = 64,
        upsampling: Upsampling = "transposed",
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [width * 2**level for level in range(HALVINGS + 1)]  # 64, 128, 256
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            *normalised(nn.Conv2d(in_channels, width, 7)),
            *(layer for c, d in itertools.pairwise(widths)
              for layer in normalised(nn.Conv2d(c, d, 3, stride=2, padding=1))),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            *(layer for c, d in zip(widths[:0:-1], widths[-2::-1], strict=True)
              for layer in [*doubling(c, d, upsampling), InstanceNorm(), nn.ReLU(inplace=True)]),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, out_channels, 7),
        )  # fmt: skip

    def features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h//4 w//4"]:
        """Features half way: after the residual blocks."""
        return self.blocks(self.encoder(x))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        return torch.tanh(self.decoder(self.features(x)))
