"""A few drawings that fit into a row of the leaderboard. Of test images each model shows the same ones."""

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Reconstructs, Samples, Side, Translates
from genlab.report.registry import figure
from genlab.sampling.draw import direction, other

TEST_IMAGES = 3


@figure(needs=Samples, on=LabelledImages)
def draw_few_samples(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`few_samples`: eight new images, evenly spread."""
    new = list(case.group("samples").values())
    some = np.stack([new[place] for place in evenly(len(new), 8)])
    return {"few_samples": draw_tiles([case.show(some)], across=4)}


@figure(needs=Reconstructs, on=LabelledImages)
def draw_few_reconstructions(case: Judged[Reconstructs, LabelledImages]) -> dict[str, np.ndarray]:
    """`few_reconstructions`: three test images over their reconstructions."""
    shown, again = case.shown.spread(TEST_IMAGES), case.group("reconstructions")
    pair = shown.pixels, np.stack([again[name] for name in shown.table["id"]])
    strips = dict(zip(("image", "drawing"), map(case.show, pair), strict=True))
    return {"few_reconstructions": draw_tiles([*strips.values()], strip_names=[*strips])}


@figure(needs=Translates, on=TwoDomains)
def draw_few_translations(case: Judged[Translates, TwoDomains]) -> dict[str, np.ndarray]:
    """`few_translations`: three test images, their drawings, and the truth where it is known; named as metrics are."""

    def one(to: Side) -> np.ndarray:
        pairs, drawn = case.shown.pairs(), case.group(direction(to))
        some = (pairs or case.shown).spread(TEST_IMAGES)
        ids = some.rows(other(to))["id"]
        strips = {"input": some.side(other(to)), "drawing": np.stack([drawn[name] for name in ids])}
        strips |= {"truth": some.side(to)} if pairs else {}
        return draw_tiles([*strips.values()], strip_names=[*strips])

    return case.each_direction(lambda to: {"few_translations": one(to)})
