"""UNIT: unsupervised image-to-image translation networks.

Liu, Breuel and Kautz, NIPS 2017, arXiv:1703.00848.

B batch, C channels of domain a, D channels of domain b, H = W image size. A latent z is (B, K, H/4, W/4). The paper's
domains 1 and 2 are a and b. The encoder of either domain gives z, and from z the generator of either domain draws an
image. The paper's weights are lambda_0 ... lambda_4 of equations 3 to 8.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from jaxtyping import Float
from torch import Tensor, nn

from genlab.models.base import Batch, DecodesDomains, EncodesDomains, Family, Model, Recipe, Side, Translates, Turn
from genlab.nn.gan_losses import ADVERSARIAL_LOSSES
from genlab.nn.init import init_he, init_normal
from genlab.nn.noise import Rng
from genlab.nn.patchgan import PatchDiscriminator, ReceptiveField
from genlab.nn.resnet import ResidualBlock, require_quarters

Images = Float[Tensor, "b c h w"]
Drawings = Float[Tensor, "b d h w"]
Latents = Float[Tensor, "b k i j"]


def reconstruction_nll(x: Images, x_hat: Images) -> Float[Tensor, " b"]:
    """-log p(x|z) up to a constant, per pixel and channel: p is a Laplacian, so this is an l1 distance; section 3."""
    return (x - x_hat).abs().mean(dim=(1, 2, 3))


def kl_per_number(mean: Latents) -> Float[Tensor, " b"]:
    """KL(N(mean, I) || N(0, I)) in nats per number of z. The variance is one, so only the mean counts; section 3, VAE.

    This and `reconstruction_nll` are means, as in the authors' code: the paper's weights go with means. The code has no
    factor 1/2.
    """
    return mean.square().mean(dim=(1, 2, 3)) / 2


def draw_latent(mean: Latents) -> Latents:
    """z = mean + noise, noise ~ N(0, I): the reparameterisation trick of section 3."""
    return mean + torch.randn_like(mean)


class MultiScaleCritic(nn.Module):
    """PatchGANs on the image, on the image at half its size, at a quarter ... Their losses are averaged."""

    def __init__(
        self, channels: int, image_size: int, receptive_field: ReceptiveField, width: int, scales: int,
        adversarial_loss: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.adversarial_loss = ADVERSARIAL_LOSSES[adversarial_loss]
        self.critics = nn.ModuleList(
            PatchDiscriminator(channels, image_size // 2**level, receptive_field, width, norm="instance")
            for level in range(scales)
        )

    def forward(self, x: Images) -> list[Float[Tensor, "b 1 _ _"]]:
        return [critic(F.avg_pool2d(x, 2**level) if level else x) for level, critic in enumerate(self.critics)]

    def loss(self, x: Images, real: bool) -> Float[Tensor, " b"]:
        """-log D where `real`, else -log(1 - D), mean over patches and scales; equation 5. Or least squares."""
        return torch.stack([self.adversarial_loss(logits, real) for logits in self(x)]).mean(dim=0)


class Encoder(nn.Module):
    """c7s1-64, d128, d256 with LeakyReLU, then residual blocks. The domains share the last one. It gives z's mean.

    "3 convolutional layers as the front-end and 4 basic residual blocks as the back-end" (section 5). Only the residual
    blocks are normalised, as in the authors' code.
    """

    def __init__(self, channels: int, width: int, blocks: int, shared: nn.Module) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks - 1)))
        self.shared = shared

    def forward(self, x: Images) -> Latents:
        return self.shared(self.blocks(self.front(x)))


class Generator(nn.Module):
    """The mirror of `Encoder`: residual blocks, u128, u64, c1s1-C, tanh. The domains share the first block.

    "4 basic residual blocks as the front-end and 3 transposed convolutional layers as the back-end" (section 5).
    """

    def __init__(self, channels: int, width: int, blocks: int, shared: nn.Module) -> None:
        super().__init__()
        self.shared = shared
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks - 1)))
        self.back = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1), nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1), nn.LeakyReLU(0.2, inplace=True),
            nn.ConvTranspose2d(width, channels, 1),
        )  # fmt: skip

    def forward(self, z: Latents) -> Images:
        return torch.tanh(self.back(self.blocks(self.shared(z))))


class UNIT(Model, Translates, EncodesDomains, DecodesDomains):
    """Two variational autoencoders over one latent space, each with a critic of its domain.

    Raises:
        GenlabError: the networks cannot take the image size.
    """

    targets: tuple[Side, ...] = ("b", "a")

    family = Family.TRANSLATION
    recipe = Recipe(
        optimizer="adam",  # section 5
        learning_rate=1e-4,
        betas=(0.5, 0.999),
        batch_size=1,  # "one image from the first domain and one image from the second domain"
        epochs=200.0,  # CycleGAN's; the paper counts no epochs
        mirror=True,  # the authors' code; it also crops at random and has a weight decay of 1e-4
    )

    def __init__(
        self,
        *,
        image_size: int = 256,  # H = W
        channels_a: int = 3,
        channels_b: int = 3,
        adversarial_weight: Annotated[float, Gt(0)] = 10.0,  # lambda_0, equation 5
        kl_weight: Annotated[float, Ge(0)] = 0.1,  # lambda_1, equation 3
        reconstruction_weight: Annotated[float, Gt(0)] = 100.0,  # lambda_2, equation 3
        cycle_kl_weight: Annotated[float, Ge(0)] = 0.1,  # lambda_3, equation 7, of both KL terms
        cycle_weight: Annotated[float, Gt(0)] = 100.0,  # lambda_4, equation 7
        adversarial_loss: Literal["cross_entropy", "least_squares"] = "cross_entropy",
        blocks: Annotated[int, Ge(2), Le(100)] = 4,  # residual blocks of an encoder or generator; one is shared
        generator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of an encoder
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of a critic
        receptive_field: ReceptiveField = 70,  # pixels that one decision of a critic sees, at its scale
        scales: Annotated[int, Ge(1), Le(100)] = 1,  # critics per domain; each sees half the size of the one before
    ) -> None:
        super().__init__()
        require_quarters(image_size, "unit")
        self.adversarial_weight = adversarial_weight
        self.kl_weight, self.cycle_kl_weight = kl_weight, cycle_kl_weight
        self.reconstruction_weight, self.cycle_weight = reconstruction_weight, cycle_weight
        ends, begins = ResidualBlock(4 * generator_width), ResidualBlock(4 * generator_width)
        self.encoder_a, self.encoder_b = (
            Encoder(channels, generator_width, blocks, shared=ends) for channels in (channels_a, channels_b)
        )
        self.generator_a, self.generator_b = (
            Generator(channels, generator_width, blocks, shared=begins) for channels in (channels_a, channels_b)
        )
        self.critic_a, self.critic_b = (
            MultiScaleCritic(channels, image_size, receptive_field, discriminator_width, scales, adversarial_loss)
            for channels in (channels_a, channels_b)
        )
        for network in (self.encoder_a, self.encoder_b, self.generator_a, self.generator_b):
            network.apply(init_he)  # as the authors' later code (MUNIT); the paper names none
        for small in (self.generator_a.back[-1], self.generator_b.back[-1], self.critic_a, self.critic_b):
            small.apply(init_normal)  # small last layers, or tanh would begin where it has no slope

    def networks(self, side: Side) -> tuple[Encoder, Generator, MultiScaleCritic]:
        """E, G and D of a domain."""
        if side == "a":
            return self.encoder_a, self.generator_a, self.critic_a
        return self.encoder_b, self.generator_b, self.critic_b

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"generator_width": 2, "discriminator_width": 2, "receptive_field": 16, "blocks": 2}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "scales": {"scales": 2}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        autoencoders = nn.ModuleList([self.encoder_a, self.encoder_b, self.generator_a, self.generator_b])
        return {
            "critics": [*self.critic_a.parameters(), *self.critic_b.parameters()],
            "autoencoders": list(autoencoders.parameters()),  # shared ones once
        }

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Section 3, learning: first the critics, then the encoders and generators."""
        mean = {side: self.encode_domain(batch[side], side) for side in self.targets}
        z = torch.cat([draw_latent(mean["a"]), draw_latent(mean["b"])])
        of_a, of_b = {}, {}  # drawings of the images of a and of b, by the domain in which they are drawn
        for side in self.targets:
            of_a[side], of_b[side] = self.decode_domain(z, side).chunk(2)
        again, translated = {"a": of_a["a"], "b": of_b["b"]}, {"a": of_b["a"], "b": of_a["b"]}
        yield Turn("critics", {
            name: value for side in self.targets
            for name, value in self.judge(side, batch[side], translated[side].detach()).items()
        })  # fmt: skip
        through = {"a": self.encode_domain(translated["b"], "b"), "b": self.encode_domain(translated["a"], "a")}
        back = {side: self.decode_domain(draw_latent(through[side]), side) for side in self.targets}
        yield Turn(
            "autoencoders",
            {name: value for side in self.targets
             for name, value in self.autoencoder_terms(
                 side, batch[side], mean[side], again[side], translated[side], through[side], back[side]).items()},
            metrics={f"train_cycle_{side}": reconstruction_nll(batch[side], back[side].detach()).mean() / 2
                     for side in self.targets},  # pixel range [0, 1]
        )  # fmt: skip

    def judge(self, side: Side, real: Images, drawn: Images) -> dict[str, Float[Tensor, ""]]:
        """Equation 5: real images of a domain against images translated into it."""
        _, _, critic = self.networks(side)
        return {
            f"d_real_{side}": self.adversarial_weight * critic.loss(real, real=True).mean(),
            f"d_fake_{side}": self.adversarial_weight * critic.loss(drawn, real=False).mean(),
        }

    def autoencoder_terms(
        self, side: Side, x: Images, mean: Latents, again: Images, translated: Images, through: Latents, back: Images
    ) -> Mapping[str, Float[Tensor, ""]]:
        """Equations 3, 5 and 7 for one domain: the autoencoder, the adversary, the cycle (4, 6 and 8 for the other).

        `mean` is that of the z of `x`. `again` is drawn from this z. `through` is the mean of z after a detour through
        the other domain, and `back` is drawn from it. `translated` are images of the other domain.

        Equation 7 has a KL for both latents of a cycle, so that of the first has the weight lambda_1 + lambda_3 in all.
        The authors' code gives it lambda_1 alone.
        """
        _, _, critic = self.networks(side)
        kl, kl_through = kl_per_number(mean).mean(), kl_per_number(through).mean()
        return {
            f"reconstruction_{side}": self.reconstruction_weight * reconstruction_nll(x, again).mean(),
            f"kl_{side}": self.kl_weight * kl,
            f"g_adversarial_{side}": self.adversarial_weight * critic.loss(translated, real=True).mean(),
            f"g_cycle_{side}": self.cycle_weight * reconstruction_nll(x, back).mean(),
            f"cycle_kl_{side}": self.cycle_kl_weight * (kl + kl_through),
        }

    def encode_domain(self, x: Images, side: Side) -> Latents:
        """The mean of q(z|x)."""
        return self.networks(side)[0](x)

    def decode_domain(self, z: Latents, side: Side) -> Drawings:
        """z as an image of that domain."""
        return self.networks(side)[1](z)

    def translate(self, x: Images, to: Side, rng: Rng = None) -> Drawings:
        """Translates by the mean of z, without noise, as the authors' code at test time."""
        return self.decode_domain(self.encode_domain(x, "a" if to == "b" else "b"), to)
