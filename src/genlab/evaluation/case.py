"""What a measure looks at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from genlab.evaluation.features.cache import NO_CACHE, Cache
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Side
from genlab.sampling.case import Case, E, M
from genlab.sampling.draw import direction

Metrics = dict[str, float | str]
"""Flat: numbers, and texts that say how they came about."""


@dataclass(frozen=True)
class Judged(Case[M, E]):
    """A trained model beside its images and its drawings, with what is needed to judge them."""

    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    cache: Cache = NO_CACHE  # of what is computed of real images alone; all models share it
    untrained: Callable[[], Any] | None = None  # builds the model as it was before its first step

    def each_direction(self, measure: Callable[[Side], Metrics]) -> Metrics:
        """`measure(to)` for every domain that the model reaches; from the second on, names end in the direction."""
        model: Any = self.model
        found: Metrics = {}
        for to in model.targets:
            end = "" if to == model.targets[0] else f"_{direction(to)}"
            found |= {f"{name}{end}": value for name, value in measure(to).items()}
        return found
