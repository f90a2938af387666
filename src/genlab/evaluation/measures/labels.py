"""What a classifier sees in new images: the class and the group that was asked for, and how many classes there are."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.features.classifier import Classifier, classifier_of
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.registry import measure
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Samples
from genlab.sampling.draw import spread_condition


@measure(
    needs=Samples,
    on=LabelledImages,
    better={"label_accuracy": "higher", "group_accuracy": "higher", "classes_covered": "higher"},
    controls={"real": "real data"},
    protocols=("classifier_protocol_hash", "group_classifier_protocol_hash"),
)
def evaluate_labels(case: Judged[Samples, LabelledImages]) -> Metrics:
    """`class_metrics` of new images, and `told_metrics` where the model is told a label, or a label and a group.

    Nothing where the images have too few labels and groups for classifiers.
    """
    classifier, condition, metrics = classifier_of(case), case.model.condition, dict[str, float | str]()
    drawn = np.stack(list(case.group("samples").values()))
    told = spread_condition(case, len(drawn)) if condition in ("labels", "labels_and_groups") else None
    if classifier is not None:
        metrics |= class_metrics(classifier, drawn, case.shown.spread(len(drawn)).pixels, len(case.examples.classes))
        metrics |= {"classifier_accuracy": classifier.accuracy, "classifier_protocol_hash": classifier.protocol}
        if told is not None:
            labels = told.reshape(len(told), -1)[:, 0]
            metrics |= told_metrics("label_accuracy", classifier, drawn, labels, case.evaluation)
    if told is not None and told.ndim > 1 and (of_groups := classifier_of(case, by="group")) is not None:
        metrics |= told_metrics("group_accuracy", of_groups, drawn, told[:, 1], case.evaluation)
        metrics["group_classifier_protocol_hash"] = of_groups.protocol
    return metrics


def told_metrics(
    name: str, classifier: Classifier, drawn: np.ndarray, told: np.ndarray, settings: EvaluationSettings
) -> Metrics:
    """Whether drawings show what the model was told, (N,), -1 for nothing; with a 95 % interval over drawings.

    A model cannot be expected to do better than real images do, `<name>_real`.
    """
    known = told >= 0
    right = (classifier(drawn[known]) == told[known]).astype(np.float64)
    low, high = bootstrap_interval(right, resamples=settings.resamples, seed=settings.seed)
    return {
        name: float(right.mean()), f"{name}_low": low, f"{name}_high": high, f"{name}_real": classifier.accuracy,
    }  # fmt: skip


def class_metrics(classifier: Classifier, drawn: np.ndarray, real: np.ndarray, classes: int) -> Metrics:
    """How many classes the drawings cover, and the entropy of their histogram in nats; beside as many real images.

    A class is covered from one drawing in a hundred times the number of classes on: a tenth of a percent of ten.
    """
    found: Metrics = {}
    for suffix, images in (("", drawn), ("_real", real)):
        share = np.bincount(classifier(images), minlength=classes) / len(images)
        some = share[share > 0]
        found[f"classes_covered{suffix}"] = float((share >= 0.01 / classes).sum())
        found[f"class_entropy_nats{suffix}"] = float(-(some * np.log(some)).sum())
    return found
