"""There and back: how much of an image survives a translation into the other domain and home again."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.measures.translation import mean_image, training_rows
from genlab.evaluation.pixel_errors import bootstrap_interval, l1
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Side
from genlab.sampling.translate import direction, group, ids_of, other


def evaluate_cycle(
    drawings: Mapping[str, np.ndarray], examples: PairedImages | UnpairedImages, to: Side, settings: EvaluationSettings
) -> dict[str, float | str]:
    """`cycle_l1`, the l1 between the test images and what came back from domain `to`, pixel range [0, 1].

    With its 95 % interval, and with `cycle_l1_mean_image` as a control: the mean training image in the place of all
    that came back. Nothing where nothing was drawn back. It says that nothing was lost, not that what lay between
    was right: a model may hide an image in a drawing.
    """
    back = group(drawings, f"{direction(to)}_to_{other(to)}")
    if not back:
        return {}
    start, test = other(to), examples.split("test")
    images = test.side(start)
    values = l1(np.stack([back[name] for name in ids_of(test, start)]), images)
    low, high = bootstrap_interval(values, resamples=settings.resamples, seed=settings.seed)
    mean = mean_image(getattr(examples, start), training_rows(examples, start))
    control = l1(np.broadcast_to(mean, images.shape), images).mean()
    return {
        "cycle_l1": float(values.mean()), "cycle_l1_low": low, "cycle_l1_high": high,
        "cycle_l1_mean_image": float(control),
    }  # fmt: skip
