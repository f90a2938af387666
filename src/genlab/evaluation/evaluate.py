"""The metrics of a trained model, by what it can do."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.features.cache import NO_CACHE, Cache
from genlab.evaluation.measures.codes import evaluate_latents
from genlab.evaluation.measures.cycle import evaluate_cycle
from genlab.evaluation.measures.drawn import evaluate_drawn, evaluate_translated
from genlab.evaluation.measures.energy import evaluate_energy
from genlab.evaluation.measures.likelihood import evaluate_density
from genlab.evaluation.measures.partners import evaluate_shared_space
from genlab.evaluation.measures.parzen import evaluate_parzen
from genlab.evaluation.measures.prompts import evaluate_captions
from genlab.evaluation.measures.reconstruction import evaluate_reconstructions
from genlab.evaluation.measures.translation import evaluate_translations, l1_to_truth
from genlab.evaluation.settings import EvaluationSettings
from genlab.evaluation.validation import ValidationDistance, validate
from genlab.models.base import (
    Encodes,
    EncodesDomains,
    HasEnergy,
    Model,
    Reconstructs,
    Samples,
    ScoresDensity,
    Translates,
    Validates,
)
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import direction

Metrics = dict[str, float | str]
"""Flat: numbers, and texts that say how they came about."""


def evaluate(
    model: Model,
    examples: Examples,
    drawings: Mapping[str, np.ndarray],
    settings: EvaluationSettings,
    sample: SampleSettings,
    cache: Cache = NO_CACHE,
) -> Metrics:
    """All metrics of a model on the test split, with their controls; `drawings` are those of `genlab.sampling.draw`.

    What is computed of real images alone is kept in `cache`, which all models share.
    """
    metrics: Metrics = {}
    if isinstance(model, Translates):
        assert isinstance(examples, PairedImages | UnpairedImages)
        for to in model.targets:
            found = evaluate_translations(drawings, examples, to, settings, {"batch_size": sample.batch_size})
            found |= evaluate_cycle(drawings, examples, to, settings)
            found |= evaluate_translated(drawings, examples, to, settings, sample, cache)
            metrics |= found if to == model.targets[0] else {f"{name}_{direction(to)}": v for name, v in found.items()}
        if isinstance(model, EncodesDomains):
            metrics |= evaluate_shared_space(model, examples, settings, sample)
    if isinstance(examples, LabelledImages) and isinstance(model, ScoresDensity):
        metrics |= evaluate_density(model, examples, settings)
    if isinstance(examples, LabelledImages) and isinstance(model, HasEnergy):
        metrics |= evaluate_energy(model, examples, settings)
    if isinstance(examples, LabelledImages) and isinstance(model, Reconstructs):
        metrics |= evaluate_reconstructions(model, drawings, examples, settings)
    if isinstance(examples, LabelledImages) and isinstance(model, Encodes):
        metrics |= evaluate_latents(model, examples, settings)
    if isinstance(examples, LabelledImages) and isinstance(model, Samples):
        metrics |= evaluate_drawn(model, drawings, examples, settings, sample, cache)
    if isinstance(examples, LabelledImages) and isinstance(model, Samples) and model.condition == "captions":
        metrics |= evaluate_captions(drawings, examples, settings, cache)
    if isinstance(examples, LabelledImages) and isinstance(model, Samples) and settings.parzen_samples:
        metrics |= evaluate_parzen(model, examples, settings, sample)
    return metrics


def scorer(
    examples: Examples, sample: SampleSettings, evaluation: EvaluationSettings
) -> Callable[[Model], float | None]:
    """How good a model is on a split, lower is better, for choosing among its weights; None where nothing tells.

    What the model says itself, where it does; the l1 to the truth of a translation, where it is known; a small
    fd_lite0 of new images.
    """
    sampled = None
    if evaluation.features and isinstance(examples, LabelledImages):
        sampled = ValidationDistance(examples, sample, evaluation.score_images)
    return partial(_score, examples=examples, sample=sample, sampled=sampled)


def _score(
    model: Model, examples: Examples, sample: SampleSettings, sampled: Callable[[Model], float] | None
) -> float | None:
    if isinstance(model, Validates):
        return validate(model, examples)
    if isinstance(model, Translates):
        pairs = examples.pairs() if isinstance(examples, UnpairedImages) else examples
        if isinstance(pairs, PairedImages):
            return l1_to_truth(model, pairs, sample)
    if sampled and isinstance(model, Samples):
        return sampled(model)
    return None
