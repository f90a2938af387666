"""AAE: adversarial autoencoders.

Makhzani, Shlens, Jaitly, Goodfellow and Frey 2016, arXiv:1511.05644.

B batch, C channels, H = W image size, Z latent dimensions, N latent vectors, K classes. x is an image in [-1, 1], z its
code, q(z|x) the encoder, p(z) the prior. The discriminator D tells draws from the prior (real) from codes (fake).

Appendix A draws first weights from N(0, 0.01^2) and gives MNIST's prior in 8 dimensions the standard deviation 5. Here
first weights are PyTorch's: with the paper's, signals die in narrow networks. The normal prior is N(0, I), as the
VAE's: the scale of a code is only a factor in the layers before and after it.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import (
    Batch,
    Condition,
    Decodes,
    Encodes,
    Family,
    MatchesPrior,
    Model,
    Recipe,
    Reconstructs,
    Samples,
    Turn,
    Validates,
)
from genlab.nn.coders import Activation, Decoder, Encoder, Network, mlp
from genlab.nn.gan_losses import cross_entropy
from genlab.nn.noise import Chance, Rng
from genlab.nn.priors import GaussianMixture, make_prior, reparameterise

Images = Float[Tensor, "b c h w"]
Latents = Float[Tensor, "n z"]
Labels = Int[Tensor, " n"]
PerLatent = Float[Tensor, " n"]


def squared_error(x: Images, x_hat: Images) -> Float[Tensor, " b"]:
    """|x - x_hat|^2 / 2, in the pixel range [0, 1]; appendix A."""
    return (x - x_hat).square().flatten(1).sum(dim=1) / 8


class AAE(Model, Samples, Decodes, Encodes, MatchesPrior, Reconstructs, Validates):
    """An autoencoder and an adversary, which shapes the codes until they have the distribution of the prior.

    With `label_informed` (section 2.3) D sees the label beside the code. Each class then moves to its own part of the
    prior, and a code from that part shows the class. Images without a label have a class of their own. Its part is the
    whole prior.

    Raises:
        GenlabError: the networks cannot take the image size; the prior does not exist in so many dimensions; labels are
            asked for and the images have none, or the prior has no part for each class.
    """

    family = Family.RECONSTRUCTION
    recipe = Recipe(
        optimizer="adam",  # the paper has momentum, and a learning rate for each turn; appendix A
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        batch_size=100,  # appendix A
        epochs=1000.0,
    )

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        classes: int = 0,
        latent_dim: Annotated[int, Ge(1)] = 8,  # appendix A: 8 for MNIST; 2 in the figures
        network: Network = "mlp",
        width: Annotated[int, Ge(1)] = 1000,  # appendix A: two layers of 1000 rectified units in each network
        layers: Annotated[int, Ge(1), Le(100)] = 2,
        activation: Activation = "relu",
        encoder: Literal["deterministic", "gaussian"] = "deterministic",  # section 2; the paper's results
        prior: Literal["standard_normal", "mixture", "swiss_roll", "uniform_ball"] = "standard_normal",
        components: Annotated[int, Ge(1)] | None = None,  # of the mixture; null: one per class, or figure 4's 10
        label_informed: bool = False,  # figures 3 and 4
        discriminator_width: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.latent_dim, self.classes = latent_dim, classes
        self.gaussian, self.label_informed = encoder == "gaussian", label_informed
        self.condition: Condition | None = "labels" if label_informed else None
        components = components or (classes if label_informed and classes else 10)
        self.prior = make_prior(prior, latent_dim, components)
        if label_informed:
            self._require_parts(prior, components)
        how: dict = {"width": width, "layers": layers, "activation": activation}
        self.encoder = Encoder(network, channels, image_size, latent_dim * (2 if self.gaussian else 1), **how)
        self.decoder = Decoder(network, latent_dim, channels, image_size, **how)
        seen = latent_dim + (classes + 1 if label_informed else 0)
        self.discriminator = mlp([seen, *[discriminator_width] * 2, 1], activation)

    def _require_parts(self, prior: str, components: int) -> None:
        if self.classes == 0:
            raise GenlabError(
                "label_informed=true ties every class to a part of the prior, but these images have no labels; set "
                "aae.model.label_informed to false, or put the images into one folder for each class"
            )
        if not isinstance(self.prior, GaussianMixture):
            raise GenlabError(
                f"label_informed=true ties every class to a part of the prior, but {prior!r} has no parts; set "
                "aae.model.prior to 'mixture' or 'swiss_roll'"
            )
        if prior == "mixture" and components != self.classes:
            raise GenlabError(
                "label_informed=true ties every class to a component of the mixture, but there are "
                f"{self.classes} classes and {components} components; set aae.model.components to {self.classes}"
            )

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {
            "width": 8,
            "discriminator_width": 8,
            "latent_dim": 2,
            "encoder": "gaussian",
            "prior": "mixture",
            "label_informed": True,
        }

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        whole = {p: {"prior": p, "label_informed": False} for p in ("standard_normal", "uniform_ball")}  # have no parts
        return {**super().variants(), **{f"prior={prior}": arguments for prior, arguments in whole.items()}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        encoder = list(self.encoder.parameters())
        return {
            "autoencoder": [*encoder, *self.decoder.parameters()],
            "discriminator": list(self.discriminator.parameters()),
            "encoder": encoder,
        }

    def draw_codes(self, x: Images, rng: Rng = None) -> Float[Tensor, "b z"]:
        """A draw from q(z|x) for each image. A deterministic encoder leaves nothing to chance."""
        if not self.gaussian:
            return self.encoder(x)
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return reparameterise(mean, log_var, rng)

    def draw_prior(self, labels: Labels, rng: Rng = None) -> Latents:
        """A draw from each label's part of the prior. The part of label -1 is the whole prior."""
        anywhere = self.prior.sample(len(labels), rng)
        if not self.label_informed:
            return anywhere
        assert isinstance(self.prior, GaussianMixture)
        part = self.prior.sample_group(labels.clamp(min=0), self.classes, rng)
        return torch.where((labels >= 0)[:, None], part, anywhere)

    def judge(self, z: Latents, labels: Labels) -> PerLatent:
        """Logits of D. The label stands beside the code; images without one have a class of their own (figure 3)."""
        if self.label_informed:
            known = torch.where(labels >= 0, labels, self.classes)
            z = torch.cat([z, F.one_hot(known, self.classes + 1).to(z.dtype)], dim=1)
        return self.discriminator(z).squeeze(1)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, labels = batch["images"], batch["labels"]
        error = squared_error(x, self.decode(self.draw_codes(x))).mean()
        yield Turn("autoencoder", {"reconstruction": error})  # section 2: the reconstruction phase

        z = self.draw_codes(x)  # the encoder has moved; it stays in place during the discriminator's turn
        on_real, on_fake = self.judge(self.draw_prior(labels), labels), self.judge(z.detach(), labels)
        yield Turn(
            "discriminator",  # the regularisation phase
            {"d_real": cross_entropy(on_real, real=True).mean(), "d_fake": cross_entropy(on_fake, real=False).mean()},
        )
        yield Turn("encoder", {"g_adversarial": cross_entropy(self.judge(z, labels), real=True).mean()})

    def validation(self, batch: Batch, rng: Chance) -> Float[Tensor, " b"]:
        """The mean squared error of each reconstruction, in the pixel range [0, 1]."""
        x = batch["images"]
        return 2 * squared_error(x, self.reconstruct(x)) / x[0].numel()

    def encode(self, x: Images) -> Float[Tensor, "b z"]:
        codes = self.encoder(x)
        return codes.chunk(2, dim=1)[0] if self.gaussian else codes

    def decode(self, z: Latents, condition: Tensor | None = None) -> Float[Tensor, "n c h w"]:
        """The images of these latents. A label is no argument of the decoder: it says where `draw_prior` draws.

        Raises:
            GenlabError: there is a condition.
        """
        if condition is not None:
            raise GenlabError("aae decodes a latent without being told what: leave the condition out")
        return torch.tanh(self.decoder(z))  # the paper's sigmoid, in the range [-1, 1]

    def draw_latents(self, n: int, rng: Chance) -> Latents:
        return self.prior.sample(n, rng)

    def sample(self, n: int, rng: Chance, condition: Labels | None = None) -> Float[Tensor, "n c h w"]:
        self.check_condition(condition)
        z = self.draw_latents(n, rng) if condition is None else self.draw_prior(condition, rng)
        return self.decode(z)

    def reconstruct(self, x: Images) -> Images:
        return self.decode(self.encode(x))
