"""Settings of what is done to a picture."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fit = Literal["fit", "crop", "pad", "stretch"]
"""fit: scaled until it just fits, black bars · crop: scaled until it covers, the middle is kept · pad: not scaled,
centred on black · stretch: resized, whatever happens to the proportions."""


class EdgeSettings(BaseModel):
    """Canny's edge detector, as scikit-image has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sigma: Annotated[float, Field(ge=0)] = 1.0  # pixels: standard deviation of the Gaussian that smooths first
    low: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the largest possible gradient: a weak edge
    high: Annotated[float, Field(ge=0, le=1)] = 0.2  # likewise: a strong edge
