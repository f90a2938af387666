"""VAE: auto-encoding variational Bayes.

Kingma and Welling, ICLR 2014, arXiv:1312.6114. With beta: Higgins et al., ICLR 2017.

B batch, C channels, H = W image size, Z latent dimensions, N latent vectors, K samples of the posterior. x is an image
in [-1, 1], z its latent vector, q(z|x) the encoder's Gaussian, p(x|z) the decoder's distribution of pixels, p(z) the
prior. Log-probabilities are in nats, one for each image.

Section 5 draws first weights from N(0, 0.01) and estimates them by MAP under N(0, I), a weak weight decay. Here first
weights are PyTorch's, and there is no weight decay.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.models.base import (
    Batch,
    Decodes,
    Encodes,
    Family,
    MatchesPrior,
    Model,
    Recipe,
    Reconstructs,
    Samples,
    ScoresDensity,
    Turn,
    Validates,
)
from genlab.nn.coders import Activation, Decoder, Encoder, Network
from genlab.nn.noise import Chance, Rng, uniform_noise
from genlab.nn.pixels import PIXELS, STEP, PixelName, Pixels
from genlab.nn.priors import PriorName, StandardNormal, log_normal, make_prior, reparameterise

Images = Float[Tensor, "b c h w"]
Latents = Float[Tensor, "n z"]
PerImage = Float[Tensor, " b"]
CHUNK = 2000  # latent vectors that the importance-weighted bound decodes at a time; they fit into a cache


def kl_to_standard_normal(mean: Latents, log_var: Latents) -> Float[Tensor, " n"]:
    """KL(N(mean, exp(log_var)) || N(0, I)); appendix B."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1)


class Gaussian(Pixels):
    """N(given, s^2) with one learned s; appendix C.2.

    The paper has an s for each pixel. A pixel that is always black then has a density without bound.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def log_prob(self, given: Images, x: Images) -> PerImage:
        standard = (x - given) * torch.exp(-self.log_scale)
        return (-0.5 * (standard.square() + math.log(2 * math.pi)) - self.log_scale).flatten(1).sum(dim=1)

    def mean(self, given: Images) -> Images:
        return given.clamp(-1, 1)

    def dequantise(self, x: Images, rng: Rng) -> tuple[Images, float]:
        """Uniform noise in each level's interval makes the density a bound of a probability; Theis et al. 2016, 3.1."""
        level = ((x + 1) / STEP).round()
        noise = uniform_noise(len(x), tuple(x.shape[1:]), x, rng) - 0.5
        return (level + noise) * STEP - 1, math.log(STEP)


class VAE(Model, Samples, Decodes, Encodes, MatchesPrior, Reconstructs, ScoresDensity, Validates):
    """A Gaussian encoder and a decoder, trained on a bound of the log-likelihood.

    A drawing is the mean of p(x|z), as in the paper's figures.

    Raises:
        GenlabError: the networks cannot take the image size, or the prior does not exist in so many dimensions.
    """

    family = Family.VARIATIONAL
    recipe = Recipe(
        optimizer="adagrad",  # section 5; the first iterations chose the rate from 0.01, 0.02 and 0.1
        learning_rate=0.02,
        batch_size=100,  # section 3, M = 100 with L = 1 sample of each posterior
        epochs=1667.0,  # figure 2: 10^8 images, of 60,000
    )
    condition = None
    density = ("bound", "estimated")

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        latent_dim: Annotated[int, Ge(1)] = 20,  # figure 2: 3, 5, 10, 20 or 200
        network: Network = "mlp",  # appendix C; linear with Gaussian pixels is probabilistic PCA
        width: Annotated[int, Ge(1)] = 500,  # section 5: 500 hidden units for MNIST
        layers: Annotated[int, Ge(1), Le(100)] = 1,
        activation: Activation = "tanh",
        pixels: Literal[PixelName, "gaussian"] = "bernoulli",  # appendix C.1, or gaussian: C.2; the others are younger
        prior: PriorName = "standard_normal",
        components: Annotated[int, Ge(1)] = 10,  # of a mixture as prior
        beta: Annotated[float, Ge(0)] = 1.0,  # weight of the KL divergence
        warm_up: Annotated[int, Ge(0)] = 0,  # steps in which this weight grows from 0; Bowman et al. 2016
    ) -> None:
        super().__init__()
        self.latent_dim, self.beta, self.warm_up = latent_dim, beta, warm_up
        self.prior = make_prior(prior, latent_dim, components)
        self.pixels = Gaussian(channels) if pixels == "gaussian" else PIXELS[pixels](channels)
        self.levels = self.pixels.levels
        how: dict = {"width": width, "layers": layers, "activation": activation}
        self.encoder = Encoder(network, channels, image_size, 2 * latent_dim, **how)
        self.decoder = Decoder(network, latent_dim, self.pixels.numbers, image_size, **how)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 8, "latent_dim": 4, "prior": "learned_mixture", "components": 3}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        flat = {f"prior={prior}": {"prior": prior, "latent_dim": 2} for prior in ("mixture", "swiss_roll")}
        return {**super().variants(), **flat, "warm_up": {"warm_up": 4}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"vae": list(self.parameters())}

    def posterior(self, x: Images) -> tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]:
        """q(z|x): its means and the logarithms of its variances."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var

    def kl(self, mean: Latents, log_var: Latents, z: Latents) -> Float[Tensor, " n"]:
        """KL(q(z|x) || p(z)). Exact for the standard normal; else an estimate by `z`, a draw from q(z|x)."""
        if isinstance(self.prior, StandardNormal):
            return kl_to_standard_normal(mean, log_var)
        return log_normal(z, mean, log_var) - self.prior.log_prob(z)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        mean, log_var = self.posterior(x)
        z = reparameterise(mean, log_var)
        kl = self.kl(mean, log_var, z).mean()
        weight = self.beta * min(1.0, (step + 1) / self.warm_up) if self.warm_up else self.beta
        log_likelihood = self.pixels.log_prob(self.decoder(z), x).mean()
        yield Turn(
            "vae",  # equation 10
            {"reconstruction": -log_likelihood, "kl": weight * kl},
            metrics={"negative_elbo": (kl - log_likelihood).detach()},
        )

    def elbo(self, x: Images, rng: Chance) -> PerImage:
        """One sample of a lower bound of each image's log-probability; equation 10. The bound holds in expectation."""
        x, per_number = self.pixels.dequantise(x, rng)
        mean, log_var = self.posterior(x)
        z = reparameterise(mean, log_var, rng)
        return self.pixels.log_prob(self.decoder(z), x) - self.kl(mean, log_var, z) + per_number * x[0].numel()

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        """log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k from q(z|x), K = `effort`; Burda et al. 2016, equation 8.

        A lower bound of the log-probability in expectation. It grows with K. With one latent vector it is `elbo`, which
        has the same expectation and, where the KL divergence is exact, less variance.
        """
        if effort == 1:
            return self.elbo(x, rng)
        x, per_number = self.pixels.dequantise(x, rng)
        mean, log_var = self.posterior(x)
        noise = rng.normal((effort, mean.shape[1]), mean).transpose(0, 1)  # (K, B, Z)
        weights = []
        for start in range(0, effort, share := max(1, CHUNK // len(x))):
            k = min(share, effort - start)
            means, log_vars, again = mean.repeat(k, 1), log_var.repeat(k, 1), x.repeat(k, 1, 1, 1)  # (K * B, ...)
            z = means + torch.exp(0.5 * log_vars) * noise[start : start + k].flatten(0, 1)
            log_joint = self.pixels.log_prob(self.decoder(z), again) + self.prior.log_prob(z)
            weights.append((log_joint - log_normal(z, means, log_vars)).view(k, len(x)))
        return torch.logsumexp(torch.cat(weights), dim=0) - math.log(effort) + per_number * x[0].numel()

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative ELBO."""
        return -self.elbo(batch["images"], rng)

    def encode(self, x: Images) -> Float[Tensor, "b z"]:
        return self.posterior(x)[0]

    def draw_codes(self, x: Images, rng: Rng = None) -> Float[Tensor, "b z"]:
        """A draw from q(z|x) for each image."""
        return reparameterise(*self.posterior(x), rng)

    def decode(self, z: Latents, condition: Tensor | None = None) -> Float[Tensor, "n c h w"]:
        self.check_condition(condition)
        return self.pixels.mean(self.decoder(z))

    def draw_prior(self, labels: Int[Tensor, " n"], rng: Rng = None) -> Latents:
        """A draw from the prior for each label. The label changes nothing."""
        return self.prior.sample(len(labels), rng)

    def draw_latents(self, n: int, rng: Chance) -> Latents:
        return self.prior.sample(n, rng)

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Float[Tensor, "n c h w"]:
        return self.decode(self.draw_latents(n, rng), condition)

    def reconstruct(self, x: Images) -> Images:
        return self.decode(self.encode(x))
