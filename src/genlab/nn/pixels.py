"""Distributions of pixels: what a network's numbers say about the values of an image.

B images, C channels, H x W pixels, K components of a mixture. x is an image in [-1, 1] with two levels, or with 256 at
equal distances. `given` are the network's numbers, (B, numbers, H, W). Where channels are apart, these are the first
number of every channel, then the second of every channel, and so on: number n of channel c is n * C + c. H and W may be
1, so that an image can be drawn pixel by pixel.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genlab.nn.noise import Rng

Images = Float[Tensor, "b c h w"]
Given = Float[Tensor, "b e h w"]
Uniforms = Float[Tensor, "b u h w"]
PerImage = Float[Tensor, " b"]
PixelName = Literal["bernoulli", "categorical", "discretised_logistic", "logistic_mixture"]
STEP = 2 / 255  # from one of 256 levels of a pixel to the next: the first is -1, the last is 1


def logistic_log_mass(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """The logarithm of a logistic distribution's mass in the interval of each of 256 levels; Kingma et al. 2016.

    An interval reaches half a `STEP` to either side of its level; the first and the last are open to the outside.
    """
    inverse = torch.exp(-log_scale.clamp(-7.0, 7.0))
    upper, lower = (x - mean + STEP / 2) * inverse, (x - mean - STEP / 2) * inverse
    # s(u) - s(l) = s(u) s(-l) (1 - exp(l - u)), s the sigmoid. An open end makes its factor one.
    black, white = x < -0.999, x > 0.999
    up = F.logsigmoid(upper).masked_fill(white, 0.0)
    down = F.logsigmoid(-lower).masked_fill(black, 0.0)
    within = torch.log(-torch.expm1(-STEP * inverse)).masked_fill(black | white, 0.0)
    return up + down + within


def draw_logistic(mean: Tensor, log_scale: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
    """A level by the probabilities of `logistic_log_mass`; the temperature multiplies the scale."""
    drawn = mean + temperature * torch.exp(log_scale.clamp(-7.0, 7.0)) * torch.logit(uniforms)
    return to_image(((drawn + 1) / STEP).round().clamp(0, 255))


def draw_category(logits: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
    """The number of a category, (B, ...), by logits (B, categories, ...) over the temperature."""
    cumulated = torch.softmax(logits / temperature, dim=1).cumsum(dim=1).movedim(1, -1).contiguous()
    place = torch.searchsorted(cumulated, uniforms.unsqueeze(-1).contiguous(), right=True)
    return place.squeeze(-1).clamp_(max=logits.shape[1] - 1)


def to_image(level: Tensor) -> Tensor:
    """Levels 0 to 255 as values in [-1, 1], with the arithmetic that images are read by."""
    return level / 127.5 - 1


class Pixels(nn.Module):
    """p(x), from `numbers` numbers for each pixel, all its channels together.

    `levels` is how many values a pixel can take. A probability is that of one of these values. `uniforms` is how many
    random numbers, uniform in [0, 1), one pixel is drawn by: the same ones draw the same image.

    `apart` is how many groups of channels are drawn one after the other. Channels are apart, each a group, but for
    `LogisticMixture`, which is one: `log_prob`, `mean` and `draw` also take one group's numbers alone.
    """

    levels: ClassVar[int] = 256
    numbers: int
    uniforms: int
    apart: int

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.numbers = self.uniforms = self.apart = channels

    def log_prob(self, given: Given, x: Images) -> PerImage:
        raise NotImplementedError

    def mean(self, given: Given) -> Images:
        """The mean image, in [-1, 1]."""
        raise NotImplementedError

    def draw(self, given: Given, uniforms: Uniforms, temperature: float = 1.0) -> Images:
        """An image of the distribution, in [-1, 1]. A temperature below 1 draws what is probable more often."""
        raise NotImplementedError

    def dequantise(self, x: Images, rng: Rng) -> tuple[Images, float]:
        """What makes densities probabilities of levels: `x` for `log_prob`, and a summand per number of an image."""
        return x, 0.0


class Bernoulli(Pixels):
    """Black or white, by a logit. For a grey pixel, `log_prob` is the mean over its random binarisations."""

    levels = 2

    def log_prob(self, given: Given, x: Images) -> PerImage:
        return (given * (x + 1) / 2 - F.softplus(given)).flatten(1).sum(dim=1)

    def mean(self, given: Given) -> Images:
        return 2 * torch.sigmoid(given) - 1

    def draw(self, given: Given, uniforms: Uniforms, temperature: float = 1.0) -> Images:
        return torch.where(uniforms < torch.sigmoid(given / temperature), 1.0, -1.0).to(given.dtype)


class Categorical(Pixels):
    """Each of 256 levels has a logit of its own; van den Oord et al. 2016."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.numbers = self.levels * channels

    def logits(self, given: Given) -> Float[Tensor, "b levels c h w"]:
        return given.unflatten(1, (self.levels, -1))

    def log_prob(self, given: Given, x: Images) -> PerImage:
        level = ((x + 1) / STEP).round().long()
        return -F.cross_entropy(self.logits(given), level, reduction="none").flatten(1).sum(dim=1)

    def mean(self, given: Given) -> Images:
        values = to_image(torch.arange(self.levels, device=given.device)).to(given.dtype)
        return torch.einsum("blchw,l->bchw", torch.softmax(self.logits(given), dim=1), values)

    def draw(self, given: Given, uniforms: Uniforms, temperature: float = 1.0) -> Images:
        return to_image(draw_category(self.logits(given), uniforms, temperature).to(given.dtype))


class DiscretisedLogistic(Pixels):
    """A logistic distribution, cut into levels: `logistic_log_mass`. Means, then logarithms of scales."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.numbers = 2 * channels

    def log_prob(self, given: Given, x: Images) -> PerImage:
        return logistic_log_mass(x, *given.chunk(2, dim=1)).flatten(1).sum(dim=1)

    def mean(self, given: Given) -> Images:
        return given.chunk(2, dim=1)[0].clamp(-1, 1)

    def draw(self, given: Given, uniforms: Uniforms, temperature: float = 1.0) -> Images:
        mean, log_scale = given.chunk(2, dim=1)
        return draw_logistic(mean, log_scale, uniforms, temperature)


class LogisticMixture(Pixels):
    """K discretised logistics for a pixel, each over all its channels in order; Salimans et al. 2017, section 2.

    The mean of a channel shifts linearly with the channels before it (2.2). So channels are not apart here. For each
    component: a logit, C means, C logarithms of scales, C (C - 1) / 2 coefficients before their tanh.
    """

    def __init__(self, channels: int, components: int = 5) -> None:
        super().__init__(channels)
        self.channels, self.components = channels, components  # section 2.1: 5 are enough
        self.parts = [1, channels, channels, channels * (channels - 1) // 2]
        self.numbers, self.uniforms, self.apart = components * sum(self.parts), 1 + channels, 1

    def split(self, given: Given) -> tuple[Tensor, ...]:
        """Logits (B, K, 1, H, W), means and logarithms of scales (B, K, C, H, W), coefficients (B, K, *, H, W)."""
        logits, means, log_scales, raw = given.unflatten(1, (self.components, -1)).split(self.parts, dim=2)
        return logits, means, log_scales, torch.tanh(raw)

    def shifted(self, means: Tensor, coefficients: Tensor, x: Tensor, channel: int) -> Tensor:
        """The means (B, K, H, W) of one channel, where the channels of x before it, (B, 1 or K, *, H, W), are known."""
        first = channel * (channel - 1) // 2
        mine = coefficients[:, :, first : first + channel]
        return means[:, :, channel] + (mine * x[:, :, :channel]).sum(dim=2)  # equation 3

    def log_prob(self, given: Given, x: Images) -> PerImage:
        logits, means, log_scales, coefficients = self.split(given)
        x = x.unsqueeze(1)  # (B, 1, C, H, W)
        centres = torch.stack([self.shifted(means, coefficients, x, c) for c in range(self.channels)], dim=2)
        of_component = logistic_log_mass(x, centres, log_scales).sum(dim=2)  # (B, K, H, W)
        log_share = torch.log_softmax(logits.squeeze(2), dim=1)
        return torch.logsumexp(log_share + of_component, dim=1).flatten(1).sum(dim=1)  # equation 2

    def mean(self, given: Given) -> Images:
        """The mean of the mixture before it is cut into levels."""
        logits, means, _, coefficients = self.split(given)
        found = means[:, :, :0]
        for channel in range(self.channels):
            found = torch.cat([found, self.shifted(means, coefficients, found, channel).unsqueeze(2)], dim=2)
        return (torch.softmax(logits, dim=1) * found).sum(dim=1).clamp(-1, 1)

    def draw(self, given: Given, uniforms: Uniforms, temperature: float = 1.0) -> Images:
        logits, *parts = self.split(given)
        component = draw_category(logits.squeeze(2), uniforms[:, 0], temperature)[:, None, None]  # (B, 1, 1, H, W)
        means, log_scales, coefficients = (
            part.gather(1, component.expand(-1, -1, part.shape[2], -1, -1)) for part in parts
        )
        x = means[:, :, :0]
        for channel in range(self.channels):
            centre = self.shifted(means, coefficients, x, channel)
            level = draw_logistic(centre, log_scales[:, :, channel], uniforms[:, 1 + channel, None], temperature)
            x = torch.cat([x, level.unsqueeze(2)], dim=2)
        return x.squeeze(1)


PIXELS: dict[PixelName, type[Pixels]] = {
    "bernoulli": Bernoulli, "categorical": Categorical, "discretised_logistic": DiscretisedLogistic,
    "logistic_mixture": LogisticMixture,
}  # fmt: skip
