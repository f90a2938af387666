"""Settings of what is done to a sound."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

STORED = ("rate", "seconds")
"""Which of these settings decide how a sound is stored: all."""


class SoundSettings(BaseModel):
    """The part of the `data` section that is about sound."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rate: Annotated[int, Field(ge=1000, le=192_000)] = 8000  # samples a second, after resampling
    seconds: Annotated[float, Field(gt=0, le=36_000)] = 1.0  # longer recordings are cut here, shorter ones padded
