"""The `data` section of the parameters."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class EdgeSettings(BaseModel):
    """Canny's edge detector, as scikit-image has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sigma: Annotated[float, Field(ge=0)] = 1.0  # pixels: standard deviation of the Gaussian that smooths first
    low: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the largest possible gradient: a weak edge
    high: Annotated[float, Field(ge=0, le=1)] = 0.2  # likewise: a strong edge


class DataSettings(BaseModel):
    """Which images, at which size, and what is paired with them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["fashion_mnist"] = "fashion_mnist"
    image_size: PositiveInt = 32  # H = W in pixels, after `fit`
    fit: Literal["pad", "stretch"] = "pad"  # centre on a black canvas, or resize (bicubic)
    classes: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None  # labels to keep; null keeps all
    edges: EdgeSettings = EdgeSettings()
