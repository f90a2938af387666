"""What a measure looks at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from genlab.evaluation.features.cache import NO_CACHE, Cache
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Side
from genlab.sampling.case import Case, E, M
from genlab.sampling.draw import direction

T = TypeVar("T")
Metrics = dict[str, float | str]
"""Flat: numbers, and texts that say how they came about."""


@dataclass(frozen=True)
class Judged(Case[M, E]):
    """A trained model beside its images and its drawings, with what is needed to judge them."""

    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    cache: Cache = NO_CACHE  # of what is computed of real images alone; all models share it
    kept: "dict[str, pd.Series[Any]]" = field(default_factory=dict)  # of each test image, by metric
    untrained: Callable[[], Any] | None = None  # builds the model as it was before its first step

    def keep(self, metric: str, ids: Iterable[str], values: np.ndarray) -> None:
        """Keep the values of a metric, (N,), beside the ids of their N test images."""
        self.kept[metric] = pd.Series(values, list(ids))

    @property
    def by_image(self) -> pd.DataFrame:
        """What measures have kept: a row for each test image, with its `id`, and a column for each metric."""
        return pd.DataFrame(self.kept).rename_axis("id").reset_index()

    def each_direction(self, ask: Callable[[Side], Mapping[str, T]]) -> dict[str, T]:
        """`ask(to)` for every domain that the model reaches; from the second on, names end in the direction."""
        model: Any = self.model
        found: dict[str, T] = {}
        for to in model.targets:
            found |= {f"{name}{self.ending(to)}": value for name, value in ask(to).items()}
        return found

    def ending(self, to: Side) -> str:
        """How the names of a direction's metrics end."""
        model: Any = self.model
        return "" if to == model.targets[0] else f"_{direction(to)}"
