"""The `sample` section of the parameters."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt


class SampleSection(BaseModel):
    """What is drawn with any trained model, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    checkpoint: Literal["last", "best"] = "last"  # which weights draw: at the end, or best on the validation split
    count: PositiveInt = 2000  # how many new images are drawn, for metrics, by a model that draws such
    batch_size: PositiveInt = 50  # how many at a time; part of the result only where statistics are the batch's
    # mean and variance of batch normalisation: each picture's own; fixed after training; or those of the batch that is
    # drawn. auto: own where training batches were single pictures, else fixed
    statistics: Literal["auto", "own", "fixed", "batch"] = "auto"
    seed: NonNegativeInt = 0  # of the noise
    pictures: PositiveInt = 24  # how many images a grid shows
    label: str | int | None = None  # what to draw beside all else, by name or number: models that are told labels
    group: str | int | None = None  # likewise, such as a speaker: models that are told labels and groups
    text: str | None = None  # likewise, in words: models that are told captions


class SampleSettings(SampleSection):
    """The same, with the model's own arguments of sampling, which stand beside the others in the section.

    Defaults are left out: they are in no protocol, so a model that has arguments compares with those that have none.
    """

    arguments: Mapping[str, Any] = {}
