"""pix2pix: image-to-image translation with conditional adversarial networks.

Isola, Zhu, Zhou and Efros, CVPR 2017, arXiv:1611.07004.

B batch, C channels, H = W image size. x is the input image, y the truth, y_hat = G(x, z) the drawing. The noise z is
dropout, in training and at test time (section 3.1).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Batch, Family, Model, Recipe, Side, Translates, Turn
from genlab.nn.gan_losses import ADVERSARIAL_LOSSES
from genlab.nn.halvings import halvings
from genlab.nn.init import init_normal
from genlab.nn.noise import Rng
from genlab.nn.patchgan import PatchDiscriminator, ReceptiveField

Images = Float[Tensor, "b c h w"]
Drawings = Float[Tensor, "b d h w"]
Smaller = Float[Tensor, "b d h//2 w//2"]
Larger = Float[Tensor, "b d 2*h 2*w"]
Objective = Literal["l1", "gan", "cgan", "l1+gan", "l1+cgan"]


def l1_distance(y: Images, y_hat: Images) -> Float[Tensor, " b"]:
    """||y - y_hat||_1 per pixel and channel; equation 3."""
    return (y - y_hat).abs().mean(dim=(1, 2, 3))


def noisy_dropout(h: Images, rate: float, rng: Rng) -> Images:
    """Dropout in training and at test time: the noise z."""
    if rng is None:
        return F.dropout(h, rate, training=True)
    keep = rng.bernoulli(1.0 - rate, tuple(h.shape[1:]), h)
    return h * keep / (1.0 - rate)


class Down(nn.Module):
    """LeakyReLU(0.2) - convolution 4 x 4, stride 2 - batch normalisation: (B, C, H, W) -> (B, D, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int, *, first: bool, last: bool) -> None:
        super().__init__()
        self.first = first
        self.conv = nn.Conv2d(in_channels, out_channels, 4, 2, 1, bias=False)
        # No normalisation in the first layer (6.1.1) or in the bottleneck: it would set that to zero (the errata).
        self.norm = nn.Identity() if first or last else nn.BatchNorm2d(out_channels)

    def forward(self, h: Images) -> Smaller:
        return self.norm(self.conv(h if self.first else F.leaky_relu(h, 0.2)))


class Up(nn.Module):
    """ReLU - transposed convolution 4 x 4, stride 2 - batch normalisation: (B, C, H, W) -> (B, D, 2H, 2W)."""

    def __init__(self, in_channels: int, out_channels: int, *, last: bool) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=last)
        self.norm = nn.Identity() if last else nn.BatchNorm2d(out_channels)

    def forward(self, h: Images) -> Larger:
        return self.norm(self.conv(F.relu(h)))


class UNet(nn.Module):
    """The generator of section 6.1.1: C64-C128-C256-C512-...-C512 down, CD512-...-C128 up, tanh.

    Depth follows the image size: 256 pixels give the paper's 8 halvings. Without `skips` it is the paper's
    encoder-decoder. At 256 pixels the first three layers of the decoder have dropout, as in the paper. Smaller images
    have it in fewer layers: one for each halving beyond five, and at least one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, image_size: int, *, width: int, skips: bool, dropout: float
    ) -> None:
        super().__init__()
        depth = halvings(image_size, (1, 3), "pix2pix", least=3)
        self.skips, self.dropout = skips, dropout
        self.noisy_layers = min(max(depth - 5, 1), 3)
        widths = [width * min(2**level, 8) for level in range(depth)]  # 64, 128, 256, 512, 512, ...
        self.down = nn.ModuleList(
            Down(c, d, first=level == 0, last=level == depth - 1)
            for level, (c, d) in enumerate(zip([in_channels, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList(
            Up(
                widths[level] * (2 if skips and level < depth - 1 else 1),  # U-Net decoder: C1024, C1024, ...
                widths[level - 1] if level > 0 else out_channels,
                last=level == 0,
            )
            for level in reversed(range(depth))
        )

    def forward(self, x: Images, noise: bool = True, rng: Rng = None) -> Drawings:
        levels, h = [], x
        for down in self.down:
            h = down(h)
            levels.append(h)
        levels.pop()  # the bottleneck is where the way up begins
        for layer, up in enumerate(self.up):
            h = up(h)
            if noise and layer < self.noisy_layers:
                h = noisy_dropout(h, self.dropout, rng)
            if self.skips and levels:
                h = torch.cat([levels.pop(), h], dim=1)
        return torch.tanh(h)


class Pix2Pix(Model, Translates):
    """A U-Net draws b from a (or a from b). A PatchGAN judges input and drawing together.

    Raises:
        GenlabError: the networks cannot take the image size.
    """

    family = Family.TRANSLATION
    recipe = Recipe(
        optimizer="adam",  # section 3.3: Adam, learning rate 2e-4, momentum 0.5 and 0.999
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        batch_size=1,  # section 6.2: between 1 and 10 depending on the experiment
        epochs=200.0,  # section 6.2, facades
        decay_from=0.5,  # the authors' PyTorch code: 100 epochs constant, 100 falling linearly to zero
        jitter=286 / 256,  # section 6.2: "resizing the 256x256 input images to 286x286 and then randomly cropping"
        mirror=True,
    )

    def __init__(
        self,
        *,
        image_size: int = 256,  # H = W
        channels_a: int = 3,
        channels_b: int = 3,
        direction: Literal["a_to_b", "b_to_a"] = "a_to_b",
        objective: Objective = "l1+cgan",  # equation 4, and its ablations in table 1; "gan" hides x from D
        l1_weight: Annotated[float, Gt(0)] = 100.0,  # lambda in equation 4
        adversarial_loss: Literal["cross_entropy", "least_squares"] = "cross_entropy",
        generator: Literal["unet", "encoder_decoder"] = "unet",  # figure 5
        generator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of G
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of D
        receptive_field: ReceptiveField = 70,  # pixels that one decision of D sees; figure 6
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.5,  # the noise z
    ) -> None:
        super().__init__()
        self.source: Side = "a" if direction == "a_to_b" else "b"
        self.target: Side = "b" if direction == "a_to_b" else "a"
        self.targets = (self.target,)
        channels = {"a": channels_a, "b": channels_b}
        self.conditional = "cgan" in objective
        self.l1_weight = l1_weight if "l1" in objective else 0.0
        self.adversarial_loss = ADVERSARIAL_LOSSES[adversarial_loss]
        self.generator = UNet(
            channels[self.source], channels[self.target], image_size,
            width=generator_width, skips=generator == "unet", dropout=dropout,
        )  # fmt: skip
        self.discriminator = None
        if "gan" in objective:
            seen = channels[self.target] + (channels[self.source] if self.conditional else 0)
            self.discriminator = PatchDiscriminator(seen, image_size, receptive_field, discriminator_width)
        self.apply(init_normal)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"generator_width": 4, "discriminator_width": 4}

    def players(self) -> dict[str, list[nn.Parameter]]:
        networks = {"discriminator": self.discriminator, "generator": self.generator}
        return {name: list(network.parameters()) for name, network in networks.items() if network is not None}

    def judge(self, x: Images, y: Drawings) -> Float[Tensor, "b 1 i j"]:
        """Logits of D for the drawing y, beside its input x where D is conditional."""
        assert self.discriminator is not None
        return self.discriminator(torch.cat([x, y], dim=1) if self.conditional else y)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, y = batch[self.source], batch[self.target]
        y_hat = self.generator(x)
        if self.discriminator is not None:
            on_real, on_fake = self.judge(x, y), self.judge(x, y_hat.detach())
            yield Turn(
                "discriminator",  # section 3.3: "we divide the objective by 2 while optimizing D"
                {
                    "d_real": self.adversarial_loss(on_real, real=True).mean() / 2,
                    "d_fake": self.adversarial_loss(on_fake, real=False).mean() / 2,
                },
            )
        distance = l1_distance(y, y_hat).mean()
        terms = {}
        if self.discriminator is not None:
            terms["g_adversarial"] = self.adversarial_loss(self.judge(x, y_hat), real=True).mean()
        if self.l1_weight:
            terms["g_l1"] = self.l1_weight * distance
        yield Turn("generator", terms, metrics={"train_l1": distance.detach() / 2})  # pixel range [0, 1]

    def translate(
        self, x: Images, to: Side, rng: Rng = None, *,
        noise_at_test: bool = True,  # section 3.3: dropout stays on at test time; false makes G deterministic
    ) -> Drawings:  # fmt: skip
        if to != self.target:
            raise GenlabError(f"this pix2pix draws domain {self.target!r} from {self.source!r}, not {to!r}")
        return self.generator(x, noise=noise_at_test, rng=rng)
