"""The `evaluation` section of the parameters."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt


class EvaluationSettings(BaseModel):
    """How metrics are computed. How many new images are drawn for them is `sample.count`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: PositiveInt = 1000  # bootstrap samples behind each 95 % interval
    seed: NonNegativeInt = 0  # of the bootstrap, the subsets, and the random controls
    importance_samples: PositiveInt = 50  # latent vectors for each image, behind a bound of its log-likelihood
    parzen_samples: NonNegativeInt = 0  # drawings behind the historic Parzen-window log-likelihood; 0: not computed

    features: bool = True  # all that needs EfficientNet-Lite0: fd_lite0, kid_lite0, precision ... nearest_train
    feature_size: int = Field(default=96, ge=32)  # H = W that the network sees; 96 and 2 cores: > 100 images/s
    reference_images: int = Field(default=12_000, ge=4)  # at most so many real ones of a split, evenly spread
    neighbours: PositiveInt = 5  # k of precision, recall, density, coverage; the default is Naeem et al.'s
    kid_subsets: int = Field(default=50, ge=2)  # of half the images; their scatter is kid's interval

    classifier: bool = True  # label_accuracy and classes_covered, where images have labels
    classifier_steps: PositiveInt = 800  # of 128 images

    inception_weights: Path | Literal["auto"] | None = None  # for fid and kid: torch-fidelity's file, or "auto" to
    # download it (91 MB) once
    lpips_weights: Path | Literal["auto"] | None = "auto"  # AlexNet's, torchvision's file; "auto": torch's hub cache
