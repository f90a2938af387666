"""The `evaluation` section of the parameters."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt


class ClassifierSettings(BaseModel):
    """Classifiers that start from an encoder, against those that do not: `genlab.evaluation.classifiers`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[PositiveInt, ...] = (10, 100, 1000)  # how many labelled images there are; all of them come besides
    most: PositiveInt = 60_000  # labelled images that are "all" at most
    seeds: Annotated[int, Field(ge=2)] = 5  # each with other labelled images and other first weights
    steps: PositiveInt = 200  # of every network, at least
    epochs: PositiveFloat = 3.0  # passes over the labelled images, at least
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3  # Adam's
    test_images: PositiveInt = 2000  # at most


class DimensionSettings(BaseModel):
    """Reconstruction error against latent dimension: `genlab.evaluation.dimensions`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimensions: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (2, 4, 8, 16, 32, 64)
    share: Annotated[float, Field(gt=0, le=1)] = 0.15  # of the model's training steps, for each of the dimensions


class EvaluationSettings(BaseModel):
    """How metrics are computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: PositiveInt = 1000  # bootstrap samples behind each 95 % interval
    seed: NonNegativeInt = 0  # of the bootstrap and of the random control
    importance_samples: PositiveInt = 50  # latent vectors for each image, behind a bound of its log-likelihood
    parzen_samples: NonNegativeInt = 0  # drawings behind the historic Parzen-window log-likelihood; 0: not computed
    classifier: ClassifierSettings = ClassifierSettings()
    dimension: DimensionSettings = DimensionSettings()
