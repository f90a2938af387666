"""MADE: masked autoencoder for distribution estimation.

Germain, Gregor, Murray and Larochelle, ICML 2015, arXiv:1502.03509. Without a hidden layer it is the fully visible
sigmoid belief network: a logistic regression of each pixel on those before it.

B images, C channels, H = W image size, D = C H W numbers of an image, L hidden layers of K units, M masks, P numbers of
the distribution of one of the D. The paper's m(d), from 1 to D, is place + 1 here. A hidden unit's degree m is how many
of the D it may see. Log-probabilities are in nats, one for each image.

First weights are PyTorch's; the authors' are orthogonal. Weights of the masks themselves, an option of the paper, are
left out: the authors' run on MNIST has none.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
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
    Family,
    Model,
    Recipe,
    ScoresDensity,
    ShowsSteps,
    Turn,
    Validates,
)
from genlab.nn.coders import ACTIVATIONS, Activation
from genlab.nn.noise import Chance
from genlab.nn.orders import Order, draw_rows, make_places, mixture, states, to_images, to_maps, to_rows
from genlab.nn.pixels import PIXELS, PixelName

Images = Float[Tensor, "b c h w"]
Rows = Float[Tensor, "b d"]
PerImage = Float[Tensor, " b"]
Place = Int[Tensor, " d"]


def make_degrees(numbers: int, layers: int, width: int, masks: int) -> Int[Tensor, "m l k"]:
    """Degrees of the hidden units, drawn evenly from the least of the layer below to D - 1."""
    rng = np.random.default_rng(numbers)
    degrees = np.ones((masks, layers, width), dtype=np.int64)
    for mask in degrees:
        least = 1
        for layer in mask:
            layer[:] = rng.integers(least, max(numbers, 2), width)
            least = layer.min()
    return torch.from_numpy(degrees)


class Masked(nn.Linear):
    """An affine map whose weights are multiplied by a mask; the weights stay as they are."""

    def masked(self, mask: Bool[Tensor, "o i"]) -> Float[Tensor, "n i"]:
        """The weights where the mask is, zero elsewhere. A mask of fewer outputs is used again and again."""
        return (self.weight.unflatten(0, (-1, len(mask))) * mask).flatten(0, 1)


class MADE(Model, Autoregressive, ShowsSteps, Completes, ScoresDensity, Validates):
    """An autoencoder whose masks let each pixel see only those before it; one forward pass is the likelihood.

    With several masks each step trains one of them in turn, and the model is their mixture.

    Raises:
        GenlabError: neither hidden layers nor direct connections.
    """

    family = Family.FULLY_VISIBLE
    recipe = Recipe(  # the authors' command for binarised MNIST, which stops where 30 epochs bring nothing better
        optimizer="adagrad", learning_rate=0.01, batch_size=100,
    )  # fmt: skip
    condition = None
    density = ("exact", "computed")
    place: Int[Tensor, "m d"]
    degree: Int[Tensor, "m l k"]

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        layers: Annotated[int, Ge(0), Le(100)] = 2,  # L; 0: the fully visible sigmoid belief network
        width: Annotated[int, Ge(1), Le(100_000)] = 8000,  # K
        direct: bool = True,  # connections from the image to the output
        masks: Annotated[int, Ge(1), Le(1000)] = 32,  # M; more than one: connectivity-agnostic training
        order: Order = "random",  # of the pixels; random: each mask has its own, order-agnostic training
        activation: Activation = "relu",
        pixels: PixelName = "bernoulli",
    ) -> None:
        super().__init__()
        if not layers and not direct:
            raise GenlabError("a MADE without hidden layers has direct connections only: set model.direct=true")
        self.shape, self.direct, self.masks, self.order = (channels, image_size, image_size), direct, masks, order
        self.pixels, self.activation = PIXELS[pixels](1), ACTIVATIONS[activation]()  # each number is a pixel of its own
        self.levels, numbers = self.pixels.levels, channels * image_size**2
        self.register_buffer("place", make_places(order, masks, numbers))
        self.register_buffer("degree", make_degrees(numbers, layers, width, masks))
        sizes = [numbers, *[width] * layers]
        hidden = [Masked(inputs, width) for inputs in sizes[:-1]]
        self.layers = nn.ModuleList(hidden)
        self.hidden = tuple(hidden)  # the same layers, with their type
        self.output = Masked((width if layers else 0) + direct * numbers, self.pixels.numbers * numbers)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 8, "masks": 2}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        found = {**super().variants(), "layers=0": {"layers": 0}}
        found["pixels=categorical"]["direct"] = False  # 256 logits for each of D numbers would have 256 D^2 connections
        return found

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"made": list(self.parameters())}

    def masked_weights(self, place: Place, degree: Int[Tensor, "l k"]) -> list[Float[Tensor, "o i"]]:
        """The weights of all hidden layers and of the output.

        A unit of degree m sees the units below it with degrees up to m, and the output d those with degrees below m(d).
        """
        before, weights = place + 1, []
        for layer, mine in zip(self.hidden, degree, strict=True):
            weights.append(layer.masked(mine.unsqueeze(1) >= before))
            before = mine
        seen = self.seen([place + 1, *degree], dim=0)
        return [*weights, self.output.masked(place.unsqueeze(1) >= seen)]

    def seen(self, values: list[Tensor], dim: int = 1) -> Tensor:
        """What the output looks at, of what stands at the input and in each hidden layer."""
        return torch.cat([*values[1:][-1:], *values[: self.direct]], dim=dim)

    def forward(self, rows: Rows, k: int) -> Float[Tensor, "b p d"]:
        """What the numbers of an image follow, each by those before it in the order of mask k."""
        *weights, last = self.masked_weights(self.place[k], self.degree[k])
        values = [(rows + 1) / 2]  # the paper's 0 and 1
        for layer, weight in zip(self.hidden, weights, strict=True):
            values.append(self.activation(F.linear(values[-1], weight, layer.bias)))
        return F.linear(self.seen(values), last, self.output.bias).unflatten(1, (-1, rows.shape[1]))

    def predict(self, x: Images, condition: Tensor | None = None) -> Float[Tensor, "b n h w"]:
        """The numbers of each pixel's distribution, by the first mask."""
        self.check_condition(condition)
        return to_maps(self(to_rows(x), 0), self.shape)

    def log_prob_by(self, rows: Rows, k: int) -> PerImage:
        """log p(x) by mask k: the sum of the log-probabilities of all numbers, each given those before it."""
        return self.pixels.log_prob(self(rows, k).unsqueeze(2), rows[:, None, None])

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("made", {"nll": -self.log_prob_by(to_rows(batch["images"]), step % self.masks).mean()})

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        """The log-probability of the mixture over all masks."""
        return mixture(torch.stack([self.log_prob_by(to_rows(x), k) for k in range(self.masks)]))

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative log-probability."""
        return -self.log_prob(batch["images"], rng, 1)

    @torch.no_grad()
    def draw(
        self, rows: Rows, known: Bool[Tensor, "b d"], rng: Chance, temperature: float
    ) -> tuple[Rows, Int[Tensor, "b d"]]:
        """Rows that are drawn where they are not known, each by one of the masks, and the places in its order.

        One number comes after the other. A hidden unit is computed once: as soon as all that it may see is there.
        """

        def fill(k: int, place: Place, rows: Rows, known: Tensor, uniforms: Float[Tensor, "b d u"]) -> Rows:
            *weights, last = self.masked_weights(place, self.degree[k])
            last, bias = (w.unflatten(0, (-1, rows.shape[1])) for w in (last, self.output.bias))
            rows, x = rows.clone(), torch.zeros_like(rows)
            values = [x, *(x.new_zeros(len(x), layer.out_features) for layer in self.hidden)]
            for step, d in enumerate(place.argsort().tolist()):
                for number, layer in enumerate(self.hidden):
                    units = (self.degree[k, number] == step).nonzero()[:, 0]
                    new = F.linear(values[number], weights[number][units], layer.bias[units])
                    values[number + 1][:, units] = self.activation(new)
                given = F.linear(self.seen(values), last[:, d], bias[:, d])
                new = self.pixels.draw(given[:, :, None, None], uniforms[:, d, :, None, None], temperature)
                rows[:, d] = torch.where(known[:, d], rows[:, d], new[:, 0, 0, 0])
                x[:, d] = (rows[:, d] + 1) / 2
            return rows

        return draw_rows(rows, known, self.place, self.order, rng, self.pixels.uniforms, fill)

    def steps(
        self, n: int, rng: Chance, condition: Tensor | None, frames: int, *,
        temperature: Annotated[float, Gt(0)] = 1.0,  # below 1: what is probable is drawn more often
    ) -> Iterator[Float[Tensor, "n c h w"]]:  # fmt: skip
        """Pixels that are not drawn yet are grey."""
        self.check_condition(condition)
        nothing = self.output.weight.new_zeros(n, self.place.shape[1])
        for state in states(*self.draw(nothing, nothing.bool(), rng, temperature), frames):
            yield to_images(state, self.shape)

    def sample(
        self, n: int, rng: Chance, condition: Tensor | None = None, *, temperature: Annotated[float, Gt(0)] = 1.0
    ) -> Float[Tensor, "n c h w"]:
        return next(self.steps(n, rng, condition, 1, temperature=temperature))

    def complete(
        self, x: Images, known: Bool[Tensor, "b 1 h w"], rng: Chance, *, temperature: Annotated[float, Gt(0)] = 1.0
    ) -> Images:
        """Images that equal `x` where it is `known`.

        In the raster's order a hidden pixel sees what is known before it. Random orders see all that is known.

        Raises:
            GenlabError: `known` does not fit.
        """
        self.check_known(x, known)
        return to_images(self.draw(to_rows(x), to_rows(known.expand_as(x)), rng, temperature)[0], self.shape)
