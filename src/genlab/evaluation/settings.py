"""The `evaluation` section of the parameters."""

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt


class EvaluationSettings(BaseModel):
    """How metrics are computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: PositiveInt = 1000  # bootstrap samples behind each 95 % interval
    seed: NonNegativeInt = 0  # of the bootstrap and of the random control
    importance_samples: PositiveInt = 50  # latent vectors for each image, behind a bound of its log-likelihood
    parzen_samples: NonNegativeInt = 0  # drawings behind the historic Parzen-window log-likelihood; 0: not computed
