"""A case with drawings made by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from genlab.data.arrange.examples import Examples
from genlab.evaluation.case import Judged
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Side
from genlab.sampling.settings import SampleSettings


class Reaches(nn.Module):
    """Stands for a model that has drawn already and reaches these domains."""

    def __init__(self, *targets: Side) -> None:
        super().__init__()
        self.targets, self.one = targets, nn.Parameter(torch.ones(()))


def judged(
    model: Any, examples: Examples, drawings: Mapping[str, np.ndarray] | None = None, *,
    evaluation: EvaluationSettings | None = None, sample: SampleSettings | None = None, **others: Any,
) -> Judged[Any, Any]:  # fmt: skip
    """What a measure looks at; settings are the usual ones."""
    return Judged(
        model, examples, sample or SampleSettings(), drawings=drawings or {},
        evaluation=evaluation or EvaluationSettings(resamples=20), **others,
    )  # fmt: skip
