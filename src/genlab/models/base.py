"""What a generative model is to the rest of Genlab.

A training step is a short game. The model says whose turn it is and what that player minimises, in the order of its
paper; the trainer moves that player. Between two `yield`s of `Model.turns` the player has moved.

After training nobody asks for a model's name, only for what it can do: `isinstance(model, Translates)`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, get_args, get_origin, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.nn.priors import Prior

Batch = Mapping[str, Tensor]
"""One batch by name, on the model's device. Images are float in [-1, 1], (B, C, H, W).

What there is depends on what the model trains on (`MODELS`): pairs and domains are "a" and "b" (of pairs, row i of both
belongs together); images are "images", with "labels" (B,) long, -1 where an image has none, and, where the data have
captions, "captions" (B, L) long, the numbers of their words padded with 0.
"""

Side = Literal["a", "b"]
"""One of the two domains of a translation."""

Condition = Literal["labels", "captions"]
"""What a drawing can be told."""

SHAPE_ARGUMENTS = ("image_size", "channels", "channels_a", "channels_b", "classes", "words")
"""Arguments of a model's constructor that follow the data: H = W; channels, of the images or by domain; how many labels
there are, and how many words, number 0 counted (0 where the data have none)."""


@dataclass(frozen=True)
class Turn:
    """One move of the game: `player` minimises the sum of `terms`; `metrics` are recorded and nothing more.

    Terms are already weighted, so that their sum is the paper's objective. All values are scalars. A `surrogate` has
    the gradient of the objective but not its value (contrastive divergence): nothing reads its sum as a loss.
    """

    player: str
    terms: Mapping[str, Float[Tensor, ""]]
    metrics: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)
    surrogate: bool = False


@dataclass(frozen=True)
class Recipe:
    """How the paper trains: defaults for the `training` parameters, each of which the configuration can override."""

    optimizer: Literal["adam", "adamw", "adagrad", "rmsprop", "sgd"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)  # Adam and AdamW only
    momentum: float = 0.0  # RMSprop and SGD only
    initial_accumulator: float = 0.0  # Adagrad only: the sum of squared gradients starts here
    weight_decay: float = 0.0  # this much of each weight is added to its gradient, or with AdamW taken off; 0 = off
    per_player: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # other values of the above, by player
    warm_up: int = 0  # steps in which the learning rate rises linearly from zero
    clip: float = 0.0  # largest norm of a player's gradient; 0 = off
    ema: float = 0.0  # decay of the running average of the weights, which draws; 0 = off: the last weights draw
    ema_share: float = 0.1  # the average is of at most about this share of the steps so far
    batch_size: int = 64
    epochs: float = 100.0
    decay_from: float = 1.0  # share of the steps after which the learning rate falls linearly to zero; 1 = never
    jitter: float = 1.0  # images are enlarged by this factor, then cropped back at random; 1 = off
    mirror: bool = False  # flip left and right with probability 1/2


class Model(nn.Module, ABC):
    """A generative model in the words of its paper.

    The constructor is the configuration. Of the arguments that follow the data (`SHAPE_ARGUMENTS`) it is given those
    that it names.
    """

    recipe: ClassVar[Recipe] = Recipe()

    @classmethod
    def recipe_for(cls, arguments: Mapping[str, Any]) -> Recipe:
        """The recipe of the model with these constructor arguments: where papers differ, so do their recipes."""
        return cls.recipe

    def prepare(self, batch: Batch) -> None:
        """Take first values from the first batch. The trainer calls it once, before step 0."""

    @abstractmethod
    def players(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by player, one optimiser each. Players may overlap; together they own every parameter."""

    @abstractmethod
    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        """One training step (`step` counts from 0) as the turns of the players, in the paper's order.

        When the generator goes on after a `yield`, the player it named has moved.
        """

    @classmethod
    def small(cls) -> dict[str, Any]:
        """Arguments of the smallest honest version of the model. Tests train it in a second."""
        return {}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        """Changes to `small()` by name. Tests train each.

        The constructor says most of them: each other word or truth value of an argument is one. A model adds what a
        number switches on, and corrects what cannot stand alone.
        """
        found: dict[str, dict[str, Any]] = {}
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            kind = parameter.annotation
            values = (False, True) if kind is bool else get_args(kind) if get_origin(kind) is Literal else ()
            usual = cls.small().get(name, parameter.default)
            found |= {f"{name}={v}": {name: v} for v in values if isinstance(v, str | bool) and v != usual}
        return found


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


@runtime_checkable
class Samples(Protocol):
    """Draws new images."""

    condition: Condition | None
    """What each drawing must be told; None for nothing."""

    def sample(
        self, n: int, rng: torch.Generator, condition: Int[Tensor, "n *l"] | None = None
    ) -> Float[Tensor, "n c h w"]:
        """`n` new images in [-1, 1], on the model's device, where `rng` must be, too.

        `condition` is (n,) numbers of labels, or (n, L) numbers of words: what a model with a `condition` must be told.
        """
        ...


@runtime_checkable
class Decodes(Protocol):
    """Draws an image from a latent vector that has a prior distribution: what can be walked through."""

    latent_dim: int

    def draw_latents(self, n: int, rng: torch.Generator) -> Float[Tensor, "n z"]:
        """`n` latent vectors from the prior, on the model's device."""
        ...

    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, "n *l"] | None = None) -> Float[Tensor, "n c h w"]:
        """The images of these latents, in [-1, 1]; `condition` as in `Samples.sample`."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Describes an image by a few numbers."""

    def encode(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        """The code of each image (where the model has a distribution over codes, its mean)."""
        ...


@runtime_checkable
class StartsClassifier(Encodes, Protocol):
    """Encodes by a network that can be trained on, as the beginning of a classifier."""

    def encoder_network(self) -> nn.Module:
        """The network behind `encode`, (B, C, H, W) in [-1, 1] -> (B, Z): the model's own, not a copy."""
        ...


@runtime_checkable
class MatchesPrior(Protocol):
    """Its codes shall have a known distribution, all together."""

    prior: Prior

    def draw_codes(self, x: Float[Tensor, "b c h w"], rng: torch.Generator | None = None) -> Float[Tensor, "b z"]:
        """A code drawn from the model's distribution over the codes of each image."""
        ...

    def draw_prior(self, labels: Int[Tensor, " n"], rng: torch.Generator | None = None) -> Float[Tensor, "n z"]:
        """As the codes of images with these labels shall be distributed, -1: unknown; where the model ties no class to
        a part of its prior, a draw from all of it, whatever the label."""
        ...


@runtime_checkable
class EncodesDomains(Protocol):
    """Describes an image of either domain by numbers of the same kind: a latent that the domains share, or features."""

    def encode_domain(self, x: Float[Tensor, "b c h w"], side: Side) -> Float[Tensor, "b *z"]:
        """What the model keeps of images of domain `side`; without chance."""
        ...


@runtime_checkable
class DecodesDomains(Protocol):
    """Draws one latent in either domain."""

    def decode_domain(self, z: Float[Tensor, "b *z"], side: Side) -> Float[Tensor, "b c h w"]:
        """The latents of `EncodesDomains` as images of domain `side`, in [-1, 1]."""
        ...


@runtime_checkable
class Reconstructs(Protocol):
    """Draws an image anew from what it keeps of it."""

    def reconstruct(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The reconstruction of each image, in [-1, 1]; without chance."""
        ...


@runtime_checkable
class ScoresDensity(Protocol):
    """Says how probable images are."""

    density: Literal["exact", "bound", "estimate"]
    """What `log_prob` is: the model's own log-likelihood, a lower bound of it, or an estimate."""

    levels: int
    """How many values a pixel has in the model's eyes: `log_prob` is of one of so many. With 2, a grey pixel stands for
    its random binarisation."""

    def log_prob(self, x: Float[Tensor, "b c h w"], rng: torch.Generator) -> Float[Tensor, " b"]:
        """The log-likelihood of each image in nats, of the pixels as the model understands them."""
        ...


@runtime_checkable
class BoundsDensity(ScoresDensity, Protocol):
    """Says how probable images are at least, the closer the more latent vectors it draws."""

    def elbo(self, x: Float[Tensor, "b c h w"], rng: torch.Generator) -> Float[Tensor, " b"]:
        """The evidence lower bound of each image in nats, by one latent vector."""
        ...

    def importance_bound(self, x: Float[Tensor, "b c h w"], rng: torch.Generator, samples: int) -> Float[Tensor, " b"]:
        """The bound of Burda et al. 2016 by `samples` latent vectors for each image, in nats."""
        ...
