"""The `training` section of the parameters: the paper's recipe, and the machine."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from genlab.errors import GenlabError
from genlab.models.base import PlayerRecipe, Recipe, Share

AUGMENTATIONS = ("jitter", "mirror", "crop", "brightness", "saturation", "contrast", "translation", "cutout")


class TrainingSettings(Recipe):
    """How a model is trained: the paper's recipe, what a configuration may add to it, and the machine."""

    crop: Annotated[float, Field(gt=0, le=1)] = 1.0  # least share of the sides that a random window shows; 1 = off
    brightness: Share = 0.0  # largest change, of values in [-1, 1]
    saturation: Share = 0.0  # the factor lies in 1 +- this
    contrast: Share = 0.0  # likewise
    translation: Share = 0.0  # largest move, as a share of the sides; grey moves in
    cutout: Share = 0.0  # sides of a grey box, as a share of the image's

    steps: PositiveInt | None = None  # where given, it takes the place of epochs

    report_every: PositiveInt = 50  # steps between two readings of the losses; nothing else waits for the device
    snapshot_every: PositiveInt = 250  # steps between two snapshots to resume from
    picture_every: PositiveInt = 250  # steps between two pictures of the fixed samples
    score_every: PositiveInt | Literal["epoch"] = 250  # steps between two scores on the validation split
    score_images: NonNegativeInt = 256  # new ones behind such a score, of a model that can only draw; 0: it has none
    resume: bool = True  # go on where an unfinished run with the same data, parameters and code stopped

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: PositiveInt = 1  # processes, one device each, on this machine
    precision: Literal["auto", "32-true", "bf16-mixed", "64-true"] = "auto"  # auto: bf16-mixed where the chip has it
    compile: bool = False  # torch.compile for every network

    @classmethod
    def of(cls, recipe: Recipe, parameters: Mapping[str, Any]) -> "TrainingSettings":
        """The paper's recipe with the parameters of a configuration over it."""
        return cls(**{**vars(recipe), **parameters})

    def of_player(self, player: str) -> "TrainingSettings":
        """The settings with that player's own values in place."""
        own = self.per_player.get(player, PlayerRecipe())
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
        """What the last and the best weights depend on: all but how often to look, and whether to resume."""
        return self.model_dump(exclude={"report_every", "snapshot_every", "picture_every", "resume"})
