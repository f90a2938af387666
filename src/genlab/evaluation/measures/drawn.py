"""The sample metrics and the label metrics of a model's drawings: new images, or translations into a domain."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.classifier import can_classify, class_metrics, classifier_of, label_metrics
from genlab.evaluation.measures.inception import evaluate_inception
from genlab.evaluation.measures.samples import Reals, evaluate_samples, spread_evenly
from genlab.evaluation.measures.translation import training_rows
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Model, Samples, Side
from genlab.sampling.draw import spread_condition
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import direction, group


def evaluate_drawn(
    model: Model, drawings: Mapping[str, np.ndarray], examples: LabelledImages, settings: EvaluationSettings,
    sample: SampleSettings, cache: Cache,
) -> dict[str, float | str]:  # fmt: skip
    """Of new images: how they are spread, and whether they show what the model was told, or how many classes."""
    assert isinstance(model, Samples)
    drawn, test = np.stack(list(group(drawings, "samples").values())), examples.split("test")
    protocol = {"batch_size": sample.batch_size, "sample_seed": sample.seed}
    metrics: dict[str, float | str] = {}
    if settings.features:
        train = examples.uncaptioned().split("train").table["row"].to_numpy()
        reals = Reals.of(examples.store, train, test.table["row"].to_numpy(), settings.reference_images)
        some = spread_evenly(drawn, settings.reference_images)
        metrics |= evaluate_samples(some, reals, settings, cache, protocol)
        metrics |= evaluate_inception(some, reals, settings, cache)
    if settings.classifier and can_classify(examples):
        classifier = classifier_of(examples, settings, cache)
        metrics |= class_metrics(classifier, drawn, test.spread(len(drawn)).pixels, len(examples.classes))
        told = spread_condition(model, test, len(drawn))
        if model.condition == "labels" and told is not None:
            metrics |= label_metrics(classifier, drawn, told, settings)
        metrics |= {"classifier_accuracy": classifier.accuracy, "classifier_protocol_hash": classifier.protocol}
    return metrics


def evaluate_translated(
    drawings: Mapping[str, np.ndarray], examples: PairedImages | UnpairedImages, to: Side,
    settings: EvaluationSettings, sample: SampleSettings, cache: Cache,
) -> dict[str, float | str]:  # fmt: skip
    """Of translations into domain `to`: how they are spread, against that domain's test split."""
    if not settings.features:
        return {}
    train, test = training_rows(examples, to), examples.split("test").side_rows(to)
    reals = Reals.of(getattr(examples, to), train, test, settings.reference_images)
    drawn = spread_evenly(np.stack(list(group(drawings, direction(to)).values())), settings.reference_images)
    protocol: dict[str, Any] = {"direction": direction(to), "batch_size": sample.batch_size}
    found = evaluate_samples(drawn, reals, settings, cache, protocol)
    return found | evaluate_inception(drawn, reals, settings, cache)
