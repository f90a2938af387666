"""PixelCNN: an image as a sequence of pixels, each predicted by a convolutional network from those before it.

Van den Oord, Kalchbrenner and Kavukcuoglu, ICML 2016, arXiv:1601.06759: `plain`. Van den Oord et al., NeurIPS 2016,
arXiv:1606.05328: `gated`, and `conditional` on a label. A mixture of logistics in place of the softmax is of PixelCNN++
(Salimans et al. 2017, arXiv:1701.05517).

B images, C channels in the order R, G, B, H = W image size, K classes, P features (h in the first paper, p in the
second). x is an image in [-1, 1], y its label, h its one-hot vector. `given` are the numbers of each pixel's
distribution. Log-probabilities are in nats, one for each image.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import (
    Autoregressive,
    Batch,
    Completes,
    Condition,
    Family,
    Model,
    Recipe,
    ScoresDensity,
    ShowsSteps,
    Turn,
    Validates,
)
from genlab.nn.causal import CausalConv, CausalNetwork, Look, Mask, Place, draw, predict
from genlab.nn.noise import Chance
from genlab.nn.pixels import PIXELS, PixelName, draw_category

Images = Float[Tensor, "b c h w"]
Maps = Float[Tensor, "b _ h w"]
Labels = Int[Tensor, " b"]
PerImage = Float[Tensor, " b"]
Temperature = Annotated[float, Gt(0)]
FIRST = 3  # the first convolution is 7 x 7: this many pixels to each side
REACH = 1  # all others are 3 x 3


def gate(a: Float[Tensor, "b d h w"]) -> Float[Tensor, "b p h w"]:
    """tanh(first half) * sigmoid(second half); equation 2 of the second paper."""
    signal, valve = a.chunk(2, dim=1)
    return torch.tanh(signal) * torch.sigmoid(valve)


class Residual(nn.Module):
    """From 2P features to P, a 3 x 3 convolution, back to 2P, and added; figure 5, left."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.narrow = CausalConv(2 * width, width, groups=groups)
        self.look_around = CausalConv(width, width, reach=REACH, groups=groups)
        self.widen = CausalConv(width, 2 * width, groups=groups)

    def forward(self, x: Maps, look: Look) -> Maps:
        h = look(self.narrow, F.relu(x))
        h = look(self.look_around, F.relu(h))
        return x + look(self.widen, F.relu(h))


class Plain(CausalNetwork):
    """One stack: a 7 x 7 convolution with mask A, residual blocks, two 1 x 1 convolutions; table 1.

    It has a blind spot: what stands to the right in the rows above, further than a row is deep, is never seen.
    The two last layers have as many features as the blocks, where the paper has 32 or 1024.
    """

    def __init__(self, channels: int, width: int, blocks: int, numbers: int, groups: int) -> None:
        super().__init__()
        self.first = CausalConv(channels, 2 * width, reach=FIRST, mask="A", groups=groups)
        self.blocks = nn.ModuleList(Residual(width, groups) for _ in range(blocks))
        self.hidden = CausalConv(2 * width, 2 * width, groups=groups)
        self.last = CausalConv(2 * width, numbers, groups=groups)

    def forward(self, x: Images, above: list[Maps], look: Look) -> Maps:
        h = look(self.first, x)
        for block in self.blocks:
            h = block(h, look)
        return look(self.last, F.relu(look(self.hidden, F.relu(h))))

    def keep(self, x: Images, place: Place) -> None:
        self.first.keep(x, place)


class Vertical(nn.Module):
    """A layer of the stack that sees all rows above. It has no residual connection; figure 2 of the second paper."""

    def __init__(self, inputs: int, width: int, reach: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.look_around = CausalConv(inputs, 2 * width, reach=reach, mask="rows")
        self.told = nn.Linear(classes, 2 * width, bias=False) if classes else None  # V
        self.tell = CausalConv(2 * width, 2 * width, mask="rows")

    def forward(self, x: Maps, y: Labels | None, look: Look) -> tuple[Maps, Maps]:
        """What the horizontal stack is told, and what the next layer is given."""
        a = look(self.look_around, x)
        if self.told is not None and y is not None:
            h = F.one_hot(y + 1, self.classes + 1)[:, 1:]  # of -1, a label that is not known, a vector of zeros
            a = a + self.told(h.to(a))[:, :, None, None]  # equation 4; the horizontal stack hears of it from this one
        return look(self.tell, a), gate(a)


class Horizontal(nn.Module):
    """A layer of the stack that sees its own row, and is told of those above."""

    def __init__(self, inputs: int, width: int, reach: int, mask: Mask, groups: int) -> None:
        super().__init__()
        self.residual = mask == "B"
        self.look_left = CausalConv(inputs, 2 * width, reach=reach, mask=mask, groups=groups, rows=False, parts=2)
        self.out = CausalConv(width, width, groups=groups)

    def forward(self, x: Maps, told: Maps, look: Look) -> Maps:
        h = look(self.out, gate(look(self.look_left, x) + told))
        return x + h if self.residual else h


class Gated(CausalNetwork):
    """Two stacks, without a blind spot; section 2.2 of the second paper.

    The vertical stack is given the image one row down. So what it finds at a place is of the rows above it.
    """

    def __init__(self, channels: int, width: int, blocks: int, numbers: int, groups: int, classes: int) -> None:
        super().__init__()
        later = [(width, width, REACH)] * (blocks - 1)
        first = (channels, width, FIRST)
        self.vertical = nn.ModuleList(Vertical(*size, classes) for size in [first, *later])
        self.horizontal = nn.ModuleList([
            Horizontal(*first, "A", groups), *(Horizontal(*size, "B", groups) for size in later)
        ])  # fmt: skip
        self.hidden = CausalConv(width, width, groups=groups)
        self.last = CausalConv(width, numbers, groups=groups)

    def above(self, x: Images, y: Labels | None, look: Look) -> list[Maps]:
        found: list[Maps] = []
        for layer in self.vertical:
            told, x = layer(x, y, look)
            found.append(told)
        return found

    def forward(self, x: Images, above: list[Maps], look: Look) -> Maps:
        for layer, told in zip(self.horizontal, above, strict=True):
            x = layer(x, told, look)
        return look(self.last, F.relu(look(self.hidden, F.relu(x))))

    def keep(self, x: Images, place: Place) -> None:
        cast(Horizontal, self.horizontal[0]).look_left.keep(x, place)


class PixelCNN(Model, Autoregressive, ShowsSteps, Completes, ScoresDensity, Validates):
    """A causal network and the distribution of pixels that it feeds.

    Raises:
        GenlabError: it shall be told labels, and the images have none.
    """

    family = Family.FULLY_VISIBLE
    recipe = Recipe(
        optimizer="rmsprop",  # section 5.1
        learning_rate=1e-3,  # the paper names none: the highest that converged fast, by hand, for each set
        batch_size=16,  # section 5.1, MNIST and CIFAR-10
        epochs=100.0,  # the paper names no number
    )
    density = ("exact", "computed")

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 3,  # C
        classes: int = 10,  # K
        network: Literal["plain", "gated", "conditional"] = "plain",  # conditional: gated, and told a label
        width: Annotated[int, Ge(1)] = 128,  # P; section 5.3: h = 128
        blocks: Annotated[int, Ge(1), Le(1000)] = 15,  # section 5.3: 15 layers
        pixels: PixelName = "categorical",  # logistic_mixture: PixelCNN++; bernoulli: black and white
    ) -> None:
        super().__init__()
        conditional = network == "conditional"
        if conditional and classes < 2:
            raise GenlabError(
                f"pixelcnn draws by class with network=conditional, but the images have {classes or 'no'} "
                f"class{'' if classes == 1 else 'es'}; take images with labels, or pixelcnn.model.network=gated"
            )
        self.condition: Condition | None = "labels" if conditional else None
        self.shape, self.classes = (channels, image_size, image_size), classes
        self.pixels = PIXELS[pixels](channels)
        self.levels = self.pixels.levels
        size = (channels, width, blocks, self.pixels.numbers, self.pixels.apart)
        self.network: Plain | Gated = (
            Plain(*size) if network == "plain" else Gated(*size, classes if conditional else 0)
        )

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 4, "blocks": 2, "pixels": "logistic_mixture"}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"pixelcnn": list(self.parameters())}

    def predict(self, x: Images, condition: Labels | None = None) -> Maps:
        self.check_condition(condition)
        return predict(self.network, x, condition)

    def log_prob_given(self, x: Images, y: Labels | None) -> PerImage:
        """log p(x|y), or log p(x) of a model that is told nothing; equations 1 and 2."""
        return self.pixels.log_prob(self.predict(x, y), x)

    def told(self, batch: Batch) -> Labels | None:
        """What the model is told of a batch."""
        return batch["labels"] if self.condition else None

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        nll = -self.log_prob_given(x, self.told(batch)).mean()
        per_dim = 1 / (math.log(2) * x[0].numel())
        yield Turn("pixelcnn", {"nll": nll}, metrics={"bits_per_dim": per_dim * nll.detach()})

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative log-likelihood; given the label, where the model is told one."""
        return -self.log_prob_given(batch["images"], self.told(batch))

    def every_label(self, x: Images) -> list[Labels]:
        """Each label in turn, for all images."""
        return [torch.full((len(x),), label, device=x.device) for label in range(self.classes)]

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        """log p(x). With labels it is the log of the mean of p(x|y) over all of them: they are equally likely."""
        if self.condition is None:
            return self.log_prob_given(x, None)
        given = torch.stack([self.log_prob_given(x, y) for y in self.every_label(x)])  # (K, B)
        return torch.logsumexp(given, dim=0) - math.log(self.classes)

    def steps(
        self, n: int, rng: Chance, condition: Labels | None, frames: int, *, temperature: Temperature = 1.0
    ) -> Iterator[Images]:
        """At most `frames` states, row by row."""
        self.check_condition(condition)
        x = next(self.parameters()).new_zeros((n, *self.shape))
        yield from draw(self.network, self.pixels, x, x[:, :1] > 0, condition, rng, temperature, frames)

    def sample(self, n: int, rng: Chance, condition: Labels | None = None, *, temperature: Temperature = 1.0) -> Images:
        return next(self.steps(n, rng, condition, 1, temperature=temperature))

    def complete(self, x: Images, known: Bool[Tensor, "..."], rng: Chance, *, temperature: Temperature = 1.0) -> Images:
        """Hidden pixels are drawn row by row. What is known further down has no say.

        Where the model is told a label, it is drawn first, by what is known above the first hidden pixel.
        """
        self.check_known(x, known)
        y = self.draw_label(x, known, rng) if self.condition else None
        return next(draw(self.network, self.pixels, x, known, y, rng, temperature))

    @torch.no_grad()
    def draw_label(self, x: Images, known: Bool[Tensor, "b 1 h w"], rng: Chance) -> Labels:
        """A draw of p(y | the pixels before the first that is not known)."""
        before = known.flatten(1).cumprod(dim=1)

        def log_prob(y: Labels) -> PerImage:
            apart = [t.movedim(1, 3).flatten(0, 2)[:, :, None, None] for t in (self.predict(x, y), x)]  # a pixel a row
            return (self.pixels.log_prob(*apart).view_as(before) * before).sum(dim=1)

        given = torch.stack([log_prob(y) for y in self.every_label(x)], dim=1)
        return draw_category(given, rng.uniform((), x), 1.0)
