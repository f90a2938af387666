"""Real NVP: real-valued non-volume preserving transformations.

Dinh, Sohl-Dickstein and Bengio, ICLR 2017, arXiv:1605.08803.

B images, C channels, H = W image size, D = C H W numbers of an image, L scales. x is an image in [-1, 1], u the same
dequantised, in [0, 1], z = f(u) a row of D numbers. s and t are the logarithm of a coupling's scale and its shift.
Log-probabilities are in nats, one for each image.

The networks have no weight normalisation, and the weight decay is of all weights, where the paper's is of the scales of
that normalisation.
"""

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float
from torch import Tensor, nn

from genlab.models.base import FlowModel, Recipe
from genlab.nn.flows import (
    BatchNorm,
    Chain,
    Coupling,
    Flatten,
    Flow,
    Logit,
    MaskedCoupling,
    Split,
    Squeeze,
    checkerboard,
    require_squeezes,
)
from genlab.nn.priors import StandardNormal

Images = Float[Tensor, "b c h w"]
Maps = Float[Tensor, "b _ h w"]
Rows = Float[Tensor, "b d"]
PerImage = Float[Tensor, " b"]


class Residual(nn.Module):
    """Batch normalisation, ReLU and a 3 x 3 convolution, twice, and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))

    def forward(self, x: Maps) -> Maps:
        h = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            h = convolution(F.relu(norm(h)))
        return x + h


class ResNet(nn.Module):
    """s and t of a coupling. s is a tanh with a learned scale, t is not bounded; section 4.1.

    The last weights are zero at first, so that a coupling begins as the identity.
    """

    def __init__(self, inputs: int, outputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False), *(Residual(width) for _ in range(blocks)),
            nn.BatchNorm2d(width), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Conv2d(width, 2 * outputs, 1)
        self.scale = nn.Parameter(torch.ones(outputs, 1, 1))
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, h: Maps) -> tuple[Maps, Maps]:
        s, t = self.last(self.network(h)).chunk(2, dim=1)
        return self.scale * torch.tanh(s), t


class Folded(nn.Module):
    """A network that sees 2 x 2 pixels as one with four times the channels: a quarter of the work. Not in the paper."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, h: Maps) -> tuple[Maps, Maps]:
        s, t = self.network(F.pixel_unshuffle(h, 2))
        return F.pixel_shuffle(s, 2), F.pixel_shuffle(t, 2)


def make_flow(shape: tuple[int, int, int], scales: int, width: int, blocks: int, fold: bool) -> Flow:
    """f of images of this shape; section 3.6, figure 4.

    A scale is three couplings by checkerboards, a squeeze, and three couplings by channels. Then half of the channels
    leave, and the rest goes on with twice as many features. The last scale is four couplings by checkerboards. Masks
    alternate, and batch normalisation follows every coupling.
    """
    channels, size, _ = shape
    layers: list[Flow] = []
    for k in range(3 if scales > 1 else 4):
        seen = 4 * channels if fold else channels
        network = ResNet(seen, seen, width, blocks)
        coupling = MaskedCoupling(Folded(network) if fold else network, checkerboard(size, 1 - k % 2))
        layers += [coupling, BatchNorm(channels)]
    if scales == 1:
        return Chain(*layers, Flatten(shape))
    layers.append(Squeeze())
    for k in range(3):
        layers += [Coupling(ResNet(2 * channels, 2 * channels, width, blocks), keeps=k % 2), BatchNorm(4 * channels)]
    rest = make_flow((2 * channels, size // 2, size // 2), scales - 1, 2 * width, blocks, fold)
    return Split(Chain(*layers), rest)


class RealNVP(FlowModel):
    """Affine couplings by checkerboards and by channels, at several scales; Gaussian latents.

    Raises:
        GenlabError: the images cannot be halved so often.
    """

    recipe = Recipe(
        learning_rate=1e-3,  # section 4.1: Adam with its defaults
        batch_size=64,
        weight_decay=5e-5,
        epochs=1000.0,  # the paper names no number
    )

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 3,  # C
        scales: Annotated[int, Ge(1), Le(10)] = 4,  # L; section 3.6: down to 4 x 4
        width: Annotated[int, Ge(1)] = 32,  # features at the first scale; section 4.1
        blocks: Annotated[int, Ge(0), Le(100)] = 4,  # of each residual network; section 4.1
        alpha: Annotated[float, Gt(0), Lt(0.5)] = 0.05,  # of the logit; section 4.1
        fold: bool = False,  # networks of checkerboards work at half the resolution
    ) -> None:
        require_squeezes(image_size, scales if fold else scales - 1, "realnvp")
        flow = make_flow((channels, image_size, image_size), scales, width, blocks, fold)
        super().__init__(Chain(Logit(alpha), flow), StandardNormal(channels * image_size**2))

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"scales": 2, "width": 4, "blocks": 1}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"realnvp": list(self.parameters())}
