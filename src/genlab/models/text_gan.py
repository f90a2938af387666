"""Generative adversarial text to image synthesis: a caption says what to draw.

Reed, Akata, Yan, Logeswaran, Schiele and Lee, ICML 2016, arXiv:1605.05396. As there, the networks are DCGAN's
(genlab/nn/dcgan.py).

B batch, C channels, H = W image size, Z numbers of noise, L words of a caption, E numbers of its encoding phi(t),
P numbers to which each network compresses it. x is an image, t its caption, t_wrong another's, G(z, phi(t)) a drawing,
D a score (a logit).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Batch, Condition, Decodes, Family, Model, Recipe, Samples, Turn
from genlab.nn.conditional import ProjectionDiscriminator, beside
from genlab.nn.dcgan import BASE, DCGANDiscriminator, DCGANGenerator
from genlab.nn.gan_losses import cross_entropy, won_pairs
from genlab.nn.init import init_normal
from genlab.nn.noise import Chance, Noise, draw_noise

Images = Float[Tensor, "b c h w"]
Captions = Int[Tensor, "b l"]
Codes = Float[Tensor, "b e"]
Scores = Float[Tensor, " b"]


def different(captions: Captions) -> Bool[Tensor, "b b"]:
    """Do the captions of two rows differ in a word?"""
    return (captions[:, None] != captions[None]).any(dim=2)


def draw_wrong(captions: Captions) -> tuple[Int[Tensor, " b"], Bool[Tensor, " b"]]:
    """For each row, a random row with another caption, and whether one exists. Torch's global generator draws it."""
    differs = different(captions)
    there_is = differs.any(dim=1)
    chances = differs | ~there_is[:, None]  # a row without another caption draws any; it will not count
    return torch.multinomial(chances.float(), 1)[:, 0], there_is


def discriminator_loss(on_right: Scores, on_wrong: Scores, on_fake: Scores) -> Scores:
    """-log s_r - (log(1 - s_w) + log(1 - s_f)) / 2; algorithm 1, line 9 (GAN-CLS), s = sigmoid(score)."""
    wrong_or_fake = cross_entropy(on_wrong, real=False) + cross_entropy(on_fake, real=False)
    return cross_entropy(on_right, real=True) + wrong_or_fake / 2


def generator_loss(on_fake: Scores) -> Scores:
    """-log s_f; algorithm 1, line 11."""
    return cross_entropy(on_fake, real=True)


class TextEncoder(nn.Module):
    """phi: the numbers of a caption's words, padded with 0 -> (B, E).

    "gru" is a recurrent network's state after the last word. "mean" is the mean of the words' vectors, in any order.
    """

    def __init__(self, words: int, dim: int, kind: Literal["gru", "mean"]) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, dim)
        self.recurrent = nn.GRU(dim, dim, batch_first=True) if kind == "gru" else None

    def forward(self, captions: Captions) -> Codes:
        vectors, there = self.embed(captions), (captions != 0).to(self.embed.weight.dtype)  # (B, L, E), (B, L)
        if self.recurrent is None:
            return (vectors * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True)
        states, _ = self.recurrent(vectors)  # (B, L, E)
        last = there.sum(dim=1).long() - 1
        return states[torch.arange(len(captions), device=captions.device), last]


def compress(dim: int, compressed: int) -> nn.Sequential:
    """phi(t) -> P numbers: "a fully-connected layer followed by leaky-ReLU", one for each network; section 4.1."""
    return nn.Sequential(nn.Linear(dim, compressed), nn.LeakyReLU(0.2))


class TextGenerator(nn.Module):
    """Noise beside the compressed caption -> image; section 4.1, figure 2."""

    def __init__(
        self, latent_dim: int, code_dim: int, compressed: int, channels: int, image_size: int, width: int
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.compress = compress(code_dim, compressed)
        self.network = DCGANGenerator(latent_dim + compressed, channels, image_size, width, model="text_gan")

    def forward(self, start: Float[Tensor, "b ze"]) -> Images:
        """`start` is z beside phi(t), in one tensor."""
        z, code = start[:, : self.latent_dim], start[:, self.latent_dim :]
        return self.network(torch.cat([z, self.compress(code)], dim=1))


class CaptionDiscriminator(nn.Module):
    """Image and caption -> score: the compressed caption joins every place of the 4 x 4 maps; section 4.1, figure 2."""

    def __init__(self, network: DCGANDiscriminator, code_dim: int, compressed: int) -> None:
        super().__init__()
        deep = network.feature_channels
        self.down = network.down
        self.compress = compress(code_dim, compressed)
        self.last = nn.Sequential(
            nn.Conv2d(deep + compressed, deep, 1, bias=False),  # "a 1 x 1 convolution followed by rectification"
            nn.BatchNorm2d(deep),
            nn.LeakyReLU(0.2),
            nn.Conv2d(deep, 1, BASE),
        )
        self.last.apply(init_normal)

    def features(self, x: Images) -> Float[Tensor, "b d 4 4"]:
        return self.down(x)

    def judge(self, features: Float[Tensor, "b d 4 4"], code: Codes) -> Scores:
        """The scores of images with these `features`: one pass serves the right and the wrong caption."""
        return self.last(beside(features, self.compress(code))).flatten()


class TextGAN(Model, Samples, Decodes):
    """GAN-CLS: the discriminator must also tell whether image and caption belong together.

    The encoder learns with the discriminator, from real images with right and wrong captions. The generator takes the
    code as it is. The paper trains a larger encoder beforehand, on images and captions.

    Raises:
        GenlabError: data without captions, or an image size other than 32, 64 or 128.
    """

    family = Family.CONDITIONAL
    recipe = Recipe(
        optimizer="adam",  # section 5: Adam, learning rate 2e-4, momentum 0.5, batches of 64, 600 epochs
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        batch_size=64,
        epochs=600.0,
    )
    condition: Condition | None = "captions"

    def __init__(
        self,
        *,
        image_size: int = 64,  # H = W
        channels: int = 3,
        words: int = 100,  # including number 0, the padding
        latent_dim: Annotated[int, Ge(1)] = 100,  # Z; the authors' code
        noise: Noise = "normal",  # section 4.1
        encoder: Literal["gru", "mean"] = "gru",
        discriminator: Literal["concatenation", "projection"] = "concatenation",  # figure 2, or Miyato and Koyama
        code_dim: Annotated[int, Ge(1)] = 64,  # E; the paper's encoder, for an open vocabulary, has 1024
        compressed_dim: Annotated[int, Ge(1)] = 128,  # P; section 4.1
        generator_width: Annotated[int, Ge(1)] = 64,  # channels of G's largest maps
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of D's largest maps
    ) -> None:
        super().__init__()
        if words < 2:
            raise GenlabError(
                "text_gan draws after captions, but the images have none; set data.captions=derived, or to a CSV file "
                "with the columns id and caption"
            )
        self.latent_dim, self.noise = latent_dim, noise
        self.encoder = TextEncoder(words, code_dim, encoder)
        self.generator = TextGenerator(latent_dim, code_dim, compressed_dim, channels, image_size, generator_width)
        network = DCGANDiscriminator(channels, image_size, discriminator_width, model="text_gan")
        self.discriminator = (
            CaptionDiscriminator(network, code_dim, compressed_dim)
            if discriminator == "concatenation"
            else ProjectionDiscriminator(network, nn.Linear(code_dim, network.feature_channels))
        )

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {
            "generator_width": 8,
            "discriminator_width": 4,
            "discriminator": "projection",
            "code_dim": 8,
            "compressed_dim": 8,
        }

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {
            "discriminator": [*self.discriminator.parameters(), *self.encoder.parameters()],
            "generator": list(self.generator.parameters()),
        }

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, t = batch["images"], batch["captions"]
        code = self.encoder(t)
        z = draw_noise(len(x), self.latent_dim, self.noise, like=x)
        drawn = self.generator(torch.cat([z, code.detach()], dim=1))
        wrong, there_is = draw_wrong(t)
        seen = self.discriminator.features(x)
        # One batch for all pairs: in batches of their own, batch statistics would tell right pairs from wrong ones.
        maps = torch.cat([seen, seen, self.discriminator.features(drawn.detach())])
        on_right, on_wrong, on_fake = self.discriminator.judge(maps, torch.cat([code, code[wrong], code])).chunk(3)
        on_wrong = on_wrong.where(there_is, -torch.inf)  # softplus(-inf) = 0: it does not count
        yield Turn(
            "discriminator",
            {"d_matching": discriminator_loss(on_right, on_wrong, on_fake).mean()},
            {"accuracy": won_pairs(on_right, on_fake), "caption_accuracy": won_pairs(on_right, on_wrong)},
        )
        code = self.encoder(t).detach()  # the encoder has moved with the discriminator
        on_fake = self.discriminator.judge(self.discriminator.features(drawn), code)  # the same drawing again
        yield Turn("generator", {"g_adversarial": generator_loss(on_fake).mean()})

    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        return draw_noise(n, self.latent_dim, self.noise, self.encoder.embed.weight, rng)

    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, "n l"] | None = None) -> Images:
        self.check_condition(condition)
        assert condition is not None
        start = torch.cat([z, self.encoder(condition)], dim=1)
        return self.generator(start)

    def sample(self, n: int, rng: Chance, condition: Int[Tensor, "n l"] | None = None) -> Images:
        return self.decode(self.draw_latents(n, rng), condition)
