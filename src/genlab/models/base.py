"""What a generative model is to the rest of Genlab.

A training step is a short game. The model says whose turn it is and what that player minimises, in the order of its
paper; the trainer moves that player. Between two `yield`s of `Model.turns` the player has moved.

After training nobody asks for a model's name, only for what it can do: `isinstance(model, Translates)`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Batch = Mapping[str, Tensor]
"""One batch by name, on the model's device. Images are float in [-1, 1], (B, C, H, W); pairs are "a" and "b"."""

Side = Literal["a", "b"]
"""One of the two domains of a translation."""


@dataclass(frozen=True)
class Turn:
    """One move of the game: `player` minimises the sum of `terms`; `metrics` are recorded and nothing more.

    Terms are already weighted, so that their sum is the paper's objective. All values are scalars.
    """

    player: str
    terms: Mapping[str, Float[Tensor, ""]]
    metrics: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """How the paper trains: defaults for the `training` parameters, each of which the configuration can override."""

    optimizer: Literal["adam", "adagrad", "sgd"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)  # Adam only
    batch_size: int = 64
    epochs: float = 100.0
    decay_from: float = 1.0  # share of the steps after which the learning rate falls linearly to zero; 1 = never
    jitter: float = 1.0  # images are enlarged by this factor, then cropped back at random; 1 = off
    mirror: bool = False  # flip left and right with probability 1/2


@dataclass(frozen=True)
class ImageSpec:
    """The shape of the images that a model is built for: H = W = `size` pixels, channels by domain."""

    size: int
    channels: Mapping[str, int]


class Model(nn.Module, ABC):
    """A generative model in the words of its paper."""

    recipe: ClassVar[Recipe] = Recipe()

    @abstractmethod
    def players(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by player, one optimiser each. Players may overlap; together they own every parameter."""

    @abstractmethod
    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        """One training step (`step` counts from 0) as the turns of the players, in the paper's order.

        When the generator goes on after a `yield`, the player it named has moved.
        """


@runtime_checkable
class Translates(Protocol):
    """Draws an image of one domain from an image of another."""

    targets: tuple[Side, ...]
    """The domains that `translate` can reach."""

    def translate(
        self, x: Float[Tensor, "b c h w"], to: Side, rng: torch.Generator | None = None
    ) -> Float[Tensor, "b d h w"]:
        """`x`, in [-1, 1], as it would look in domain `to`, in [-1, 1]. `rng` (on x's device) draws the noise."""
        ...
