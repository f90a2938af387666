"""There and back: how much of an image survives a translation into the other domain and home again."""

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.measures.translation import MEAN_IMAGE, mean_image, training_rows
from genlab.evaluation.pixel_errors import bootstrap_interval, l1
from genlab.evaluation.registry import measure
from genlab.models.base import Side, Translates
from genlab.sampling.draw import direction, other


@measure(needs=Translates, on=TwoDomains, better={"cycle_l1": "lower"}, controls={"mean_image": MEAN_IMAGE})
def evaluate_cycle(case: Judged[Translates, TwoDomains]) -> Metrics:
    """`cycle_l1`, the l1 between the test images and what came back from the other domain, pixel range [0, 1].

    With its 95 % interval, and with `cycle_l1_mean_image` as a control: the mean training image in the place of all
    that came back. Nothing where nothing was drawn back. It says that nothing was lost, not that what lay between
    was right: a model may hide an image in a drawing.
    """

    def one(to: Side) -> Metrics:
        start = other(to)
        back = case.group(f"{direction(to)}_to_{start}")
        if not back:
            return {}
        images = case.shown.side(start)
        values = l1(np.stack([back[name] for name in case.shown.rows(start)["id"]]), images)
        low, high = bootstrap_interval(values, resamples=case.evaluation.resamples, seed=case.evaluation.seed)
        mean = mean_image(case.examples.store(start), training_rows(case.examples, start))
        control = l1(np.broadcast_to(mean, images.shape), images).mean()
        return {
            "cycle_l1": float(values.mean()), "cycle_l1_low": low, "cycle_l1_high": high,
            "cycle_l1_mean_image": float(control),
        }  # fmt: skip

    return case.each_direction(one)
