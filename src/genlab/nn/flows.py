"""Flows: invertible layers that know their log-determinants, and how a density of numbers speaks of levels of pixels.

B images, C channels, H x W pixels, D = C H W numbers of an image, K dequantisations. x is an image in [-1, 1], u the
same image dequantised, in [0, 1]. A layer turns h into y. Log-determinants are log |det dy/dh|, one for each image.
Densities are in nats.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.noise import Rng, uniform_noise
from genlab.nn.pixels import STEP, to_image

logger = logging.getLogger(__name__)

Images = Float[Tensor, "b c h w"]
PerImage = Float[Tensor, " b"]
Moved = tuple[Tensor, PerImage]
"""A layer's output and its log-determinants."""
Network = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From what stays to the logarithm of the scale and the shift of what is moved."""

LEVELS = 256  # of a pixel, in the eyes of every flow


def to_levels(x: Images) -> Images:
    """The level of each number, from 0 to 255."""
    return ((x + 1) / STEP).round()


def dequantise(x: Images, rng: Rng) -> Images:
    """u: a uniform draw from the interval of each level, the first of which begins at 0 and the last ends at 1."""
    return (to_levels(x) + uniform_noise(len(x), tuple(x.shape[1:]), x, rng)) / LEVELS


def middle(x: Images) -> Images:
    """u: the middle of the interval of each level, without chance."""
    return (to_levels(x) + 0.5) / LEVELS


def to_images(u: Images) -> Images:
    """x of the levels in whose intervals u lies; numbers outside [0, 1] belong to the first or the last.

    An inverse that blows up gives numbers that are not finite. They are shown grey, white or black and a warning counts
    the images: none is left out of a picture or a metric.
    """
    if broken := int((~u.isfinite()).flatten(1).any(dim=1).sum()):
        logger.warning("%d of %d images of a flow are not finite: its inverse blew up", broken, len(u))
    return to_image((u.nan_to_num(0.5) * LEVELS).floor().clamp(0, LEVELS - 1))


def log_prob_of_levels(log_density: Callable[[Images], PerImage], x: Images, rng: Rng, effort: int) -> PerImage:
    """log 1/K sum_k p(u_k) / 256^D, K = `effort`: in expectation, a lower bound of the levels' log-probability.

    With K = 1: Theis et al. 2016, section 3.1. It grows with K, as the bound of Burda et al. 2016 does.
    """
    drawn = torch.stack([log_density(dequantise(x, rng)) for _ in range(effort)])
    return torch.logsumexp(drawn, dim=0) - math.log(effort) - x[0].numel() * math.log(LEVELS)


def require_squeezes(image_size: int, times: int, name: str) -> None:
    """Refuse an image whose sides cannot be halved so often.

    Raises:
        GenlabError: names the two nearest sizes that can.
    """
    if rest := image_size % (unit := 2**times):
        sizes = " or ".join(str(size) for size in (image_size - rest, image_size - rest + unit) if size)
        raise GenlabError(
            f"{name} cannot halve images of {image_size} pixels {times} times: set data.image_size to {sizes}, or "
            f"{name}.model.scales to less"
        )


class Flow(nn.Module, ABC):
    """An invertible map."""

    @abstractmethod
    def forward(self, h: Tensor) -> Moved:
        """y, and its log-determinants."""

    @abstractmethod
    def inverse(self, y: Tensor) -> Tensor:
        """h."""


class Chain(Flow):
    """One layer after the other. Their log-determinants add up."""

    def __init__(self, *layers: Flow) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.order = layers  # the same layers, with their type

    def forward(self, h: Tensor) -> Moved:
        log_det = h.new_zeros(len(h))
        for layer in self.order:
            h, more = layer(h)
            log_det = log_det + more
        return h, log_det

    def inverse(self, y: Tensor) -> Tensor:
        for layer in reversed(self.order):
            y = layer.inverse(y)
        return y


class Logit(Flow):
    """u in [0, 1] as an unbounded number, logit(alpha + (1 - 2 alpha) u): alpha keeps it from 0 and from 1.

    Dinh et al. 2016, section 4.1, have (1 - alpha) u, of which white, u = 1, would be infinite. Their code is as here.
    """

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, h: Images) -> Moved:
        p = self.alpha + (1 - 2 * self.alpha) * h
        log_slope = math.log(1 - 2 * self.alpha) - torch.log(p) - torch.log1p(-p)
        return torch.logit(p), log_slope.flatten(1).sum(dim=1)

    def inverse(self, y: Images) -> Images:
        u = (torch.sigmoid(y) - self.alpha) / (1 - 2 * self.alpha)
        return torch.where(y.isfinite(), u, torch.nan)  # the sigmoid of infinity would hide it


class Flatten(Flow):
    """Images of one shape as rows of D numbers."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, h: Images) -> Moved:
        return h.flatten(1), h.new_zeros(len(h))

    def inverse(self, y: Float[Tensor, "b d"]) -> Images:
        return y.unflatten(1, self.shape)


class Squeeze(Flow):
    """Each 2 x 2 pixels become one with four times the channels: those of a channel stay together."""

    def forward(self, h: Images) -> Moved:
        return F.pixel_unshuffle(h, 2), h.new_zeros(len(h))

    def inverse(self, y: Float[Tensor, "b d i j"]) -> Images:
        return F.pixel_shuffle(y, 2)


def halves(h: Tensor) -> tuple[Tensor, Tensor]:
    """Every other channel (or number of a row), from the first and from the second on."""
    return h[:, ::2], h[:, 1::2]


def interleave(first: Tensor, second: Tensor) -> Tensor:
    """The inverse of `halves`."""
    h = first.new_empty((len(first), first.shape[1] + second.shape[1], *first.shape[2:]))
    h[:, ::2], h[:, 1::2] = first, second
    return h


class Coupling(Flow):
    """One half stays and says how the other is scaled and shifted: y = h exp(s) + t.

    Its Jacobian is triangular, so the log-determinant is the sum of s; Dinh et al. 2016, equations 4 to 6.
    """

    def __init__(self, network: nn.Module, keeps: int) -> None:
        super().__init__()
        self.network, self.keeps = network, keeps  # which of `halves`

    def forward(self, h: Tensor) -> Moved:
        parts = list(halves(h))
        log_scale, shift = self.network(parts[self.keeps])
        parts[1 - self.keeps] = parts[1 - self.keeps] * torch.exp(log_scale) + shift
        return interleave(*parts), log_scale.flatten(1).sum(dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        parts = list(halves(y))
        log_scale, shift = self.network(parts[self.keeps])
        parts[1 - self.keeps] = (parts[1 - self.keeps] - shift) * torch.exp(-log_scale)
        return interleave(*parts)


def checkerboard(image_size: int, first: int) -> Float[Tensor, "1 h w"]:
    """`first` at the upper left pixel and wherever row and column are both even or both odd; else 1 - `first`."""
    place = torch.arange(image_size)
    return ((place[:, None] + place + first) % 2).to(torch.get_default_dtype()).unsqueeze(0)


class MaskedCoupling(Flow):
    """The same for any mask b, 1 where a number stays: y = b h + (1 - b) (h exp(s(b h)) + t(b h)); equation 9."""

    mask: Tensor

    def __init__(self, network: nn.Module, mask: Float[Tensor, "#c #h #w"]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mask", mask, persistent=False)

    def said(self, h: Images) -> tuple[Images, Images]:
        """s and t, zero where numbers stay."""
        log_scale, shift = self.network(self.mask * h)
        return (1 - self.mask) * log_scale, (1 - self.mask) * shift

    def forward(self, h: Images) -> Moved:
        log_scale, shift = self.said(h)
        return h * torch.exp(log_scale) + shift, log_scale.flatten(1).sum(dim=1)

    def inverse(self, y: Images) -> Images:
        log_scale, shift = self.said(y)
        return (y - shift) * torch.exp(-log_scale)


class BatchNorm(Flow):
    """(h - mean) / sqrt(variance + epsilon), by the batch in training, else by running means; Dinh et al. 2016, 3.7.

    The determinant is that of equation 17: mean and variance are taken as constants. Appendix E mixes the running means
    into the batch's in training too. The authors' code has a share of zero for them, and so is it here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=1e-4, affine=False)

    def running(self) -> tuple[Tensor, Tensor]:
        """The running mean and variance, as maps of one pixel."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        return mean[:, None, None], variance[:, None, None]

    def forward(self, h: Images) -> Moved:
        variance = h.var(dim=(0, 2, 3), unbiased=False) if self.training else self.running()[1].flatten()
        log_det = -0.5 * h[0, 0].numel() * torch.log(variance + self.norm.eps).sum()
        return self.norm(h), log_det.expand(len(h))

    def inverse(self, y: Images) -> Images:
        mean, variance = self.running()
        return y * torch.sqrt(variance + self.norm.eps) + mean


class ActNorm(Flow):
    """y = h exp(s) + b, with a scale and a shift for each channel; Kingma and Dhariwal 2018, section 3.1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale, self.shift = (nn.Parameter(torch.zeros(channels, 1, 1)) for _ in range(2))

    def forward(self, h: Images) -> Moved:
        log_det = self.log_scale.sum() * h[0, 0].numel()
        return h * torch.exp(self.log_scale) + self.shift, log_det.expand(len(h))

    def inverse(self, y: Images) -> Images:
        return (y - self.shift) * torch.exp(-self.log_scale)

    @torch.no_grad()
    def take_first_values(self, h: Images) -> None:
        """Those by which each channel of this batch gets mean 0 and variance 1.

        Raises:
            GenlabError: a channel is constant, so that no scale does that.
        """
        mean, std = h.mean(dim=(0, 2, 3), keepdim=True)[0], h.std(dim=(0, 2, 3), keepdim=True, unbiased=False)[0]
        if constant := (std.flatten() < 1e-6).nonzero().flatten().tolist():
            raise GenlabError(
                f"ActNorm takes its first scales from the first batch, in which channel {constant[0]} of {len(std)} is "
                f"constant ({mean[constant[0]].item():.3g}): leave that channel out of the images, or set a larger "
                "training.batch_size"
            )
        self.log_scale.copy_(-torch.log(std))
        self.shift.copy_(-mean / std)


@torch.no_grad()
def take_first_values(flow: nn.Module, h: Tensor) -> None:
    """The first values of every `ActNorm` in a flow, from one batch, as the layers before it pass it on."""
    norms = [part for part in flow.modules() if isinstance(part, ActNorm)]
    hooks = [norm.register_forward_pre_hook(lambda norm, given: norm.take_first_values(*given)) for norm in norms]
    flow(h)
    for hook in hooks:
        hook.remove()


class InvertibleConv(Flow):
    """A 1 x 1 convolution by W = P L (U + diag(s)), first a random rotation; Kingma and Dhariwal 2018, section 3.2.

    P is a fixed permutation, L lower triangular with ones on its diagonal, U upper triangular with zeros there. The
    signs of s stay as they are.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels)).Q
        permutation, lower, upper = torch.linalg.lu(rotation)
        s = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", s.sign())
        self.log_s, self.lower, self.upper = (nn.Parameter(t.clone()) for t in (s.abs().log(), lower, upper))

    def weight(self) -> Float[Tensor, "c c"]:
        """W; equation 10."""
        lower = self.lower.tril(-1) + torch.eye(len(self.sign), dtype=self.lower.dtype, device=self.lower.device)
        upper = self.upper.triu(1) + torch.diag(self.sign * torch.exp(self.log_s))
        return self.permutation @ lower @ upper

    def forward(self, h: Images) -> Moved:
        log_det = self.log_s.sum() * h[0, 0].numel()  # equation 11
        return self.mix(self.weight(), h), log_det.expand(len(h))

    def inverse(self, y: Images) -> Images:
        return self.mix(torch.linalg.inv(self.weight()), y)

    @staticmethod
    def mix(weight: Float[Tensor, "c c"], h: Images) -> Images:
        """The same matrix for the channels of every pixel, without the rounding of mixed precision."""
        with torch.autocast(h.device.type, enabled=False):
            return F.conv2d(h.to(weight.dtype), weight[:, :, None, None])


class Split(Flow):
    """Half of the channels leave after `scale`, the others go through `rest`: rows of D numbers, those that left first.

    Dinh et al. 2016, section 3.6, equations 14 to 16.
    """

    def __init__(self, scale: Flow, rest: Flow) -> None:
        super().__init__()
        self.scale, self.rest = scale, rest

    def forward(self, h: Images) -> Moved:
        y, log_det = self.scale(h)
        left, stays = halves(y)
        z, more = self.rest(stays)
        return torch.cat([left.flatten(1), z], dim=1), log_det + more

    def inverse(self, y: Float[Tensor, "b d"]) -> Images:
        left, z = y.chunk(2, dim=1)
        stays = self.rest.inverse(z)
        return self.scale.inverse(interleave(left.reshape(stays.shape), stays))
