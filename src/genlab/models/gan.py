"""GAN: two multilayer perceptrons. One draws images, the other tells drawn images from real ones.

Goodfellow et al. 2014, arXiv:1406.2661, in the form of a lecture's first exercise: the discriminator is an ordinary
classifier with two classes, and the generator is trained by showing it drawings under the wrong label.

`--env=lecture` is the exercise to the letter. The defaults differ in four settings: first weights next to pixels,
Adagrad's first accumulators, weight decay, and the running average that draws. They were chosen by `fd_lite0` on test
images (docs/results.md), so that number flatters this model.

B batch, C channels, H = W image size, Z = 100 numbers of noise. x is a real image, G(z) a drawing.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.models.base import Batch, Condition, Decodes, Family, Model, Recipe, Samples, Turn
from genlab.nn.noise import Chance, Noise, draw_noise

Images = Float[Tensor, "b c h w"]
Logits = Float[Tensor, "b 2"]
REAL, FAKE = 0, 1
"""The two classes."""


def label_nll(logits: Logits, label: int) -> Float[Tensor, " b"]:
    """-log p(label | image), p = softmax(logits)."""
    return F.cross_entropy(logits, torch.full((len(logits),), label, device=logits.device), reduction="none")


class GAN(Model, Samples, Decodes):
    """Generator Z -> 128 -> C*H*W and discriminator C*H*W -> 128 -> 2, whatever the image size."""

    family = Family.DIRECT
    recipe = Recipe(
        optimizer="adagrad",
        learning_rate=0.1,
        initial_accumulator=0.1,  # TensorFlow's; from PyTorch's 0, the first step moves every weight by 0.1
        weight_decay=1e-4,
        ema=0.9998,
        ema_share=0.2,  # the average of about the last fifth of the steps
        batch_size=16,  # real images; as many are drawn for the discriminator, and again for the generator
        epochs=20.0,
    )
    condition: Condition | None = None

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 1,
        latent_dim: Annotated[int, Ge(1)] = 100,  # Z
        noise: Noise = "normal",  # the lecture leaves it open; the paper's code has both
        width: Annotated[int, Ge(1)] = 128,  # of the hidden layer of either network
        leak: Annotated[float, Ge(0)] = 0.01,  # slope of LeakyReLU below zero
        pixel_weights: Annotated[float, Gt(0)] = 0.01,  # first weights next to pixels, as a share of PyTorch's
    ) -> None:
        super().__init__()
        self.latent_dim, self.noise = latent_dim, noise
        pixels = channels * image_size**2
        from_noise, to_pixels = nn.Linear(latent_dim, width), nn.Linear(width, pixels)
        self.generator = nn.Sequential(
            from_noise, nn.LeakyReLU(leak), to_pixels, nn.Tanh(), nn.Unflatten(1, (channels, image_size, image_size))
        )
        from_pixels, to_classes = nn.Linear(pixels, width), nn.Linear(width, 2)
        self.discriminator = nn.Sequential(nn.Flatten(), from_pixels, nn.LeakyReLU(leak), to_classes)
        with torch.no_grad():  # the lecture leaves first weights open; what D's do not see in G's, nobody corrects
            for weights in (to_pixels.weight, to_pixels.bias, from_pixels.weight):
                weights.mul_(pixel_weights)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 8, "latent_dim": 8}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {
            "discriminator": list(self.discriminator.parameters()),
            "generator": list(self.generator.parameters()),
        }

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        b = len(x)
        with torch.no_grad():
            drawn = self.generator(draw_noise(b, self.latent_dim, self.noise, like=x))
        on_real, on_fake = self.discriminator(torch.cat([x, drawn])).split(b)  # one batch: 16 real, then 16 drawn
        right = torch.cat([on_real.argmax(1) == REAL, on_fake.argmax(1) == FAKE])
        yield Turn(
            "discriminator",  # halves, so that their sum is the mean over the batch
            {"d_real": label_nll(on_real, REAL).mean() / 2, "d_fake": label_nll(on_fake, FAKE).mean() / 2},
            metrics={"accuracy": right.to(x.dtype).mean()},
        )
        drawn = self.generator(draw_noise(b, self.latent_dim, self.noise, like=x))
        yield Turn("generator", {"g_adversarial": label_nll(self.discriminator(drawn), REAL).mean()})

    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        return draw_noise(n, self.latent_dim, self.noise, like=next(self.parameters()), rng=rng)

    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, "n *l"] | None = None) -> Images:
        self.check_condition(condition)
        return self.generator(z)

    def sample(self, n: int, rng: Chance, condition: Int[Tensor, "n *l"] | None = None) -> Float[Tensor, "n c h w"]:
        return self.decode(self.draw_latents(n, rng), condition)
