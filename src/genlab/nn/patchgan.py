"""PatchGAN: a discriminator that judges every N x N patch of an image. Isola et al. 2017, sections 3.2.2 and 6.1.2.

B batch, C channels, H = W image size, h x w patches.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.instance_norm import InstanceNorm

ReceptiveField = Literal[1, 16, 34, 70, 142, 286]
STRIDED_LAYERS: dict[int, int] = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
"""Receptive field -> number of stride-2 convolutions; two stride-1 convolutions follow."""


def patches_per_side(image_size: int, receptive_field: ReceptiveField) -> int:
    """How many patches h = w a PatchGAN sees in an image of H = W pixels. Below 1 it does not fit."""
    if receptive_field == 1:
        return image_size
    for _ in range(STRIDED_LAYERS[receptive_field]):
        image_size //= 2  # kernel 4, stride 2, padding 1
    return image_size - 2  # twice kernel 4, stride 1, padding 1


class PatchDiscriminator(nn.Sequential):
    """(B, C, H, W) -> logits (B, 1, h, w), one per patch of `receptive_field` pixels.

    C64-C128-...: convolution, normalisation (not in the first layer), LeakyReLU(0.2). 4 x 4 kernels with stride 2, then
    two with stride 1. The receptive field 1 has 1 x 1 kernels only. `norm` is "batch" in pix2pix, "instance" in
    CycleGAN. With "instance" every convolution has a bias, as in the authors' code.

    Raises:
        GenlabError: the image is too small for a single patch.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: int,
        receptive_field: ReceptiveField = 70,
        width: int = 64,
        norm: Literal["batch", "instance"] = "batch",
    ) -> None:
        if patches_per_side(image_size, receptive_field) < 1:
            fits = [n for n in (1, *STRIDED_LAYERS) if patches_per_side(image_size, n) >= 1]  # type: ignore[arg-type]
            raise GenlabError(
                f"a PatchGAN with receptive_field={receptive_field} has no patch in {image_size}x{image_size} images; "
                f"use one of {', '.join(map(str, fits))}, or larger images (data.image_size)"
            )
        strided = 0 if receptive_field == 1 else STRIDED_LAYERS[receptive_field]
        kernel, padding = (1, 0) if receptive_field == 1 else (4, 1)
        widths = [width * min(2**layer, 8) for layer in range(max(strided, 1) + 1)]
        instance = norm == "instance"
        layers: list[nn.Module] = []
        for layer, out_channels in enumerate(widths):
            stride = 2 if layer < strided else 1
            layers.append(nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=layer == 0 or instance))
            if layer > 0 and instance:  # "BatchNorm is not applied to the first C64 layer"
                layers.append(InstanceNorm())
            elif layer > 0:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            in_channels = out_channels
        layers.append(nn.Conv2d(in_channels, 1, kernel, 1, padding, bias=strided > 0 or instance))
        # ^ the authors' 1 x 1 has a bias with instance normalisation only
        super().__init__(*layers)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 i j"]:
        """Logits per patch. Their sigmoid is the probability that the patch is real."""
        return super().forward(x)
