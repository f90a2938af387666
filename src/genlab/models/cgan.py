"""Conditional generative adversarial nets: a class says what to draw.

Mirza and Osindero 2014, arXiv:1411.1784; with the projection discriminator of Miyato and Koyama, ICLR 2018,
arXiv:1802.05637. The networks are DCGAN's (genlab/nn/dcgan.py) in place of the paper's fully connected ones.

B batch, C channels, H = W image size, Z numbers of noise, K classes. x is an image, y its class, G(z|y) a drawing,
D(x|y) a score.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Batch, Condition, Decodes, Family, Model, Recipe, Samples, Turn
from genlab.nn.conditional import ProjectionDiscriminator, beside
from genlab.nn.dcgan import DCGANDiscriminator, DCGANGenerator, constrain_weights
from genlab.nn.gan_losses import GAN_LOSSES
from genlab.nn.noise import Chance, Noise, draw_noise

Images = Float[Tensor, "b c h w"]
Labels = Int[Tensor, " b"]


def one_hot(y: Labels, classes: int, like: Tensor) -> Float[Tensor, "b {classes}"]:
    """The classes as vectors with one 1 and else 0, of the dtype of `like`."""
    return F.one_hot(y, classes).to(like.dtype)


class ConcatenationDiscriminator(nn.Module):
    """D sees the image beside its one-hot class, "as additional input layer": section 3.2 of Mirza and Osindero."""

    def __init__(self, channels: int, image_size: int, width: int, classes: int, spectral_norm: bool) -> None:
        super().__init__()
        self.classes = classes
        self.network = DCGANDiscriminator(
            channels + classes, image_size, width, spectral_norm=spectral_norm, model="cgan"
        )

    def forward(self, x: Images, y: Labels) -> Float[Tensor, " b"]:
        return self.network(beside(x, one_hot(y, self.classes, like=x)))


def projection_discriminator(
    channels: int, image_size: int, width: int, classes: int, spectral_norm: bool
) -> ProjectionDiscriminator:
    """Miyato and Koyama's D, which learns a vector for each class."""
    network = DCGANDiscriminator(channels, image_size, width, spectral_norm=spectral_norm, model="cgan")
    embed = nn.Embedding(classes, network.feature_channels)  # V
    nn.init.normal_(embed.weight, 0.0, 0.02)  # as all other weights: at first the class does not matter
    if spectral_norm:
        constrain_weights(embed)
    return ProjectionDiscriminator(network, embed)


class CGAN(Model, Samples, Decodes):
    """DCGAN's networks. Both are told the class.

    Raises:
        GenlabError: fewer than two classes, or an image size other than 32, 64 or 128.
    """

    family = Family.CONDITIONAL
    recipe = Recipe(
        # The paper's own (SGD, 0.1 falling to 1e-6, batches of 100) is for fully connected networks; this is DCGAN's.
        optimizer="adam",
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        batch_size=100,  # section 4.1
        epochs=25.0,
    )
    condition: Condition | None = "labels"

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 1,
        classes: int = 10,  # K
        latent_dim: Annotated[int, Ge(1)] = 100,  # Z; section 4.1
        noise: Noise = "uniform",  # section 4.1: "uniform distribution within the unit hypercube"; here in [-1, 1]
        discriminator: Literal["concatenation", "projection"] = "concatenation",  # section 3.2, or Miyato and Koyama
        generator_width: Annotated[int, Ge(1)] = 64,  # channels of G's largest maps
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of D's largest maps
        loss: Literal["non_saturating", "least_squares", "hinge"] = "non_saturating",  # hinge: Miyato and Koyama's
        spectral_norm: bool = False,  # in D, in place of batch normalisation, as Miyato and Koyama have it
    ) -> None:
        super().__init__()
        if classes < 2:
            raise GenlabError(
                f"cgan draws by class, but the images have {classes or 'no'} class{'' if classes == 1 else 'es'}; it "
                "needs two or more. Take images with labels (folders named after what they show), or another model"
            )
        self.classes, self.latent_dim, self.noise, self.loss = classes, latent_dim, noise, GAN_LOSSES[loss]
        kind = ConcatenationDiscriminator if discriminator == "concatenation" else projection_discriminator
        self.generator = DCGANGenerator(latent_dim + classes, channels, image_size, generator_width, model="cgan")
        self.discriminator = kind(channels, image_size, discriminator_width, classes, spectral_norm)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"generator_width": 4, "discriminator_width": 4, "discriminator": "projection"}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {
            "discriminator": list(self.discriminator.parameters()),
            "generator": list(self.generator.parameters()),
        }

    def told(self, z: Float[Tensor, "b z"], y: Labels) -> Float[Tensor, "b zk"]:
        """What G starts from: "z and y are combined in joint hidden representation"; section 3.2."""
        return torch.cat([z, one_hot(y, self.classes, like=z)], dim=1)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, y = batch["images"], batch["labels"]
        drawn = self.generator(self.told(draw_noise(len(x), self.latent_dim, self.noise, like=x), y))
        on_real, on_fake = self.discriminator(x, y), self.discriminator(drawn.detach(), y)
        yield Turn(
            "discriminator",  # equation 2
            {"d_adversarial": self.loss.discriminator(on_real, on_fake).mean()},
            self.loss.metrics(on_real, on_fake),
        )
        on_fake = self.discriminator(drawn, y)  # D has moved and judges the same drawings again
        yield Turn("generator", {"g_adversarial": self.loss.generator(on_real.detach(), on_fake).mean()})

    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        return draw_noise(n, self.latent_dim, self.noise, next(self.generator.parameters()), rng)

    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, " n"] | None = None) -> Images:
        self.check_condition(condition)
        assert condition is not None
        told = self.told(z, condition)
        return self.generator(told)

    def sample(self, n: int, rng: Chance, condition: Int[Tensor, " n"] | None = None) -> Images:
        return self.decode(self.draw_latents(n, rng), condition)
