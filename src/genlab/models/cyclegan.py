"""CycleGAN: unpaired image-to-image translation using cycle-consistent adversarial networks.

Zhu, Park, Isola and Efros, ICCV 2017, arXiv:1703.10593.

B batch, C channels of domain a, D channels of domain b, H = W image size. The paper's X and Y are the domains a and b,
G: X -> Y is `a_to_b`, F: Y -> X is `b_to_a`, D_X is `critic_a` and D_Y is `critic_b`. The model never learns which
images of a and b belong together.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Batch, EncodesDomains, Family, Model, Recipe, Side, Translates, Turn
from genlab.nn.gan_losses import ADVERSARIAL_LOSSES
from genlab.nn.image_pool import ImagePool
from genlab.nn.init import init_normal
from genlab.nn.noise import Rng
from genlab.nn.patchgan import PatchDiscriminator, ReceptiveField
from genlab.nn.resnet import ResNetGenerator, Upsampling, require_quarters

Images = Float[Tensor, "b c h w"]
Drawings = Float[Tensor, "b d h w"]


def cycle_distance(x: Images, there_and_back: Images) -> Float[Tensor, " b"]:
    """||F(G(x)) - x||_1 per pixel and channel; equation 2."""
    return (there_and_back - x).abs().mean(dim=(1, 2, 3))


def residual_blocks(image_size: int) -> int:
    """How many residual blocks a generator has: 6 for 128 pixels, 9 for 256 and more; section 7.2."""
    return 6 if image_size < 256 else 9


class CycleGAN(Model, Translates, EncodesDomains):
    """Two generators, there and back, each against a PatchGAN of its target domain.

    Raises:
        GenlabError: the networks cannot take the image size, or the identity loss has domains of different channels.
    """

    targets: tuple[Side, ...] = ("b", "a")

    family = Family.TRANSLATION
    recipe = Recipe(
        optimizer="adam",  # section 7.1
        learning_rate=2e-4,
        betas=(0.5, 0.999),  # the authors' code
        batch_size=1,
        epochs=200.0,
        decay_from=0.5,  # 100 epochs constant, 100 falling linearly to zero
        jitter=286 / 256,  # the authors' code: scaled to 286, cropped to 256
        mirror=True,
    )

    def __init__(
        self,
        *,
        image_size: int = 256,  # H = W
        channels_a: int = 3,
        channels_b: int = 3,
        cycle_weight: Annotated[float, Gt(0)] = 10.0,  # lambda in equation 3
        identity_weight: Annotated[float, Ge(0)] = 0.0,  # in units of lambda; 0.5 for paintings, section 5.2; 0 = off
        adversarial_loss: Literal["least_squares", "cross_entropy"] = "least_squares",  # section 4
        blocks: Annotated[int, Ge(1), Le(100)]
        | None = None,  # residual blocks; None: by the image size, as in section 7.2
        generator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of a generator
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of the first layer of a critic
        receptive_field: ReceptiveField = 70,  # pixels that one decision of a critic sees
        upsampling: Upsampling = "transposed",  # "resize" leaves no checkerboard
        pool_size: Annotated[int, Ge(0)] = 50,  # past drawings kept for a critic, section 4; 0 = none
    ) -> None:
        super().__init__()
        require_quarters(image_size, "cyclegan")
        if identity_weight and channels_a != channels_b:
            raise GenlabError(
                f"cyclegan's identity loss asks each generator to leave an image of its target domain as it is, but "
                f"domain a has {channels_a} channel(s) and b has {channels_b}; set cyclegan.model.identity_weight=0, "
                "or data.channels=1 or 3 for both"
            )
        self.cycle_weight, self.identity_weight = cycle_weight, cycle_weight * identity_weight
        self.adversarial_loss = ADVERSARIAL_LOSSES[adversarial_loss]
        blocks = blocks or residual_blocks(image_size)
        self.a_to_b, self.b_to_a = (
            ResNetGenerator(c, d, blocks=blocks, width=generator_width, upsampling=upsampling)
            for c, d in ((channels_a, channels_b), (channels_b, channels_a))
        )
        self.critic_a, self.critic_b = (
            PatchDiscriminator(channels, image_size, receptive_field, discriminator_width, norm="instance")
            for channels in (channels_a, channels_b)
        )
        self.pool_a, self.pool_b = (ImagePool(pool_size, channels, image_size) for channels in (channels_a, channels_b))
        self.apply(init_normal)  # section 7.1: N(0, 0.02)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"generator_width": 2, "discriminator_width": 2, "receptive_field": 16, "blocks": 1, "pool_size": 12}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "identity": {"identity_weight": 0.5}, "no_pool": {"pool_size": 0}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {
            "generators": [*self.a_to_b.parameters(), *self.b_to_a.parameters()],
            "critics": [*self.critic_a.parameters(), *self.critic_b.parameters()],
        }

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        """The generators move first. Then the critics judge the drawings made before that move: the authors' order."""
        a, b = batch["a"], batch["b"]
        if self.identity_weight:  # instance normalisation keeps images apart, so one pass draws both
            fake_b, same_b = self.a_to_b(torch.cat([a, b])).chunk(2)
            fake_a, same_a = self.b_to_a(torch.cat([b, a])).chunk(2)
        else:
            fake_b, fake_a = self.a_to_b(a), self.b_to_a(b)
        cycle_a = cycle_distance(a, self.b_to_a(fake_b)).mean()
        cycle_b = cycle_distance(b, self.a_to_b(fake_a)).mean()
        terms = {
            "g_adversarial_b": self.adversarial_loss(self.critic_b(fake_b), real=True).mean(),
            "g_adversarial_a": self.adversarial_loss(self.critic_a(fake_a), real=True).mean(),
            "g_cycle_a": self.cycle_weight * cycle_a,
            "g_cycle_b": self.cycle_weight * cycle_b,
        }
        if self.identity_weight:
            terms["g_identity_a"] = self.identity_weight * cycle_distance(a, same_a).mean()
            terms["g_identity_b"] = self.identity_weight * cycle_distance(b, same_b).mean()
        seen_b, seen_a = fake_b.detach(), fake_a.detach()
        del fake_b, fake_a  # frees their graph once the generators have moved
        yield Turn(  # pixel range [0, 1]
            "generators", terms, metrics={"train_cycle_a": cycle_a.detach() / 2, "train_cycle_b": cycle_b.detach() / 2}
        )
        yield Turn("critics", {**self.judge("a", a, seen_a), **self.judge("b", b, seen_b)})

    def judge(self, side: Side, real: Images, drawn: Images) -> dict[str, Float[Tensor, ""]]:
        """The objective of one critic: real images against new and past drawings.

        Section 7.1: "we divide the objective by 2 while optimizing D".
        """
        critic, pool = (self.critic_a, self.pool_a) if side == "a" else (self.critic_b, self.pool_b)
        on_real, on_fake = critic(real), critic(pool.exchange(drawn))
        return {
            f"d_real_{side}": self.adversarial_loss(on_real, real=True).mean() / 2,
            f"d_fake_{side}": self.adversarial_loss(on_fake, real=False).mean() / 2,
        }

    def translate(self, x: Images, to: Side, rng: Rng = None) -> Drawings:
        return self.a_to_b(x) if to == "b" else self.b_to_a(x)

    def encode_domain(self, x: Images, side: Side) -> Float[Tensor, "b k h//4 w//4"]:
        """Features half way through the generator that starts from this domain. The domains share no space."""
        return (self.a_to_b if side == "a" else self.b_to_a).features(x)
