"""Settings of what is done to a picture."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

STORED = ("image_size", "fit", "background", "channels", "axes", "white")
"""Which of these settings decide how a picture is stored."""

DERIVED = ("binarise", "edges", "pairs")
"""Which decide what is derived from a stored picture."""

Fit = Literal["fit", "crop", "pad", "stretch"]
"""fit: scaled until it just fits, black bars · crop: scaled until it covers, the middle is kept · pad: not scaled,
centred on black · stretch: resized, whatever happens to the proportions."""


class EdgeSettings(BaseModel):
    """Canny's edge detector, as scikit-image has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sigma: Annotated[float, Field(ge=0)] = 1.0  # pixels: standard deviation of the Gaussian that smooths first
    low: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the largest possible gradient: a weak edge
    high: Annotated[float, Field(ge=0, le=1)] = 0.2  # likewise: a strong edge


class PairSettings(BaseModel):
    """What is paired: two domains by their file names, or each image (b) with what is made from it (a).

    auto takes file names where the source has two domains, else edges; none makes no pairs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["auto", "names", "none", "edges", "grey", "low_resolution", "masked", "noisy"] = "auto"
    factor: Annotated[int, Field(ge=2)] = 4  # low_resolution: this many times fewer pixels a side, then enlarged again
    hole: Annotated[float, Field(gt=0, lt=1)] = 0.5  # masked: side of the grey square, as a share of the image's
    noise: Annotated[float, Field(gt=0)] = 0.1  # noisy: standard deviation, as a share of the pixel range


class PictureSettings(BaseModel):
    """The part of the `data` section that is about pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    image_size: PositiveInt = 32  # H = W in pixels, after `fit`
    fit: Fit | None = None  # null: pad for the embedded sets, crop for folders
    background: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] = (255, 255, 255)  # 0-255, behind alpha
    channels: Literal["auto", 1, 3] = "auto"  # auto keeps what the files have
    axes: Literal["HWC", "CHW"] | None = None  # of NPY files: which is which; null: where their sizes leave no doubt
    white: PositiveInt | None = None  # the value that is white, such as 4095 of 12-bit data; null: the type's largest
    binarise: Literal["fixed", "dynamic"] | None = None  # every value becomes black or white, once for all
    # (binarise.py), or in training anew at each step; images that are not trained on are drawn once in both
    edges: EdgeSettings = EdgeSettings()
    pairs: PairSettings = PairSettings()
