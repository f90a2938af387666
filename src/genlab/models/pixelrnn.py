"""PixelRNN: an image as a sequence of pixels, each predicted by two-dimensional LSTMs from those before it.

Van den Oord, Kalchbrenner and Kavukcuoglu, ICML 2016, arXiv:1601.06759.

B images, C channels in the order R, G, B, H = W image size, P features (h in the paper). x is an image in [-1, 1].
o, f, i and g are the gates of an LSTM before their functions, c is its cell and h its output. Log-probabilities are in
nats, one for each image.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genlab.models.base import (
    Autoregressive,
    Batch,
    Completes,
    Family,
    Model,
    Recipe,
    ScoresDensity,
    ShowsSteps,
    Turn,
    Validates,
)
from genlab.nn.causal import CausalConv, CausalNetwork, Look, Place, draw, predict
from genlab.nn.noise import Chance
from genlab.nn.pixels import PIXELS, PixelName

Images = Float[Tensor, "b c h w"]
Maps = Float[Tensor, "b _ h w"]
PerImage = Float[Tensor, " b"]
Temperature = Annotated[float, Gt(0)]
FIRST = 3  # the first convolution is 7 x 7: this many pixels to each side


def cell(gates: Float[Tensor, "*n e"], c: Float[Tensor, "*n p"]) -> tuple[Float[Tensor, "*n p"], Float[Tensor, "*n p"]]:
    """The next c, and h; equation 3."""
    o, f, i, g = gates.chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return c, torch.sigmoid(o) * torch.tanh(c)


def carried(h: Float[Tensor, "d n b p"], kernel: Float[Tensor, "d k e"]) -> Float[Tensor, "d n b e"]:
    """The state-to-state convolution along lines of n places, in d directions; K^ss of equation 3.

    Its kernel sees the place before and the place itself, and the one behind if it has three.
    """
    size = kernel.shape[1] // h.shape[3]
    padded = F.pad(h, (0, 0, 0, 0, 1, size - 2))
    seen = torch.cat([padded[:, k : k + h.shape[1]] for k in range(size)], dim=3)
    return torch.bmm(seen.flatten(1, 2), kernel).unflatten(1, h.shape[1:3])


def scan(gates: Float[Tensor, "t d n b e"], kernel: Float[Tensor, "d k e"]) -> Float[Tensor, "t d n b p"]:
    """h of every line, from the first line to the last; equation 3. The state before the first is 0."""
    h = c = gates.new_zeros((*gates.shape[1:4], gates.shape[4] // 4))
    found = []
    for given in gates.unbind():
        c, h = cell(given + carried(h, kernel), c)
        found.append(h)
    return torch.stack(found)


def transposed(x: Float[Tensor, "i j k l"]) -> Float[Tensor, "k l i j"]:
    """Maps (B, *, H, W) as rows (H, W, B, *), and rows as maps."""
    return x.permute(2, 3, 0, 1)


def diagonal_places(height: int, width: int) -> tuple[Int[Tensor, "h w"], Int[Tensor, "h w"]]:
    """Where pixel (i, j) is, once row i has been moved i places to the right and columns come first; section 3.2."""
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return i + j, i


def skew(rows: Float[Tensor, "h w b e"]) -> Float[Tensor, "t h b e"]:
    """Each diagonal as a line; t = h + w - 1. What is beside a row is 0."""
    height, width = rows.shape[:2]
    columns = rows.new_zeros((height + width - 1, height, *rows.shape[2:]))
    return columns.index_put(diagonal_places(height, width), rows)


def unskew(columns: Float[Tensor, "t h b p"], width: int) -> Float[Tensor, "h w b p"]:
    """The inverse of `skew`."""
    return columns[diagonal_places(columns.shape[1], width)]


class Recurrent(nn.Module):
    """A layer of LSTMs. Where images are drawn, it keeps h and c of all pixels."""

    def __init__(self, directions: int, seen: int, width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(seen * width)  # as PyTorch draws the first weights of its convolutions
        self.kernel = nn.Parameter(torch.empty(directions, seen * width, 4 * width).uniform_(-bound, bound))  # K^ss

    def kept(self, like: Float[Tensor, "b _"], place: Place) -> tuple[Tensor, Tensor]:
        """h and c, (directions, H + 1, W + 2, B, P): pixel (i, j) at [:, i + 1, j + 1], and zeros around the image."""
        if self not in place.kept:
            height, width = place.size
            size = (len(self.kernel), height + 1, width + 2, len(like), self.kernel.shape[2] // 4)
            place.kept[self] = like.new_zeros(size), like.new_zeros(size)
        return place.kept[self]


class RowLSTM(Recurrent):
    """A state at each place of a row, and rows from the top to the bottom; section 3.1.

    What it has seen at a pixel is a triangle above it, and its own row to the left.
    """

    def __init__(self, width: int, groups: int) -> None:
        super().__init__(1, 3, width)
        self.read = CausalConv(2 * width, 4 * width, reach=1, groups=groups, rows=False, parts=4)  # K^is, 3 x 1

    def forward(self, x: Maps) -> Maps:
        return transposed(scan(transposed(self.read(x)).unsqueeze(1), self.kernel)[:, 0])

    def at(self, x: Maps, place: Place) -> Maps:
        gates, i, j = self.read.at(x, place)[:, :, 0, 0], place.row, place.column
        h, c = self.kept(gates, place)
        seen = h[0, i, j : j + 3].transpose(0, 1).flatten(1)
        c[0, i + 1, j + 1], h[0, i + 1, j + 1] = cell(gates + seen @ self.kernel[0], c[0, i, j + 1])
        return h[0, i + 1, j + 1, :, :, None, None]


class DiagonalBiLSTM(Recurrent):
    """From both upper corners, diagonal by diagonal: the state of a pixel is that of two neighbours; section 3.2.

    What comes from the right is shifted one row down, so that it is of the rows above. Features that have passed mask A
    do not know the last pixel of the row above. So the first layer's right direction reads the image itself, by a
    convolution of its own, with mask B. The paper does not say how else that pixel is seen.
    """

    def __init__(self, width: int, groups: int, channels: int = 0) -> None:
        super().__init__(2, 2, width)
        self.left = CausalConv(2 * width, 4 * width, groups=groups, parts=4)  # K^is, 1 x 1
        reach = FIRST if channels else 0
        self.right = CausalConv(channels or 2 * width, 4 * width, reach=reach, groups=groups, parts=4)

    def forward(self, x: Maps, image: Images | None = None) -> Maps:
        gates = transposed(self.left(x)), transposed(self.right(x if image is None else image)).flip(1)
        h = scan(torch.stack([skew(g) for g in gates], dim=1), self.kernel)
        left, right = (unskew(h[:, direction], x.shape[3]) for direction in (0, 1))
        return transposed(left + F.pad(right.flip(1)[:-1], (0, 0, 0, 0, 0, 0, 1, 0)))

    def at(self, x: Maps, image: Images | None = None, *, place: Place) -> Maps:
        gates, i, j = self.left.at(x, place)[:, :, 0, 0], place.row, place.column
        if i > 0 and j == 0:  # all of the row above is there, and can be walked from the right
            for k, of_right in enumerate(transposed(self.right.row_above(place))[0].flip(0)):
                self.step(1, i - 1, k, of_right, place)
        self.step(0, i, j, gates, place)
        if image is None:
            self.right.keep(x, place)
        h, _ = self.kept(gates, place)
        return (h[0, i + 1, j + 1] + h[1, i, -2 - j])[:, :, None, None]

    def step(self, way: int, i: int, j: int, gates: Float[Tensor, "b e"], place: Place) -> None:
        """One pixel of one direction; columns are counted from where it begins."""
        h, c = self.kept(gates, place)
        seen = torch.cat([h[way, i, j + 1], h[way, i + 1, j]], dim=1)
        c[way, i + 1, j + 1], h[way, i + 1, j + 1] = cell(gates + seen @ self.kernel[way], c[way, i + 1, j])


class Network(CausalNetwork):
    """A 7 x 7 convolution with mask A, layers of LSTMs, two 1 x 1 convolutions; table 1.

    The two last layers have as many features as the others, where the paper has 32 or 1024.
    """

    def __init__(self, kind: str, channels: int, width: int, layers: int, numbers: int, groups: int) -> None:
        super().__init__()
        self.first = CausalConv(channels, 2 * width, reach=FIRST, mask="A", groups=groups)
        self.layers = nn.ModuleList(
            RowLSTM(width, groups) if kind == "row" else DiagonalBiLSTM(width, groups, 0 if layer else channels)
            for layer in range(layers)
        )
        self.widen = nn.ModuleList(CausalConv(width, 2 * width, groups=groups) for _ in range(layers))
        self.hidden = CausalConv(2 * width, 2 * width, groups=groups)
        self.last = CausalConv(2 * width, numbers, groups=groups)

    def forward(self, x: Images, above: list[Maps], look: Look) -> Maps:
        h, image = look(self.first, x), [x] if isinstance(self.layers[0], DiagonalBiLSTM) else []
        for lstm, widen in zip(self.layers, self.widen, strict=True):
            h, image = h + look(widen, look(lstm, h, *image)), []  # section 3.3, figure 5, right
        return look(self.last, F.relu(look(self.hidden, F.relu(h))))

    def keep(self, x: Images, place: Place) -> None:
        self.first.keep(x, place)
        if isinstance(self.layers[0], DiagonalBiLSTM):
            self.layers[0].right.keep(x, place)


class PixelRNN(Model, Autoregressive, ShowsSteps, Completes, ScoresDensity, Validates):
    """A causal network of LSTMs and the distribution of pixels that it feeds."""

    family = Family.FULLY_VISIBLE
    recipe = Recipe(
        optimizer="rmsprop",  # section 5.1
        learning_rate=1e-3,  # the paper names none: the highest that converged fast, by hand, for each set
        batch_size=16,  # section 5.1, MNIST and CIFAR-10
        epochs=100.0,  # the paper names no number
    )
    condition = None
    density = ("exact", "computed")

    def __init__(
        self,
        *,
        image_size: int = 32,  # H = W
        channels: int = 3,  # C
        network: Literal["row", "diagonal"] = "diagonal",
        width: Annotated[int, Ge(1)] = 128,  # P; section 5.3: h = 128 for CIFAR-10, 16 for MNIST
        layers: Annotated[int, Ge(1), Le(1000)] = 12,  # section 5.3: 12 for CIFAR-10, 7 for MNIST
        pixels: PixelName = "categorical",  # logistic_mixture: PixelCNN++; bernoulli: black and white
    ) -> None:
        super().__init__()
        self.shape = (channels, image_size, image_size)
        self.pixels = PIXELS[pixels](channels)
        self.levels = self.pixels.levels
        self.network = Network(network, channels, width, layers, self.pixels.numbers, self.pixels.apart)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"network": "row", "width": 4, "layers": 1, "pixels": "logistic_mixture"}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"pixelrnn": list(self.parameters())}

    def predict(self, x: Images, condition: Tensor | None = None) -> Maps:
        self.check_condition(condition)
        return predict(self.network, x, None)

    def negative_log_likelihood(self, x: Images) -> PerImage:
        """-log p(x); equations 1 and 2."""
        return -self.pixels.log_prob(self.predict(x), x)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        nll = self.negative_log_likelihood(x).mean()
        per_dim = 1 / (math.log(2) * x[0].numel())
        yield Turn("pixelrnn", {"nll": nll}, metrics={"bits_per_dim": per_dim * nll.detach()})

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative log-likelihood."""
        return self.negative_log_likelihood(batch["images"])

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        return -self.negative_log_likelihood(x)

    def steps(
        self, n: int, rng: Chance, condition: Tensor | None, frames: int, *, temperature: Temperature = 1.0
    ) -> Iterator[Images]:
        """At most `frames` states, row by row."""
        self.check_condition(condition)
        x = next(self.parameters()).new_zeros((n, *self.shape))
        yield from draw(self.network, self.pixels, x, x[:, :1] > 0, None, rng, temperature, frames)

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None, *, temperature: Temperature = 1.0) -> Images:
        return next(self.steps(n, rng, condition, 1, temperature=temperature))

    def complete(self, x: Images, known: Bool[Tensor, "..."], rng: Chance, *, temperature: Temperature = 1.0) -> Images:
        """Hidden pixels are drawn row by row. What is known further down has no say."""
        self.check_known(x, known)
        return next(draw(self.network, self.pixels, x, known, None, rng, temperature))
