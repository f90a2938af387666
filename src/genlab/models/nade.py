"""NADE: the neural autoregressive distribution estimator.

Larochelle and Murray, AISTATS 2011. `orderless` is EoNADE: Uria, Murray and Larochelle, ICML 2014, arXiv:1310.1757.
Both are told again in Uria, Côté, Gregor, Murray and Larochelle, JMLR 2016, arXiv:1605.02226.

B images, C channels, H = W image size, D = C H W numbers of an image, K hidden units, P numbers of the distribution of
one of the D. h_d are the hidden units that see the numbers before d, a_d what they are the sigmoid of.
Log-probabilities are in nats, one for each image.

The first paper orders pixels at random, once; here the order is the raster's, so that an upper half can be completed.
"""

import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import torch
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
from genlab.nn.noise import Chance
from genlab.nn.orders import Order, draw_rows, make_places, mixture, states, to_images, to_maps, to_rows
from genlab.nn.pixels import PIXELS, PixelName

Images = Float[Tensor, "b c h w"]
Rows = Float[Tensor, "b d"]
Sums = Float[Tensor, "b k"]
PerImage = Float[Tensor, " b"]
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "sigmoid": (torch.sigmoid, torch.ops.aten.sigmoid_backward),
    "relu": (torch.relu, lambda gradient, h: torch.ops.aten.threshold_backward(gradient, h, 0)),
}
"""By name: what h is of a, and the gradient of a by those of h and h."""


class RunningSum(torch.autograd.Function):
    """V_d h_d for all d: h_d = s(a_d), a_0 = c, a_(d+1) = a_d + W_d x_d + U_d; 2011, algorithm 1.

    Memory is that of one a_d. On the way back each follows from the one after it, by the sum undone.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Rows, c: Float[Tensor, " k"], weight: Float[Tensor, "d k"], known: Float[Tensor, "d k"],
        output: Float[Tensor, "d p k"], activation: str,
    ) -> Float[Tensor, "d b p"]:  # fmt: skip
        act, _ = ACTIVATIONS[activation]
        a, columns, found = c.repeat(len(x), 1), x.T.contiguous(), []
        for column, w, u, v in zip(columns, weight, known, output, strict=True):
            found.append(act(a) @ v.T)
            a.add_(u).addr_(column, w)
        ctx.save_for_backward(a, columns, weight, known, output)
        ctx.activation = activation
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "d b p"]) -> tuple[Tensor | None, ...]:
        a, columns, weight, known, output = ctx.saved_tensors
        act, derive = ACTIVATIONS[ctx.activation]
        a, later = a.clone(), torch.zeros_like(a)  # later: the gradient of the sum behind this number
        of_x, of_weight, of_known, of_output = (torch.empty_like(t) for t in (columns, weight, known, output))
        for d in reversed(range(len(columns))):
            a.sub_(known[d]).addr_(columns[d], weight[d], alpha=-1)
            h, mine = act(a), gradient[d]
            if ctx.needs_input_grad[0]:
                torch.mv(later, weight[d], out=of_x[d])
            if ctx.needs_input_grad[3]:
                torch.sum(later, dim=0, out=of_known[d])
            torch.mv(later.T, columns[d], out=of_weight[d])
            torch.mm(mine.T, h, out=of_output[d])
            later += derive(mine @ output[d], h)
        return of_x.T, later.sum(dim=0), of_weight, of_known, of_output, None


class NADE(Model, Autoregressive, ShowsSteps, Completes, ScoresDensity, Validates):
    """Each number by a network of its own, whose hidden layers share their weights: a_(d+1) = a_d + W_d x_d.

    Raises:
        GenlabError: several orderings, but training for one.
    """

    family = Family.FULLY_VISIBLE
    recipe = Recipe(  # the authors' command for orderless training on binarised MNIST
        optimizer="sgd", learning_rate=0.001, momentum=0.9, batch_size=100, epochs=200,
    )  # fmt: skip
    condition = None
    density = ("exact", "computed")
    place: Int[Tensor, "m d"]
    known: Float[Tensor, "d k"]

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        width: Annotated[int, Ge(1)] = 500,  # K
        orderless: bool = False,  # trained for all orders of the numbers at once, not for the raster's
        orderings: Annotated[int, Ge(1), Le(1000)] = 1,  # of an orderless model, whose mixture the likelihood is of
        activation: Literal["sigmoid", "relu"] = "sigmoid",
        pixels: PixelName = "bernoulli",
    ) -> None:
        super().__init__()
        if orderings > 1 and not orderless:
            raise GenlabError(f"a NADE with {orderings} orderings is trained for all orders: set model.orderless=true")
        self.shape, self.orderless, numbers = (channels, image_size, image_size), orderless, channels * image_size**2
        self.pixels, self.activation = PIXELS[pixels](1), activation  # each number is a pixel of its own
        self.levels = self.pixels.levels
        self.order: Order = "random" if orderless else "raster"
        self.register_buffer("place", make_places(self.order, orderings, numbers))

        def draw(fan_in: int, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-1, 1) / math.sqrt(fan_in))

        self.weight, self.bias = draw(numbers, numbers, width), nn.Parameter(torch.zeros(width))  # W, c
        if orderless:
            self.known = draw(numbers, numbers, width)  # U: that a number is known, whatever it is; 2014
        else:
            self.register_buffer("known", torch.zeros(numbers, width), persistent=False)
        self.output = draw(width, numbers, self.pixels.numbers, width)  # V
        self.output_bias = nn.Parameter(torch.zeros(numbers, self.pixels.numbers))  # b

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 8}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "orderless=True": {"orderless": True, "orderings": 2}}

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"nade": list(self.parameters())}

    def forward(self, rows: Rows, place: Int[Tensor, " d"]) -> Float[Tensor, "b p d"]:
        """What the numbers of an image follow, each by those before it."""
        order, x = place.argsort(), (rows + 1) / 2  # the paper's 0 and 1
        own = self.weight[order], self.known[order], self.output[order]
        given = RunningSum.apply(x[:, order], self.bias, *own, self.activation)
        return (given[place] + self.output_bias.unsqueeze(1)).permute(1, 2, 0)

    def predict(self, x: Images, condition: Tensor | None = None) -> Float[Tensor, "b n h w"]:
        """The numbers of each pixel's distribution, by the first order."""
        self.check_condition(condition)
        return to_maps(self(to_rows(x), self.place[0]), self.shape)

    def log_prob_by(self, rows: Rows, place: Int[Tensor, " d"]) -> PerImage:
        """log p(x) in one order: the sum of the log-probabilities of all numbers, each given those before it."""
        return self.pixels.log_prob(self(rows, place).unsqueeze(2), rows[:, None, None])

    def orderless_log_prob(self, rows: Rows) -> PerImage:
        """An unbiased estimate of the mean of log p(x) over all orders; the objective of 2014.

        Of each image, some numbers are known. How many is drawn evenly, and then which. Those that are not known are
        each the next one, and stand for all that would follow.
        """
        numbers = rows.shape[1]
        count = torch.randint(numbers, (len(rows), 1), device=rows.device)
        known = torch.rand_like(rows).argsort(dim=1).argsort(dim=1) < count
        act, _ = ACTIVATIONS[self.activation]
        h = act(self.bias + (known * (rows + 1) / 2) @ self.weight + known.to(rows.dtype) @ self.known)
        given = torch.einsum("bk,dpk->bdp", h, self.output) + self.output_bias
        each = self.pixels.log_prob(given.reshape(-1, given.shape[2], 1, 1), rows.reshape(-1, 1, 1, 1))
        return numbers / (numbers - count[:, 0]) * (each.view_as(rows) * ~known).sum(dim=1)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        rows = to_rows(batch["images"])
        found = self.orderless_log_prob(rows) if self.orderless else self.log_prob_by(rows, self.place[0])
        yield Turn("nade", {"nll": -found.mean()})

    def log_prob(self, x: Images, rng: Chance, effort: int) -> PerImage:
        """The log-probability of the mixture over all orderings; 2014."""
        return mixture(torch.stack([self.log_prob_by(to_rows(x), place) for place in self.place]))

    def validation(self, batch: Batch, rng: Chance) -> PerImage:
        """The negative log-probability."""
        return -self.log_prob(batch["images"], rng, 1)

    @torch.no_grad()
    def draw(
        self, rows: Rows, known: Bool[Tensor, "b d"], rng: Chance, temperature: float
    ) -> tuple[Rows, Int[Tensor, "b d"]]:
        """Rows that are drawn where they are not known, and the places of their numbers.

        One number comes after the other, and adds to the sum what it adds: all that has to be computed anew.
        """

        def fill(k: int, place: Tensor, rows: Rows, known: Tensor, uniforms: Float[Tensor, "b d u"]) -> Rows:
            rows, a, (act, _) = rows.clone(), self.bias.repeat(len(rows), 1), ACTIVATIONS[self.activation]
            for d in place.argsort().tolist():
                given = torch.addmm(self.output_bias[d], act(a), self.output[d].T)
                new = self.pixels.draw(given[:, :, None, None], uniforms[:, d, :, None, None], temperature)
                rows[:, d] = torch.where(known[:, d], rows[:, d], new[:, 0, 0, 0])
                a.add_(self.known[d]).addr_((rows[:, d] + 1) / 2, self.weight[d])
            return rows

        return draw_rows(rows, known, self.place, self.order, rng, self.pixels.uniforms, fill)

    def steps(
        self, n: int, rng: Chance, condition: Tensor | None, frames: int, *,
        temperature: Annotated[float, Gt(0)] = 1.0,  # below 1: what is probable is drawn more often
    ) -> Iterator[Float[Tensor, "n c h w"]]:  # fmt: skip
        """Pixels that are not drawn yet are grey."""
        self.check_condition(condition)
        nothing = self.weight.new_zeros(n, self.place.shape[1])
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

        In the raster's order a hidden pixel sees what is known before it. An orderless model sees all that is known.

        Raises:
            GenlabError: `known` does not fit.
        """
        self.check_known(x, known)
        return to_images(self.draw(to_rows(x), to_rows(known.expand_as(x)), rng, temperature)[0], self.shape)
