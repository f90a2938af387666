"""GSN: generative stochastic networks, which learn one step of a Markov chain.

Bengio, Thibodeau-Laufer, Alain and Yosinski, ICML 2014, arXiv:1306.1091. The chain comes back to the distribution of
the data: noise pushes a state away from them, and the network has learned from where it came.

B images, C channels, H = W image size, D = C H W pixels, K hidden layers, N units in each, T steps of the unrolled
graph (figure 3). X is an image in [0, 1], as rows (B, D); X~ is X with noise. H_k is hidden layer k. W_k are the
weights between layers k - 1 and k, used in both directions, and b_k the biases of layer k; X is layer 0.

A step draws the odd layers, then the even ones, each from its neighbours. In the authors' code, as here, the first
hidden layer has no noise of its own, and a gradient passes from step to step through the hidden layers alone, since a
drawn pixel has none. The authors' learning rate falls by 0.5 % in each epoch; here it stays. Their first weights are
Glorot's in all layers, with biases of zero: the noise of the upper layers then drowns the image for many steps. Here
the upper weights start at a tenth of that, and X's biases at the mean image.
"""

import math
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genlab.models.base import Batch, Completes, Family, HasChain, Model, Recipe, Turn
from genlab.nn.noise import Chance, Rng, normal_noise, uniform_noise

Images = Float[Tensor, "b c h w"]
Rows = Float[Tensor, "b d"]
Units = Float[Tensor, "b n"]
STARTS = 100  # training images that chains start from


def salt_and_pepper(x: Rows, share: float, rng: Rng = None) -> Rows:
    """C(X~|X): so many of the pixels, each by its own chance, become black or white, whatever they were."""
    u = uniform_noise(len(x), x.shape[1:], x, rng)
    return torch.where(u < share, (u < share / 2).to(x.dtype), x)


class GSN(Model, HasChain, Completes):
    """Images and hidden units that are drawn from each other, again and again, and learn to come back to the data.

    A chain starts from a training image: some of the first batch are part of the model. A drawing, as in the paper's
    figures, is the mean of P(X|H).
    """

    family = Family.IMPLICIT_MARKOV_CHAIN
    recipe = Recipe(  # the authors' code; its momentum of 0.5 halves each gradient, and PyTorch's does not
        optimizer="sgd", learning_rate=0.125, momentum=0.5, batch_size=100, epochs=1000.0,
    )  # fmt: skip
    condition = None
    starts: Tensor

    def __init__(
        self,
        *,
        image_size: int = 28,  # H = W
        channels: int = 1,
        layers: Annotated[int, Ge(1), Le(100)] = 2,  # K; 1: a denoising autoencoder
        width: Annotated[int, Ge(1), Le(100_000)] = 1500,  # N
        walkback: Annotated[int, Ge(1), Le(100)] = 4,  # T
        corruption: Annotated[float, Ge(0), Lt(1)] = 0.4,  # share of the pixels that become black or white
        noise: Annotated[float, Ge(0)] = 2.0,  # deviation of the Gaussians before and after the activation
        binary: bool = True,  # the chain draws black or white pixels; false: it goes on with their means
    ) -> None:
        super().__init__()
        self.shape, self.walkback, self.binary = (channels, image_size, image_size), walkback, binary
        self.corruption, self.noise = corruption, noise
        sizes = [math.prod(self.shape), *[width] * layers]
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(nn.init.xavier_uniform_(torch.empty(up, down)) for down, up in pairs)
        for weight in self.weights[1:]:
            nn.init.xavier_uniform_(weight, gain=0.1)
        self.biases = nn.ParameterList(torch.zeros(size) for size in sizes)
        self.register_buffer("starts", torch.zeros(STARTS, *self.shape, dtype=torch.uint8))

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"width": 8, "walkback": 3}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "layers=1": {"layers": 1}, "layers=3": {"layers": 3}}

    @torch.no_grad()
    def prepare(self, batch: Batch) -> None:
        """Keep images for chains to start from, and let the first reconstruction be their mean.

        They are kept in 256 levels: whole numbers are averaged neither over ranks nor over steps.
        """
        x = batch["images"]
        self.starts.copy_(((x[torch.arange(STARTS, device=x.device) % len(x)] + 1) * 127.5).round())
        self.biases[0].copy_(torch.logit((x.flatten(1).mean(dim=0) + 1) / 2, eps=0.01))

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"gsn": list(self.parameters())}

    def hidden(self, k: int, states: list[Tensor], rng: Rng) -> Units:
        """H_k given its neighbours: noise + tanh(noise + b_k + W_k H_(k-1) + W_(k+1)' H_(k+1)); section 4."""
        a = F.linear(states[k - 1], self.weights[k - 1], self.biases[k])
        if k + 1 < len(states):
            a = a + states[k + 1] @ self.weights[k]
        if k == 1:
            return torch.tanh(a)
        before = self.noise * normal_noise(len(a), a.shape[1:], a, rng)
        return torch.tanh(a + before) + self.noise * normal_noise(len(a), a.shape[1:], a, rng)

    def unroll(self, x: Rows, rng: Rng, known: Bool[Tensor, "b d"] | None = None) -> Iterator[Rows]:
        """The logits of P(X|H_t) for t = 1, 2, ..., a chain from `x` without end; figure 3.

        `known` pixels stay as in `x` (section 3.4). Corruption still hides them now and then, as in training.
        """
        first, count = x, len(self.biases)
        states = [x, *(x.new_zeros(len(x), len(bias)) for bias in list(self.biases)[1:])]
        while True:
            states[0] = salt_and_pepper(x, self.corruption, rng)
            for k in range(1, count, 2):
                states[k] = self.hidden(k, states, rng)
            logits = F.linear(states[1], self.weights[0].T, self.biases[0])
            yield logits
            for k in range(2, count, 2):
                states[k] = self.hidden(k, states, rng)
            x = torch.sigmoid(logits)
            if self.binary:
                x = (uniform_noise(len(x), x.shape[1:], x, rng) < x).to(x.dtype)
            if known is not None:
                x = torch.where(known, first, x)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = (batch["images"].flatten(1) + 1) / 2
        chain = islice(self.unroll(x, None), self.walkback)
        losses = [F.binary_cross_entropy_with_logits(logits, x) for logits in chain]  # a mean over pixels
        yield Turn("gsn", {"reconstruction": torch.stack(losses).sum()}, {"last": losses[-1].detach()})

    def images(self, logits: Rows) -> Images:
        """The means of P(X|H) in [-1, 1]."""
        return (2 * torch.sigmoid(logits) - 1).unflatten(1, self.shape)

    @torch.no_grad()
    def chain(self, x: Images, rng: Chance) -> Iterator[Images]:
        for logits in self.unroll((x.flatten(1) + 1) / 2, rng):
            yield self.images(logits)

    def steps(
        self, n: int, rng: Chance, condition: Tensor | None, frames: int, *,
        burn_in: Annotated[int, Gt(0)] = 50,  # steps of each chain up to its drawing
    ) -> Iterator[Float[Tensor, "n c h w"]]:  # fmt: skip
        """The last states of each chain, one step apart; figure 5."""
        self.check_condition(condition)
        place = rng.integers(STARTS, (), self.starts)
        x = self.starts[place].to(self.biases[0].dtype) / 127.5 - 1
        yield from islice(self.chain(x, rng), max(0, burn_in - frames), burn_in)

    def sample(
        self, n: int, rng: Chance, condition: Tensor | None = None, *, burn_in: Annotated[int, Gt(0)] = 50
    ) -> Float[Tensor, "n c h w"]:
        return next(self.steps(n, rng, condition, 1, burn_in=burn_in))

    @torch.no_grad()
    def complete(
        self, x: Images, known: Bool[Tensor, "..."], rng: Chance, *, burn_in: Annotated[int, Gt(0)] = 50
    ) -> Images:
        """The last state of a chain in which known pixels are held; it starts from noise in the others (figure 6).

        Raises:
            GenlabError: `known` does not fit.
        """
        self.check_known(x, known)
        seen = known.expand_as(x).flatten(1)
        rows = torch.where(seen, (x.flatten(1) + 1) / 2, rng.uniform(seen.shape[1:], x))
        logits = next(islice(self.unroll(rows, rng, seen), burn_in - 1, None))
        return torch.where(known, x, self.images(logits))
