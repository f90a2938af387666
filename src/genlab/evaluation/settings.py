"""The `evaluation` section of the parameters."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt


class ClassifierSettings(BaseModel):
    """Classifiers that start from an encoder, against those that do not: `genlab.evaluation.studies.encoder_start`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    labels: tuple[PositiveInt, ...] = (10, 100, 1000)  # how many labelled images there are; all of them come besides
    most: PositiveInt = 60_000  # labelled images that are "all" at most
    seeds: Annotated[int, Field(ge=2)] = 5  # each with other labelled images and other first weights
    steps: PositiveInt = 200  # of every network, at least
    epochs: PositiveFloat = 3.0  # passes over the labelled images, at least
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3  # Adam's
    test_images: PositiveInt = 2000  # at most


class DimensionSettings(BaseModel):
    """Reconstruction error against latent dimension: `genlab.evaluation.studies.latent_dimension`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    dimensions: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (2, 4, 8, 16, 32, 64)
    share: Annotated[float, Field(gt=0, le=1)] = 0.15  # of the model's training steps, for each of the dimensions


class EvaluationSettings(BaseModel):
    """How metrics are computed. How many new images are drawn for them is `sample.count`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    resamples: PositiveInt = 1000  # bootstrap samples behind each 95 % interval
    seed: NonNegativeInt = 0  # of the bootstrap, the subsets, and the random controls
    effort: PositiveInt = 50  # latent vectors, or dequantisations, drawn for each image behind its log-likelihood;
    # or the annealed chains behind log Z
    temperatures: PositiveInt = 10_000  # of each of these: with fewer, log Z comes out too low
    probe_images: PositiveInt = 5000  # labelled training images, at most, behind probe_accuracy
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

    classifiers: ClassifierSettings = ClassifierSettings()
    dimension: DimensionSettings = DimensionSettings()

    @property
    def least_images(self) -> int:
        """Fewer have no subsets of two, or no k-th neighbour: distances of sets are not measured."""
        return max(self.neighbours + 1, 4)
