"""Settings of what is done to a sound."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

STORED = ("rate", "seconds", "view")
"""Which of these settings decide how a sound is stored: all."""


class SoundSettings(BaseModel):
    """The part of the `data` section that is about sound."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rate: Annotated[int, Field(ge=1000, le=192_000)] = 8000  # samples a second, after resampling
    seconds: Annotated[float, Field(gt=0, le=36_000)] = 1.0  # longer recordings are cut here, shorter ones padded
    view: Literal["samples", "log_mel"] = "samples"  # log_mel: pictures of spectrograms, for models that draw pictures
