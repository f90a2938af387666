"""Networks between an image and a vector, in three depths. B images, N vectors, C channels, H = W pixels, Z numbers.

linear: one affine map · mlp: fully connected with hidden layers · conv: strided convolutions and their transposes.
"""

from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from genlab.nn.halvings import halvings

Network = Literal["linear", "mlp", "conv"]
Activation = Literal["tanh", "relu", "leaky_relu", "elu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU,
}  # fmt: skip
COARSEST = (4, 5, 6, 7)
"""Sides that convolutions may leave, in pixels. Fully connected layers take over there."""


def mlp(sizes: list[int], activation: Activation) -> nn.Sequential:
    """Affine maps from each size to the next, with the activation between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def halved(image_size: int) -> tuple[int, int]:
    """How often a conv coder halves an image, and the side that remains."""
    count = halvings(image_size, COARSEST, "the network 'conv'", instead=", or the model's network to 'mlp'")
    return count, image_size // 2**count


class Encoder(nn.Sequential):
    """(B, C, H, W) -> (B, Z).

    Raises:
        GenlabError: the convolutions cannot halve the image size.
    """

    def __init__(
        self, network: Network, channels: int, image_size: int, outputs: int, *, width: int, layers: int,
        activation: Activation,
    ) -> None:  # fmt: skip
        """`width`: units in each of the `layers` hidden layers; for conv, channels after the first halving."""
        pixels = channels * image_size**2
        if network == "conv":
            count, side = halved(image_size)
            widths = [channels, *(width * 2**level for level in range(count))]
            body: list[nn.Module] = []
            for inputs, out in pairwise(widths):
                body += [nn.Conv2d(inputs, out, 4, 2, 1), ACTIVATIONS[activation]()]
            last = widths[-1] * side**2
            super().__init__(*body, nn.Flatten(), mlp([last, *[16 * width] * layers, outputs], activation))
        else:
            hidden = [] if network == "linear" else [width] * layers
            super().__init__(nn.Flatten(), mlp([pixels, *hidden, outputs], activation))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        return super().forward(x)


class Decoder(nn.Sequential):
    """(N, Z) -> (N, D, H, W): the mirror of `Encoder`, with D numbers of any range for each pixel.

    Raises:
        GenlabError: the convolutions cannot halve the image size.
    """

    def __init__(
        self, network: Network, inputs: int, channels: int, image_size: int, *, width: int, layers: int,
        activation: Activation,
    ) -> None:  # fmt: skip
        """`channels` is D. The rest is as in `Encoder`."""
        if network == "conv":
            count, side = halved(image_size)
            widths = [channels, *(width * 2**level for level in range(count))][::-1]
            body: list[nn.Module] = []
            for c, d in pairwise(widths):
                # Kernel 4 at stride 2 reaches every pixel equally often and leaves no checkerboard.
                body += [ACTIVATIONS[activation](), nn.ConvTranspose2d(c, d, 4, 2, 1)]
            first = mlp([inputs, *[16 * width] * layers, widths[0] * side**2], activation)
            super().__init__(first, nn.Unflatten(1, (widths[0], side, side)), *body)
        else:
            hidden = [] if network == "linear" else [width] * layers
            shape = (channels, image_size, image_size)
            layers_ = mlp([inputs, *hidden, channels * image_size**2], activation)
            super().__init__(layers_, nn.Unflatten(1, shape))

    def forward(self, z: Float[Tensor, "n z"]) -> Float[Tensor, "n d h w"]:
        return super().forward(z)
