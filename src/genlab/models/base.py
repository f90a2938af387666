"""What a generative model is to the rest of Genlab.

A training step is a short game. The model says whose turn it is and what that player minimises, in the order of its
paper; the trainer moves that player. Between two `yield`s of `Model.turns` the player has moved.

After training nobody asks for a model's name, only for what it can do: `isinstance(model, Translates)`. A model lists
its capabilities as bases: `class VAE(Model, Samples, Decodes)`. `Model` checks them when the class is made.
"""

import dis
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from annotated_types import Gt
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.nn.flows import LEVELS, Flow, log_prob_of_levels, middle, to_images
from genlab.nn.noise import Chance, Rng
from genlab.nn.priors import Prior

Batch = Mapping[str, Tensor]
"""One batch by name, on the model's device. Images are float in [-1, 1], (B, C, H, W).

What there is depends on what the model trains on (`MODELS`): pairs and domains are "a" and "b" (of pairs, row i of both
belongs together); images are "images", with "labels" (B,) long, -1 where an image has none. Where the data have groups
(speakers, patients), "groups" (B,) long, -1 likewise. Where they have captions, "captions" (B, L) long, the numbers of
their words padded with 0.

The names are those of pictures for every medium: an image is an example, (B, C, *axes). Sound is (B, 1, T), and NaN
behind the end of a recording.
"""

Side = Literal["a", "b"]
"""One of the two domains of a translation."""

Condition = Literal["labels", "labels_and_groups", "captions"]
"""What a drawing can be told. "labels_and_groups" are the numbers of its label and of its group."""

DATA_ARGUMENTS = ("classes", "groups", "words")
"""Arguments of a model's constructor that follow the data, besides those of its medium (`Medium.arguments`): how many
labels and how many groups there are, and how many words, number 0 counted (0 where the data have none)."""

OptimizerName = Literal["adam", "adamw", "adagrad", "rmsprop", "sgd"]
Decay = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]


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


class PlayerRecipe(BaseModel):
    """What differs for one player. What is left out is as for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    optimizer: OptimizerName | None = None
    learning_rate: PositiveFloat | None = None
    betas: tuple[Decay, Decay] | None = None
    momentum: Decay | None = None
    initial_accumulator: NonNegativeFloat | None = None
    weight_decay: NonNegativeFloat | None = None


class Recipe(BaseModel):
    """How the paper trains: defaults for the `training` parameters, each of which the configuration can override."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    optimizer: OptimizerName = "adam"
    learning_rate: PositiveFloat = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)  # Adam and AdamW only
    momentum: Decay = 0.0  # RMSprop and SGD only
    initial_accumulator: NonNegativeFloat = 0.0  # Adagrad only: the sum of squared gradients starts here
    weight_decay: NonNegativeFloat = 0.0  # this much of each weight is added to its gradient, or with AdamW taken off
    per_player: dict[str, PlayerRecipe] = {}  # other values of the above, by player
    warm_up: NonNegativeInt = 0  # steps in which the learning rate rises linearly from zero
    clip: NonNegativeFloat = 0.0  # largest norm of a player's gradient; 0 = off
    ema: Decay = 0.0  # decay of the running average of the weights, which draws; 0 = off: the last weights draw
    ema_share: Annotated[float, Field(gt=0, lt=1)] = 0.1  # it is of at most about this share of the steps so far
    batch_size: PositiveInt = 64  # over all devices together
    epochs: PositiveFloat = 100.0  # passes over the training set
    decay_from: Share = 1.0  # share of the steps after which the learning rate falls linearly to zero; 1 = never
    jitter: Annotated[float, Field(ge=1, le=2)] = 1.0  # images are enlarged by this, then cropped at random; 1 = off
    mirror: bool = False  # flip left and right with probability 1/2


class Family(Enum):
    """Where a model stands in the lecture's tree, branch by branch from the root.

    The tree under maximum likelihood is figure 9 of Goodfellow 2016 (arXiv:1701.00160). What has no place in it stands
    beside it.
    """

    FULLY_VISIBLE = "maximum likelihood", "explicit density", "tractable", "pixel by pixel"
    CHANGE_OF_VARIABLES = "maximum likelihood", "explicit density", "tractable", "change of variables"
    VARIATIONAL = "maximum likelihood", "explicit density", "approximate", "variational"
    MARKOV_CHAIN = "maximum likelihood", "explicit density", "approximate", "Markov chain"
    IMPLICIT_MARKOV_CHAIN = "maximum likelihood", "implicit density", "Markov chain"
    DIRECT = "maximum likelihood", "implicit density", "direct"
    RECONSTRUCTION = "no likelihood", "learned by reconstruction"
    CONDITIONAL = "applications", "conditional"
    TRANSLATION = "applications", "translation"
    UNPLACED = ("a place of its own",)  # the model's file does not say


class Model(nn.Module, ABC):
    """A generative model in the words of its paper.

    The constructor is the configuration. Of the arguments that follow the data it is given those that it names: those
    of the medium and `DATA_ARGUMENTS`.
    """

    recipe: ClassVar[Recipe] = Recipe()
    family: ClassVar[Family] = Family.UNPLACED

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_capabilities(cls)

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


class Capability(nn.Module):
    """Something that a model can do. A subclass says which methods and attributes it needs.

    It is a module, so that a function that asks for a capability can also call what every module has.
    """

    @classmethod
    def methods(cls) -> dict[str, Any]:
        """The methods that a model must write, by name."""
        found = {name: member for base in cls._bases() for name, member in vars(base).items()}
        return {name: found[name] for name in sorted(found) if getattr(found[name], "__isabstractmethod__", False)}

    @classmethod
    def attributes(cls) -> set[str]:
        """The attributes that a model must have, on the class or from its constructor."""
        return {name for base in cls._bases() for name in inspect.get_annotations(base)}

    @classmethod
    def _bases(cls) -> list[type]:
        """This capability and those it builds on, without PyTorch's classes."""
        return [base for base in cls.__mro__ if issubclass(base, Capability)]


def every_capability(base: type[Capability] = Capability) -> list[type[Capability]]:
    """All subclasses of `Capability` that are no models."""
    found = [kind for kind in base.__subclasses__() if Model not in kind.__mro__]
    return [kind for one in found for kind in (one, *every_capability(one))]


TAKES_ARGUMENTS = ("sample", "translate", "steps", "complete")
"""Methods to which a model may add arguments of sampling: keyword-only, with a type and a default."""


def keyword_arguments(method: Any) -> dict[str, inspect.Parameter]:
    """The keyword-only parameters of a method."""
    parameters = inspect.signature(method).parameters
    return {name: p for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def sampling_arguments(model: type) -> dict[str, inspect.Parameter]:
    """The arguments of sampling that a model adds to its methods that draw."""
    methods = [getattr(model, name) for name in TAKES_ARGUMENTS if hasattr(model, name)]
    return {name: p for method in methods for name, p in keyword_arguments(method).items()}


def check_capabilities(model: type) -> None:
    """Refuse a model class that does not keep what its capabilities ask.

    Raises:
        TypeError: names the class, the method and what to do.
    """
    mine = {name: member for name, member in _members(model).items() if not name.startswith("_")}
    every = every_capability()
    listed = [kind for kind in reversed(every) if kind in model.__mro__]  # a capability before what it builds on
    for kind in listed:
        for name, wanted in kind.methods().items():
            if name not in mine:
                close = get_close_matches(name, mine, n=1)
                hint = f"rename {close[0]}" if close else "write it"
                raise TypeError(f"{model.__name__} lists {kind.__name__} but has no method {name}: {hint}")
            _check_signature(model, name, mine[name], wanted)
        for name in sorted(kind.attributes() - _attributes(model)):
            raise TypeError(
                f"{model.__name__} lists {kind.__name__} but has no {name}: set it on the class or in __init__"
            )
    if ScoresDensity in listed and HasEnergy in listed:
        raise TypeError(f"{model.__name__} lists ScoresDensity and HasEnergy, which give the same numbers: keep one")
    listed_names = {name for kind in listed for name in kind.methods()}
    unlisted = {name: kind for kind in reversed(every) for name in kind.methods() if name not in listed_names}
    for name in mine:
        if name in unlisted:
            raise TypeError(
                f"{model.__name__} has a method {name} but does not list {unlisted[name].__name__}: add it to the "
                "bases, or rename the method"
            )
        close = get_close_matches(name, unlisted, n=1, cutoff=0.8) if name not in listed_names else []
        if close:
            raise TypeError(
                f"{model.__name__}.{name} looks like {unlisted[close[0]].__name__}.{close[0]}: list "
                f"{unlisted[close[0]].__name__} and write {close[0]}, or choose a name that is less alike"
            )


def _members(model: type) -> dict[str, Any]:
    """The functions of a model's classes, without those of its capabilities, of `Model` and of PyTorch."""
    own = [b for b in model.__mro__ if Model in b.__mro__ and b is not Model]
    return {name: member for b in reversed(own) for name, member in vars(b).items() if inspect.isfunction(member)}


def _attributes(model: type) -> set[str]:
    """What the classes and constructors of a model set."""
    constructors = [
        inspect.unwrap(vars(b)["__init__"]) for b in model.__mro__ if Model in b.__mro__ and "__init__" in vars(b)
    ]
    stored = {i.argval for init in constructors for i in dis.get_instructions(init) if i.opname == "STORE_ATTR"}
    return stored | {name for b in model.__mro__ for name in vars(b)}


def _check_signature(model: type, name: str, mine: Any, wanted: Any) -> None:
    given = inspect.signature(mine).parameters
    fixed = [n for n, p in given.items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    needed = list(inspect.signature(wanted).parameters)
    if fixed != needed:
        raise TypeError(
            f"{model.__name__}.{name} has the parameters ({', '.join(fixed)}), its capability has "
            f"({', '.join(needed)}): use the same names in the same order"
        )
    for argument, parameter in keyword_arguments(mine).items():
        if name not in TAKES_ARGUMENTS:
            raise TypeError(
                f"{model.__name__}.{name} has the further argument {argument}: only {', '.join(TAKES_ARGUMENTS)} may"
            )
        if parameter.empty in (parameter.default, parameter.annotation):
            raise TypeError(f"{model.__name__}.{name}: the argument {argument} needs a type and a default")


class Translates(Capability):
    """Draws an image of one domain from an image of another."""

    targets: tuple[Side, ...]
    """The domains that `translate` can reach."""

    @abstractmethod
    def translate(self, x: Float[Tensor, "b c h w"], to: Side, rng: Rng = None) -> Float[Tensor, "b d h w"]:
        """`x`, in [-1, 1], as it would look in domain `to`, in [-1, 1]. `rng` draws the noise."""


class Samples(Capability):
    """Draws new images."""

    condition: Condition | None
    """What each drawing must be told; None for nothing."""

    @abstractmethod
    def sample(self, n: int, rng: Chance, condition: Int[Tensor, "n *l"] | None = None) -> Float[Tensor, "n c *axes"]:
        """`n` new images in [-1, 1], on the model's device, each by its own stream of `rng`.

        `condition` is what a model with a `condition` must be told: (n,) numbers of labels, (n, 2) numbers of label and
        group, or (n, L) numbers of words.
        """

    def check_condition(self, condition: Int[Tensor, "n *l"] | None) -> None:
        """Refuse a condition for a model that is told nothing, and a missing one for a model that must be told.

        Raises:
            GenlabError: says which.
        """
        if self.condition is None and condition is not None:
            raise GenlabError(f"this {type(self).__name__} draws without being told what: leave the condition out")
        if self.condition is not None and condition is None:
            told = self.condition.replace("_", " ")
            raise GenlabError(f"this {type(self).__name__} must be told {told}: give a condition per drawing")


class ShowsSteps(Samples):
    """Shows how a new image takes shape: in raster order, along a Markov chain, out of noise."""

    @abstractmethod
    def steps(
        self, n: int, rng: Chance, condition: Int[Tensor, "n *l"] | None, frames: int
    ) -> Iterator[Float[Tensor, "n c h w"]]:
        """At most `frames` states of the `n` images that `sample` draws by the same `rng`, in order, in [-1, 1].

        The last state is the drawing, so `steps` has the same arguments of sampling as `sample`.
        """


class HasChain(ShowsSteps):
    """Draws along a Markov chain of images, which can start from any image."""

    @abstractmethod
    def chain(self, x: Float[Tensor, "b c h w"], rng: Chance) -> Iterator[Float[Tensor, "b c h w"]]:
        """The states of a chain from each image, in [-1, 1], without end; the first is one step after `x`.

        A step draws every pixel anew. States are shown as `sample` shows drawings.
        """


class Autoregressive(Samples):
    """Draws the pixels of an image one after another, each by those before it."""

    @abstractmethod
    def predict(self, x: Float[Tensor, "b c h w"], condition: Int[Tensor, "b *l"] | None) -> Float[Tensor, "b n h w"]:
        """What the model says of each pixel before it has seen it: the n numbers of its distribution."""


class Completes(Capability):
    """Draws what is hidden of an image."""

    @abstractmethod
    def complete(
        self, x: Float[Tensor, "b c *axes"], known: Bool[Tensor, "b 1 *axes"], rng: Chance
    ) -> Float[Tensor, "b c *axes"]:
        """Images in [-1, 1] that equal `x` where it is `known`; what `x` holds elsewhere changes nothing."""

    def check_known(self, x: Float[Tensor, "b c *axes"], known: Bool[Tensor, "..."]) -> None:
        """Refuse a mask that has not one value for each pixel.

        Raises:
            GenlabError: says which shape it should have.
        """
        if known.shape != (wanted := (len(x), 1, *x.shape[2:])):
            raise GenlabError(
                f"the mask of known pixels is {tuple(known.shape)}, but images {tuple(x.shape)} need {wanted}: one "
                "truth value for each pixel, for all its channels together"
            )


class Decodes(Capability):
    """Draws an image from a latent vector that has a prior distribution: what can be walked through."""

    latent_dim: int

    @abstractmethod
    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        """`n` latent vectors from the prior, on the model's device."""

    @abstractmethod
    def decode(self, z: Float[Tensor, "n z"], condition: Int[Tensor, "n *l"] | None = None) -> Float[Tensor, "n c h w"]:
        """The images of these latents, in [-1, 1]; `condition` as in `Samples.sample`."""


class Encodes(Capability):
    """Describes an image by a few numbers."""

    @abstractmethod
    def encode(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        """The code of each image (where the model has a distribution over codes, its mean)."""


class StartsClassifier(Encodes):
    """Encodes by a network that can be trained on, as the beginning of a classifier."""

    @abstractmethod
    def encoder_network(self) -> nn.Module:
        """The network behind `encode`, (B, C, H, W) in [-1, 1] -> (B, Z): the model's own, not a copy."""


class HasUnits(Capability):
    """Has a layer of hidden units, on or off, each with a weight to every number of an image."""

    @abstractmethod
    def units(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n"]:
        """How probable it is that each unit is on."""

    @abstractmethod
    def filters(self) -> Float[Tensor, "n c h w"]:
        """The weights of each unit."""


class MatchesPrior(Capability):
    """Its codes together shall have a known distribution, the prior."""

    prior: Prior

    @abstractmethod
    def draw_codes(self, x: Float[Tensor, "b c h w"], rng: Rng = None) -> Float[Tensor, "b z"]:
        """A code drawn from the model's distribution over the codes of each image."""

    @abstractmethod
    def draw_prior(self, labels: Int[Tensor, " n"], rng: Rng = None) -> Float[Tensor, "n z"]:
        """A draw from the part of the prior that belongs to each label. -1 is an unknown label: its part is the whole.

        A model that ties no class to a part draws from the whole prior.
        """


class EncodesDomains(Capability):
    """Describes an image of either domain by numbers of the same kind: a latent that the domains share, or features."""

    @abstractmethod
    def encode_domain(self, x: Float[Tensor, "b c h w"], side: Side) -> Float[Tensor, "b *z"]:
        """What the model keeps of images of domain `side`; without chance."""


class DecodesDomains(Capability):
    """Draws one latent in either domain."""

    @abstractmethod
    def decode_domain(self, z: Float[Tensor, "b *z"], side: Side) -> Float[Tensor, "b c h w"]:
        """The latents of `EncodesDomains` as images of domain `side`, in [-1, 1]."""


class Reconstructs(Capability):
    """Draws an image anew from what it keeps of it."""

    @abstractmethod
    def reconstruct(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The reconstruction of each image, in [-1, 1]; without chance."""


class HasDensity(Capability):
    """Says how probable images are. A model lists `ScoresDensity` or `HasEnergy`, whichever it can say."""

    density: tuple[Literal["exact", "bound"], Literal["computed", "estimated"]]
    """What its log-likelihoods are.

    "exact": they are, or estimate, the model's own. "bound": they are, or estimate, a lower bound of it. "computed":
    they follow from the image alone. "estimated": they also follow from what `rng` draws.
    """

    levels: int
    """How many values a pixel has in the model's eyes: a probability is of one of so many. With 2, a grey pixel stands
    for its random binarisation."""


class ScoresDensity(HasDensity):
    """Knows the log-likelihood of an image."""

    @abstractmethod
    def log_prob(self, x: Float[Tensor, "b c *axes"], rng: Chance, effort: int) -> Float[Tensor, " b"]:
        """The log-likelihood of each image in nats, of the pixels as the model understands them.

        `effort` is how much is drawn for each image: latent vectors, or dequantisations.
        """


class HasEnergy(HasDensity):
    """Knows the log-likelihood of an image up to log Z, which all images share: p(x) = exp(-energy(x)) / Z."""

    @abstractmethod
    def energy(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """The energy of each image in nats, without chance. Hidden units are summed out, or bounded by their means."""

    @abstractmethod
    def log_partition(self, rng: Chance, effort: int, temperatures: int) -> list[tuple[float, float]]:
        """log Z in nats, and its standard error, 0 where it is computed.

        An estimate may be followed by others, from another start or by less work: where they disagree, none is to be
        trusted. `rng` has one stream. `effort` is how much is drawn: annealed chains, each through so many
        `temperatures`. Where Z is estimated without bias, log Z is too low on average (Jensen), and so is the negative
        log-likelihood.
        """


class Validates(Capability):
    """Says itself how good it is, to choose among its weights while it trains."""

    @abstractmethod
    def validation(self, batch: Batch, rng: Chance) -> Float[Tensor, " b"]:
        """How far each example of a batch, as in training, is from what the model shall do; lower is better."""


class FlowModel(Model, Samples, Decodes, Encodes, ScoresDensity, Validates):
    """An invertible map from dequantised images to latents with a known density. A model of its own says which map.

    B images, D numbers of each. x is an image in [-1, 1], u the same dequantised, in [0, 1], z = f(u) a row of D.
    """

    family = Family.CHANGE_OF_VARIABLES
    condition = None
    density = ("bound", "estimated")
    levels = LEVELS

    def __init__(self, flow: Flow, prior: Prior) -> None:
        super().__init__()
        self.flow, self.prior, self.latent_dim = flow, prior, prior.dim  # f, of z, D

    def log_density(self, u: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """log p(u) = log p(f(u)) + log |det df/du|; Dinh et al. 2014 (arXiv:1410.8516), equation 3."""
        z, log_det = self.flow(u)
        return self.prior.log_prob(z) + log_det

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, [player] = batch["images"], self.players()
        nll = -log_prob_of_levels(self.log_density, x, None, 1).mean()
        yield Turn(player, {"nll": nll}, metrics={"bits_per_dim": nll.detach() / (math.log(2) * x[0].numel())})

    def log_prob(self, x: Float[Tensor, "b c h w"], rng: Chance, effort: int) -> Float[Tensor, " b"]:
        """A bound of the levels' log-probability, from `effort` dequantisations."""
        return log_prob_of_levels(self.log_density, x, rng, effort)

    def validation(self, batch: Batch, rng: Chance) -> Float[Tensor, " b"]:
        """The negative bound from one dequantisation."""
        return -self.log_prob(batch["images"], rng, 1)

    def encode(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        """z of the middle of each level's interval: `decode` gives exactly x back."""
        return self.flow(middle(x))[0]

    def decode(self, z: Float[Tensor, "n z"], condition: Tensor | None = None) -> Float[Tensor, "n c h w"]:
        self.check_condition(condition)
        return to_images(self.flow.inverse(z))

    def draw_latents(self, n: int, rng: Chance) -> Float[Tensor, "n z"]:
        return self.prior.sample(n, rng)

    def sample(
        self, n: int, rng: Chance, condition: Tensor | None = None, *,
        temperature: Annotated[float, Gt(0)] = 1.0,  # of the latents: below 1 they are drawn nearer to zero
    ) -> Float[Tensor, "n c h w"]:  # fmt: skip
        return self.decode(temperature * self.draw_latents(n, rng), condition)
