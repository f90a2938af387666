"""How a discriminator is told what an image should show.

B batch, C channels, H = W image size, K numbers of a condition, D channels of the deepest maps. x is an image, y its
condition: a class or the code of a caption.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genlab.nn.dcgan import DCGANDiscriminator

Images = Float[Tensor, "b c h w"]
Features = Float[Tensor, "b d 4 4"]


def beside(x: Images, y: Float[Tensor, "b k"]) -> Float[Tensor, "b c+k h w"]:
    """x and one constant map for each number of y: what concatenation is for convolutions."""
    return torch.cat([x, y[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


class ProjectionDiscriminator(nn.Module):
    """D(x|y) = y^T V phi(x) + psi(phi(x)); Miyato and Koyama 2018, arXiv:1802.05637, equation 3.

    The second term asks whether the image is real at all, the first whether it fits its condition. phi(x) is the sum of
    the deepest maps over the image. psi is linear as theirs, but keeps the places of these maps, as DCGAN's last layer.

    Args:
        network: has phi and psi.
        embed: V, a map from conditions to (B, D).
    """

    def __init__(self, network: DCGANDiscriminator, embed: nn.Module) -> None:
        super().__init__()
        self.network, self.embed = network, embed

    def features(self, x: Images) -> Features:
        return self.network.features(x)

    def judge(self, features: Features, y: Shaped[Tensor, "b *k"]) -> Float[Tensor, " b"]:
        """The scores of images with these `features`: one pass through the network serves many conditions."""
        fits = (self.embed(y) * features.sum(dim=(2, 3))).sum(dim=1)
        return fits + self.network.score(features).flatten()

    def forward(self, x: Images, y: Shaped[Tensor, "b *k"]) -> Float[Tensor, " b"]:
        return self.judge(self.features(x), y)
