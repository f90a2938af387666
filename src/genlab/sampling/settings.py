"""The `sampling` section of the parameters."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt


class SamplingSettings(BaseModel):
    """How test images are translated, and which are shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_size: PositiveInt = 50  # part of the result where a model normalises by the test batch
    seed: NonNegativeInt = 0  # of the noise
    pictures: PositiveInt = 24  # how many test images the grid shows
