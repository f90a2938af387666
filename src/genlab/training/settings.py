"""The `training` section of the parameters: the paper's recipe, and the machine."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from genlab.errors import GenlabError
from genlab.models.base import Recipe

Momentum = Annotated[float, Field(ge=0, lt=1)]
AUGMENTATIONS = ("jitter", "mirror", "crop", "brightness", "saturation", "contrast", "translation", "cutout")
Share = Annotated[float, Field(ge=0, le=1)]
OptimizerName = Literal["adam", "adamw", "adagrad", "rmsprop", "sgd"]


class PlayerSettings(BaseModel):
    """What differs for one player. What is left out is as for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizer: OptimizerName | None = None
    learning_rate: PositiveFloat | None = None
    betas: tuple[Momentum, Momentum] | None = None
    momentum: Momentum | None = None
    initial_accumulator: Annotated[float, Field(ge=0)] | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None


class TrainingSettings(BaseModel):
    """How a model is trained. The first block's defaults are the paper's, from `Model.recipe`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizer: OptimizerName
    learning_rate: PositiveFloat
    betas: tuple[Momentum, Momentum]
    momentum: Momentum  # of RMSprop and SGD
    initial_accumulator: Annotated[float, Field(ge=0)]  # of Adagrad
    weight_decay: Annotated[float, Field(ge=0)]  # this much of each weight is added to its gradient
    per_player: dict[str, PlayerSettings]  # other values of the above, by player
    warm_up: NonNegativeInt  # steps in which the rate rises linearly from zero
    clip: Annotated[float, Field(ge=0)]  # largest norm of a player's gradient; 0 = off
    ema: Momentum  # decay of the running average of the weights, which draws; 0 = off
    ema_share: Annotated[float, Field(gt=0, lt=1)]  # the average is of at most about this share of the steps so far
    batch_size: PositiveInt  # over all devices together
    decay_from: Annotated[float, Field(ge=0, le=1)]  # share of steps after which the rate falls linearly to zero
    jitter: Annotated[float, Field(ge=1, le=2)]  # enlarge by this, crop back at random; 1 = off
    mirror: bool
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0  # least share of the sides that a random window shows; 1 = off
    brightness: Share = 0.0  # largest change, of values in [-1, 1]
    saturation: Share = 0.0  # the factor lies in 1 +- this
    contrast: Share = 0.0  # likewise
    translation: Share = 0.0  # largest move, as a share of the sides; grey moves in
    cutout: Share = 0.0  # sides of a grey box, as a share of the image's

    epochs: PositiveFloat  # passes over the training set
    steps: PositiveInt | None = None  # where given, it takes the place of epochs

    report_every: PositiveInt = (
        50  # steps between two readings of the losses, the only moments the device is waited for
    )
    snapshot_every: PositiveInt = 250  # steps between two snapshots to resume from
    picture_every: PositiveInt = 250  # steps between two pictures of the fixed samples
    score_every: PositiveInt | Literal["epoch"] = (
        250  # steps between two scores on the validation split, at the next report; the best weights are kept
    )
    resume: bool = True  # go on where an unfinished run with the same data, parameters and code stopped

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt = 1  # processes, one device each, on this machine
    precision: Literal["auto", "32-true", "bf16-mixed", "64-true"] = "auto"  # auto: bf16-mixed where the chip has it
    compile: bool = False  # torch.compile for every network

    @classmethod
    def of(cls, recipe: Recipe, parameters: Mapping[str, Any]) -> "TrainingSettings":
        """The paper's recipe with the parameters of a configuration over it."""
        return cls(**{**asdict(recipe), **parameters})

    def of_player(self, player: str) -> "TrainingSettings":
        """The settings with that player's own values in place."""
        own = self.per_player.get(player, PlayerSettings())
        return self.model_copy(update=own.model_dump(exclude_none=True))

    def require_players(self, players: Iterable[str]) -> None:
        """Refuse values for a player that the model does not have.

        Raises:
            GenlabError: names the player and those there are.
        """
        if unknown := set(self.per_player) - set(players):
            raise GenlabError(
                f"training.per_player names {', '.join(sorted(unknown))}; the players are {', '.join(players)}"
            )

    def total_steps(self, examples: int) -> int:
        """How many steps the run has on a training set of so many examples."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(self.epochs * (examples // self.batch_size)))

    def score_steps(self, examples: int) -> int:
        """How many steps lie between two scores on a training set of so many examples."""
        return max(1, examples // self.batch_size) if self.score_every == "epoch" else self.score_every

    def augmentation(self) -> dict[str, Any]:
        """The arguments of `genlab.media.pictures.augment.augment`."""
        return self.model_dump(include=set(AUGMENTATIONS))

    def what_matters(self) -> dict[str, Any]:
        """What the weights depend on: everything but how often to look, and whether to resume."""
        return self.model_dump(exclude={"report_every", "snapshot_every", "picture_every", "score_every", "resume"})
