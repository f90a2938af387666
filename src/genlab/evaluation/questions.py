"""The questions that a model can answer, and the metrics that say how well. A model answers what it is able to."""

import re
from dataclasses import dataclass
from functools import cache

from genlab.evaluation.registry import directions, measure
from genlab.models.base import (
    Capability,
    Encodes,
    EncodesDomains,
    HasDensity,
    MatchesPrior,
    Reconstructs,
    Samples,
    Translates,
)


@dataclass(frozen=True)
class Question:
    """One question."""

    words: str
    asks: tuple[type[Capability], ...]  # a model with one of these can answer
    headline: tuple[str, ...]  # the metrics that are read first, those that a run has
    pictures: tuple[str, ...] = ()  # how the names of its figures begin; the first that a run has is shown
    told: bool | None = None  # of models that draw: are they told what? None: of all

    @property
    def metrics(self) -> list[str]:
        """The metrics that the measures of these capabilities name, the headline first."""
        named = [name for entry in measure.all if self._is_of(entry.needs) for name in entry.said.get("better", {})]
        return list(dict.fromkeys([*self.headline, *named]))

    @property
    def protocols(self) -> set[str]:
        """The protocols of these metrics."""
        return {name for entry in measure.all if self._is_of(entry.needs) for name in entry.said.get("protocols", ())}

    def _is_of(self, needs: tuple[type, ...]) -> bool:
        return any(issubclass(one, self.asks) for one in needs)


SETS = ("fid", "fd_lite0", "kid", "kid_lite0", "kernel_distance")

QUESTIONS = (
    Question("Draws from nothing", (Samples,), (*SETS, "precision", "recall"), ("few_samples", "samples"), told=False),
    Question(
        "Draws what is asked",
        (Samples,),
        ("label_accuracy", "group_accuracy", "caption_class_accuracy", "caption_attribute_accuracy", *SETS),
        ("few_samples", "samples"),
        told=True,
    ),
    Question("Translates an image", (Translates,), ("l1",), ("few_translations", "translations")),
    Question(
        "Reconstructs an image", (Reconstructs,), ("mse", "log_mel_l1"), ("few_reconstructions", "reconstructions")
    ),
    Question(
        "Represents an image by a few numbers",
        (Encodes, EncodesDomains, MatchesPrior),
        ("probe_accuracy", "partner_found", "classifier_study_accuracy"),  # the last is of a study
        ("latents",),
    ),
    Question("Scores how probable an image is", (HasDensity,), ("bits_per_dim", "nll_nats")),
)


def split_direction(metric: str) -> tuple[str, str]:
    """A metric's name without the direction of a translation, and that direction; "" where there is none."""
    direction = next((end for end in ("_a_to_b", "_b_to_a") if metric.endswith(end)), "")
    return metric.removesuffix(direction), direction


def split_column(metric: str) -> str:
    """A metric's name without the number of its column."""
    return re.sub(r" \(\d+\)", "", metric)


def base_name(metric: str) -> str:
    """A metric's name without the direction of a translation, and without the number of its column."""
    return split_column(split_direction(metric)[0])


@cache
def metric_behind(number: str) -> str:
    """The metric that a number belongs to, as an interval's end does; "" where no measure or question names one."""
    known = {*directions(), *(name for question in QUESTIONS for name in question.headline)}
    stem = f"{base_name(number)}_"
    return max((name for name in known if stem.startswith(f"{name}_")), key=len, default="")
