"""Autoencoders in three generations: linear, deep, convolutional.

linear  Bourlard and Kamp 1988, Biological Cybernetics 59; Baldi and Hornik 1989: without the sigmoid its best is PCA
deep    Hinton and Salakhutdinov 2006, Science 313(5786)
conv    Masci et al. 2011, ICANN; enlarged without a checkerboard as in Odena, Dumoulin and Olah 2016, Distill

B batch, C channels, H = W image size, D = C * H * W numbers in an image, Z < D numbers in its code. x is an image,
z = e(x) its code, x_hat = d(z) the reconstruction. z has no prior, so the model draws nothing new.

Hinton and Salakhutdinov have logistic units (and linear ones in the code, as here), pretrain each layer as a restricted
Boltzmann machine, and fine-tune MNIST with a cross entropy. Here are rectified linear units with He's first weights,
which learn without pretraining, and the squared error, which all three generations share.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Batch, Family, Model, Recipe, Reconstructs, StartsClassifier, Turn, Validates
from genlab.nn.coders import COARSEST, mlp
from genlab.nn.halvings import halvings
from genlab.nn.init import init_he
from genlab.nn.noise import Chance

Images = Float[Tensor, "b c h w"]
Smaller = Float[Tensor, "b d h//2 w//2"]
Larger = Float[Tensor, "b d 2*h 2*w"]
Codes = Float[Tensor, "b z"]


def squared_error(x: Images, x_hat: Images) -> Float[Tensor, " b"]:
    """||x - x_hat||_2^2 / D, of pixels in the range [0, 1]: the L2 loss."""
    return ((x - x_hat) / 2).square().mean(dim=(1, 2, 3))


class Down(nn.Module):
    """Convolution 3 x 3, stride 2 - ReLU: (B, C, H, W) -> (B, D, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, 2, 1)

    def forward(self, h: Images) -> Smaller:
        return F.relu(self.conv(h))


class Up(nn.Module):
    """Every pixel four times - convolution 3 x 3: (B, C, H, W) -> (B, D, 2H, 2W), the upconvolution.

    Every output pixel is the same sum of as many terms, so that an even area stays even whatever the weights are. A
    transposed convolution whose kernel its stride does not divide would print a checkerboard on it (Odena et al.).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, 1, 1)

    def forward(self, h: Images) -> Larger:
        return self.conv(F.interpolate(h, scale_factor=2, mode="nearest"))


def convolutional(channels: int, image_size: int, latent_dim: int, width: int) -> tuple[nn.Module, nn.Module]:
    """Encoder (B, C, H, W) -> (B, Z) and decoder (B, Z) -> (B, C, H, W)."""
    depth = halvings(
        image_size, COARSEST, "the convolutional autoencoder", least=1,
        instead=", or generation to deep or linear, which take every size",
    )  # fmt: skip
    side = image_size // 2**depth
    widths = [channels, *(width * min(2**level, 8) for level in range(depth))]
    deepest = widths[-1] * side**2
    down = [Down(c, d) for c, d in pairwise(widths)]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(deepest, latent_dim))
    up: list[nn.Module] = []
    for d, c in zip(widths[:0:-1], widths[-2::-1], strict=True):
        up += [nn.ReLU(), Up(d, c)]
    return encoder, nn.Sequential(nn.Linear(latent_dim, deepest), nn.Unflatten(1, (widths[-1], side, side)), *up)


class Autoencoder(Model, StartsClassifier, Reconstructs, Validates):
    """An encoder keeps Z numbers of an image. A decoder draws the image anew from them.

    Raises:
        GenlabError: the code is not smaller than the image, or the convolutions cannot halve the image size.
    """

    family = Family.RECONSTRUCTION
    recipe = Recipe(optimizer="adam", learning_rate=1e-3, batch_size=64, epochs=30.0)  # common values, of no paper

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 1,
        generation: Literal["linear", "deep", "conv"] = "conv",
        latent_dim: Annotated[int, Ge(1)] = 32,  # Z, smaller than D
        sigmoid: bool = True,  # keeps x_hat in range; linear without it is PCA
        hidden: tuple[Annotated[int, Gt(0)], ...] = (1000, 500, 250),  # deep: Hinton and Salakhutdinov's sizes
        width: Annotated[int, Ge(1)] = 32,  # conv: channels of the first layer; they double with every halving
    ) -> None:
        super().__init__()
        pixels = channels * image_size**2
        if not 1 <= latent_dim < pixels:
            raise GenlabError(
                f"autoencoder.model.latent_dim is {latent_dim}: a code must be smaller than the image, from 1 to "
                f"{pixels - 1} numbers for {image_size}x{image_size} pixels with {channels} channel(s)"
            )
        self.latent_dim = latent_dim
        self.sigmoid = sigmoid
        if generation == "conv":
            self.encoder, self.decoder = convolutional(channels, image_size, latent_dim, width)
        else:
            sizes = [pixels, *(hidden if generation == "deep" else ()), latent_dim]
            self.encoder = nn.Sequential(nn.Flatten(), mlp(sizes, "relu"))
            self.decoder = nn.Sequential(mlp(sizes[::-1], "relu"), nn.Unflatten(1, (channels, image_size, image_size)))

        if generation != "linear":
            self.apply(init_he)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 2, "latent_dim": 3}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"autoencoder": list(self.parameters())}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        yield Turn("autoencoder", {"squared_error": squared_error(x, self.reconstruct(x)).mean()})

    def validation(self, batch: Batch, rng: Chance) -> Float[Tensor, " b"]:
        """The loss: the mean squared error of each reconstruction, in the pixel range [0, 1]."""
        return squared_error(batch["images"], self.reconstruct(batch["images"]))

    def encode(self, x: Images) -> Codes:
        return self.encoder(x)

    def draw(self, z: Codes) -> Images:
        """The images of these codes; with a sigmoid in [-1, 1]."""
        x_hat = self.decoder(z)
        return 2 * torch.sigmoid(x_hat) - 1 if self.sigmoid else x_hat

    def reconstruct(self, x: Images) -> Images:
        return self.draw(self.encode(x))

    def encoder_network(self) -> nn.Module:
        return self.encoder
