"""Glow: generative flow with invertible 1 x 1 convolutions.

Kingma and Dhariwal, NeurIPS 2018, arXiv:1807.03039.

B images, C channels, H = W image size, D = C H W numbers of an image, K steps of flow at each of L scales. x is an
image in [-1, 1], u the same dequantised, in [0, 1], z = f(u) a row of D numbers. Log-probabilities are in nats, one for
each image.

As in the authors' code, and not in the paper: scales are sigmoids, which keeps long chains from blowing up, and latents
that leave early have a Gaussian whose mean and deviation follow from those that stay. Here that Gaussian is one more
coupling, so that all latents are standard normal.
"""

from typing import Annotated, Any

import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float
from torch import Tensor, nn

from genlab.models.base import Batch, FlowModel, Recipe
from genlab.nn.flows import (
    ActNorm,
    Chain,
    Coupling,
    Flatten,
    Flow,
    InvertibleConv,
    Logit,
    Split,
    Squeeze,
    dequantise,
    require_squeezes,
    take_first_values,
)
from genlab.nn.priors import StandardNormal

Images = Float[Tensor, "b c h w"]
Maps = Float[Tensor, "b _ h w"]
Rows = Float[Tensor, "b d"]
PerImage = Float[Tensor, " b"]


class Convolution(nn.Module):
    """A convolution, ActNorm and ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = ActNorm(outputs)

    def forward(self, h: Maps) -> Maps:
        return F.relu(self.norm(self.convolution(h))[0])


class Network(nn.Module):
    """The logarithm of a coupling's scale, and its shift; section 3.3.

    The last weights are zero at first, so that a coupling begins near the identity.
    """

    def __init__(self, inputs: int, outputs: int, *hidden: nn.Module) -> None:
        super().__init__()
        last = nn.Conv2d(inputs, 2 * outputs, 3, padding=1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.network = nn.Sequential(*hidden, last)

    def forward(self, h: Maps) -> tuple[Maps, Maps]:
        scale, shift = self.network(h).chunk(2, dim=1)
        return F.logsigmoid(scale + 2), shift


def step(channels: int, width: int) -> list[Flow]:
    """One step of flow: ActNorm, an invertible 1 x 1 convolution, an affine coupling; figure 2, left."""
    half = channels // 2
    hidden = (Convolution(half, width, 3), Convolution(width, width, 1))
    return [ActNorm(channels), InvertibleConv(channels), Coupling(Network(width, half, *hidden), keeps=0)]


def make_flow(shape: tuple[int, int, int], scales: int, steps: int, width: int) -> Flow:
    """f of images of this shape. A scale is a squeeze and K steps; then half of the channels leave; figure 2, right."""
    channels, size = 4 * shape[0], shape[1] // 2
    layers = [Squeeze(), *(layer for _ in range(steps) for layer in step(channels, width))]
    if scales == 1:
        return Chain(*layers, Flatten((channels, size, size)))
    half = channels // 2
    leaving = Coupling(Network(half, half), keeps=1)  # `Split` lets the first of the halves leave
    return Split(Chain(*layers, leaving), make_flow((half, size, size), scales - 1, steps, width))


class Glow(FlowModel):
    """Steps of flow at several scales; Gaussian latents.

    Raises:
        GenlabError: the images cannot be halved so often, or a channel of the first batch is constant.
    """

    recipe = Recipe(
        learning_rate=1e-3,  # appendix C: Adam with its defaults
        batch_size=512,  # table 4, CIFAR-10
        epochs=1000.0,  # the paper names no number
    )

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 3,  # C
        scales: Annotated[int, Ge(1), Le(10)] = 3,  # L; table 4, CIFAR-10
        steps: Annotated[int, Ge(1), Le(1000)] = 32,  # K; table 4
        width: Annotated[int, Ge(1)] = 512,  # features of a coupling's network; section 5
        alpha: Annotated[float, Gt(0), Lt(0.5)] | None = None,  # of a logit before all, as in Real NVP. null: none
    ) -> None:
        require_squeezes(image_size, scales, "glow")
        flow = make_flow((channels, image_size, image_size), scales, steps, width)
        super().__init__(Chain(Logit(alpha), flow) if alpha else flow, StandardNormal(channels * image_size**2))

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"scales": 2, "steps": 2, "width": 4}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "alpha": {"alpha": 1e-3}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"glow": list(self.parameters())}

    def prepare(self, batch: Batch) -> None:
        """ActNorm's first values: each of its outputs has mean 0 and variance 1; section 3.1."""
        take_first_values(self.flow, dequantise(batch["images"], None))
