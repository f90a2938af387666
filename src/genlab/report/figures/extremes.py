"""Which pictures went wrong: the test images with the best, the middle and the worst drawings. N images."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Reconstructs, Side, Translates
from genlab.report.registry import figure
from genlab.sampling.draw import direction, other

EACH = 4  # of the best, of the middle and of the worst


def extremes(errors: np.ndarray) -> np.ndarray:
    """The places of the smallest, the middle and the largest of (N,) errors, rising; all of few."""
    order, middle = np.argsort(errors, kind="stable"), (len(errors) - EACH) // 2
    if len(order) <= 3 * EACH:
        return order
    return np.concatenate([order[:EACH], order[middle : middle + EACH], order[-EACH:]])


def draw_extremes(errors: np.ndarray, strips: dict[str, np.ndarray]) -> np.ndarray:
    """Images (N, H, W, C) in strips under each other, the best on top, the worst at the bottom; (H, W, 3) uint8."""
    places = extremes(errors)
    kinds = ["best", "middle", "worst"] if len(places) == 3 * EACH else [""] * len(places)
    names = [f"{kind} {strip}".strip() for kind in kinds[: -(-len(places) // EACH)] for strip in strips]
    return draw_tiles([images[places] for images in strips.values()], across=EACH, names=names)


@figure(needs=Reconstructs, on=LabelledImages, of="pictures")
def draw_reconstruction_extremes(case: Judged[Reconstructs, LabelledImages]) -> dict[str, np.ndarray]:
    """`best_middle_worst`: test images over their reconstructions, by `mse`."""
    again, ids = case.group("reconstructions"), case.shown.table["id"]
    strips = {"image": case.shown.pixels, "drawing": np.stack([again[name] for name in ids])}
    strips = {name: case.show(images) for name, images in strips.items()}
    return {"best_middle_worst": draw_extremes(case.kept["mse"][ids].to_numpy(), strips)}


@figure(needs=Translates, on=TwoDomains)
def draw_translation_extremes(case: Judged[Translates, TwoDomains]) -> dict[str, np.ndarray]:
    """`best_middle_worst_to_<domain>`: inputs, drawings and truth, by `l1`; none where no truth is known."""
    pairs = case.shown.pairs()
    if pairs is None:
        return {}

    def one(to: Side) -> np.ndarray:
        group, ids = case.group(direction(to)), pairs.table["id"]
        strips = {"input": pairs.side(other(to)), "drawing": np.stack([group[name] for name in ids])}
        strips = {name: case.show(images) for name, images in {**strips, "truth": pairs.side(to)}.items()}
        return draw_extremes(case.kept[f"l1{case.ending(to)}"][ids].to_numpy(), strips)

    return {f"best_middle_worst_to_{to}": one(to) for to in case.model.targets}
