"""DCGAN: unsupervised representation learning with deep convolutional generative adversarial networks.

Radford, Metz and Chintala, ICLR 2016, arXiv:1511.06434. Later losses and ways to stabilise training are options.

B batch, C channels, H = W image size, Z numbers of noise. x is a real image, G(z) a drawing, D(x) a score.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.media.pictures.augment import differentiable_augment
from genlab.models.base import Batch, Condition, Decodes, Family, Model, Recipe, Samples, Turn
from genlab.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from genlab.nn.gan_losses import GAN_LOSSES, LossName, squared_gradient, unit_gradient_penalty
from genlab.nn.noise import Chance, Noise, draw_noise

Images = Float[Tensor, "b c h w"]


class DCGAN(Model, Samples, Decodes):
    """Convolutional generator and discriminator for images of 32, 64 or 128 pixels.

    Raises:
        GenlabError: another image size.
    """

    family = Family.DIRECT
    recipe = Recipe(
        optimizer="adam",  # section 4: Adam, learning rate 2e-4, momentum 0.5
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        batch_size=128,  # section 4
        epochs=25.0,  # the authors' code; the paper names none
    )
    condition: Condition | None = None

    def __init__(
        self,
        *,
        image_size: int = 64,  # H = W
        channels: int = 3,
        latent_dim: Annotated[int, Ge(1)] = 100,  # Z
        noise: Noise = "uniform",  # figure 1: "a 100 dimensional uniform distribution"
        generator_width: Annotated[int, Ge(1)] = 128,  # channels of G's largest maps; figure 1
        discriminator_width: Annotated[int, Ge(1)] = 64,  # channels of D's largest maps; the authors' code
        loss: LossName = "non_saturating",  # see genlab/nn/gan_losses.py
        penalty_weight: Annotated[float, Ge(0)] | None = None,  # WGAN-GP's lambda = 10, half of R3GAN's gamma = 1
        n_critic: Annotated[int, Ge(1)] | None = None,  # turns of D for one of G; the batch is cut; WGAN-GP: 5, else 1
        spectral_norm: bool = False,  # in D, in place of batch normalisation; Miyato et al. 2018
        diff_augment: bool = False,  # D sees all images through DiffAugment; Zhao et al. 2020
    ) -> None:
        super().__init__()
        self.latent_dim, self.noise, self.diff_augment = latent_dim, noise, diff_augment
        self.loss = GAN_LOSSES[loss]
        self.n_critic = n_critic or self.loss.n_critic
        self.penalty_weight = self.loss.penalty_weight if penalty_weight is None else penalty_weight
        self.generator = DCGANGenerator(latent_dim, channels, image_size, generator_width)
        self.discriminator = DCGANDiscriminator(
            channels, image_size, discriminator_width,
            batch_norm=self.loss.penalty is None,  # under a penalty every example is judged by itself
            spectral_norm=spectral_norm,
        )  # fmt: skip

    @classmethod
    def recipe_for(cls, arguments: Mapping[str, Any]) -> Recipe:
        """WGAN-GP has a recipe of its own; Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1."""
        if arguments.get("loss") == "wasserstein_gp":
            own = {"learning_rate": 1e-4, "betas": (0.0, 0.9), "batch_size": 320}  # 5 turns of 64 images
            return cls.recipe.model_copy(update=own)
        return cls.recipe

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"generator_width": 8, "discriminator_width": 4, "latent_dim": 64, "noise": "normal"}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        gradient_penalty = {"loss": "wasserstein_gp", "n_critic": 2}  # its 5 turns want larger batches than a test's
        return {**super().variants(), "n_critic": {"n_critic": 2}, "loss=wasserstein_gp": gradient_penalty}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {
            "discriminator": list(self.discriminator.parameters()),
            "generator": list(self.generator.parameters()),
        }

    def shown(self, x: Images) -> Images:
        """What the discriminator sees of images."""
        return differentiable_augment({"x": x})["x"] if self.diff_augment else x

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        images = batch["images"]
        if len(images) < self.n_critic:
            raise GenlabError(
                f"a batch of {len(images)} images cannot be cut into dcgan.model.n_critic={self.n_critic} turns of the "
                f"discriminator; set training.batch_size to {self.n_critic} or more for each device"
            )
        for x in images.tensor_split(self.n_critic):
            drawn = self.generator(draw_noise(len(x), self.latent_dim, self.noise, like=x))
            yield self.discriminator_turn(self.shown(x), self.shown(drawn.detach()))
        on_fake = self.discriminator(self.shown(drawn))  # the same drawings again, as in the authors' code
        on_real = self.discriminator(self.shown(x)).detach() if self.loss.relativistic else on_fake  # else unused
        yield Turn("generator", {"g_adversarial": self.loss.generator(on_real, on_fake).mean()})

    def discriminator_turn(self, real: Images, fake: Images) -> Turn:
        """D's loss on real and on drawn images, and the penalty on D's gradients if the loss has one."""
        if self.loss.penalty == "zero_gradient":
            real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        terms = {"d_adversarial": self.loss.discriminator(on_real, on_fake).mean()}
        if self.loss.penalty == "zero_gradient":
            penalty = squared_gradient(on_real, real) + squared_gradient(on_fake, fake)  # R1 + R2
            terms["d_penalty"] = self.penalty_weight * penalty.mean()
        elif self.loss.penalty == "unit_gradient":
            terms["d_penalty"] = self.penalty_weight * unit_gradient_penalty(self.discriminator, real, fake).mean()
        return Turn("discriminator", terms, self.loss.metrics(on_real, on_fake))

    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        return draw_noise(n, self.latent_dim, self.noise, like=next(self.parameters()), rng=rng)

    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, "n *l"] | None = None) -> Images:
        self.check_condition(condition)
        return self.generator(z)

    def sample(self, n: int, rng: Chance, condition: Int[Tensor, "n *l"] | None = None) -> Float[Tensor, "n c h w"]:
        return self.decode(self.draw_latents(n, rng), condition)
