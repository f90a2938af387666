"""DCGAN's networks: strided convolutions up from a vector, and down to a score.

Radford, Metz and Chintala 2016, arXiv:1511.06434, section 3 and figure 1.

B batch, C channels, H = W image size, N inputs of the generator, D channels of the deepest maps. These are 4 x 4.
"""

from functools import partial

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as constrain

from genlab.nn.halvings import halvings
from genlab.nn.init import init_he, init_normal

BASE = 4
"""The side of the smallest maps, in pixels."""

Images = Float[Tensor, "b c h w"]


def map_widths(image_size: int, width: int, model: str) -> list[int]:
    """Channels of the maps from the largest to 4 x 4: at 64 pixels 1, 2, 4, 8 times `width`, and never more.

    Raises:
        GenlabError: an image size other than 32, 64 or 128.
    """
    levels = halvings(image_size, (BASE,), model, least=3, most=5)
    return [width * min(2**level, 8) for level in range(levels)]


class DCGANGenerator(nn.Module):
    """(B, N) -> (B, C, H, W) in [-1, 1]: a projection to 4 x 4, then transposed convolutions that double the size.

    "Use batchnorm in both the generator and the discriminator", but not at the generator's output. ReLU; tanh at the
    end. Kernels are 4 x 4, as in the authors' Torch code. At stride 2 they reach every pixel equally often; 5 x 5
    kernels leave a checkerboard.

    Raises:
        GenlabError: an image size other than 32, 64 or 128. The message names `model`.
    """

    def __init__(self, inputs: int, channels: int, image_size: int, width: int, model: str = "dcgan") -> None:
        super().__init__()
        *others, self.deepest = widths = map_widths(image_size, width, model)
        self.project = nn.Linear(inputs, self.deepest * BASE**2, bias=False)
        self.norm = nn.BatchNorm2d(self.deepest)
        layers: list[nn.Module] = []
        for c, d in zip(widths[:0:-1], others[::-1], strict=True):
            layers += [nn.ConvTranspose2d(c, d, 4, 2, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True)]
        self.up = nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1))
        self.apply(init_normal)

    def forward(self, z: Float[Tensor, "b n"]) -> Images:
        h = self.project(z).unflatten(1, (self.deepest, BASE, BASE))  # (B, D, 4, 4)
        return self.up(F.relu(self.norm(h))).tanh()


class DCGANDiscriminator(nn.Module):
    """(B, C, H, W) -> scores (B,), larger for what looks real: convolutions of stride 2 with LeakyReLU(0.2).

    `features` are the maps before the last layer, (B, D, 4, 4). Conditional discriminators start from them.

    Args:
        channels: C.
        image_size: H = W.
        width: channels of the largest maps.
        batch_norm: normalise all layers but the first, as in the paper. A gradient penalty judges each example by
            itself and needs it off. First weights are then He's, since signals would die under N(0, 0.02).
        spectral_norm: divide every weight by its largest singular value; Miyato et al. 2018, arXiv:1802.05957. As
            there, it takes the place of batch normalisation.

    Raises:
        GenlabError: an image size other than 32, 64 or 128. The message names `model`.
    """

    def __init__(
        self, channels: int, image_size: int, width: int, *, batch_norm: bool = True, spectral_norm: bool = False,
        model: str = "dcgan",
    ) -> None:  # fmt: skip
        super().__init__()
        batch_norm = batch_norm and not spectral_norm
        widths = map_widths(image_size, width, model)
        self.feature_channels = widths[-1]
        layers: list[nn.Module] = []
        for level, (c, d) in enumerate(zip([channels, *widths], widths, strict=False)):
            layers.append(nn.Conv2d(c, d, 4, 2, 1, bias=not batch_norm or level == 0))
            if batch_norm and level > 0:
                layers.append(nn.BatchNorm2d(d))
            layers.append(nn.LeakyReLU(0.2))
        self.down = nn.Sequential(*layers)
        self.score = nn.Conv2d(self.feature_channels, 1, BASE)
        self.apply(init_normal if batch_norm else partial(init_he, slope=0.2))
        if spectral_norm:
            constrain_weights(self)

    def features(self, x: Images) -> Float[Tensor, "b d 4 4"]:
        return self.down(x)

    def forward(self, x: Images) -> Float[Tensor, " b"]:
        return self.score(self.features(x)).flatten()


def constrain_weights(network: nn.Module) -> None:
    """Spectral normalisation of every convolution, linear layer and embedding of a network, in place.

    Draw first weights before: afterwards a layer computes its `weight`, and drawing into it changes nothing.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            constrain(layer)
