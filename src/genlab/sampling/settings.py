"""The `sample` section of the parameters."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt


class SampleSettings(BaseModel):
    """What is drawn with a trained model, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoint: Literal["last", "best"] = "last"  # which weights draw: at the end, or best on the validation split
    count: PositiveInt = 2000  # how many new images are drawn, for metrics, by a model that draws such
    batch_size: PositiveInt = 50  # part of the result where a model normalises by the test batch
    seed: NonNegativeInt = 0  # of the noise
    pictures: PositiveInt = 24  # how many images a grid shows
    label: str | int | None = None  # what to draw beside all else, by name or number: models that are told labels
    text: str | None = None  # likewise, in words: models that are told captions
