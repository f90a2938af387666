"""Translations beside their inputs, what came back, and the truth."""

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_grid
from genlab.models.base import Side, Translates
from genlab.report.registry import figure
from genlab.sampling.draw import direction, other


@figure(needs=Translates, on=TwoDomains, overview=True)
def draw_grids_of_translations(case: Judged[Translates, TwoDomains]) -> dict[str, np.ndarray]:
    """`translations`: inputs, drawings and truth; `translations_to_<domain>` of a model that goes both ways."""
    targets = case.model.targets
    return {"translations" if len(targets) == 1 else f"translations_to_{to}": translation_grid(case, to)
            for to in targets}  # fmt: skip


def translation_grid(case: Judged[Translates, TwoDomains], to: Side) -> np.ndarray:
    """The grid *input | generated | (back) | truth* of some inputs, small images enlarged; (H, W, 3) uint8."""
    start, pairs = other(to), case.shown.pairs()
    some = (case.shown if pairs is None else pairs).spread(case.sample.pictures)
    ids = some.rows(start)["id"]
    columns = {"input": some.side(start)}
    for heading, way in (("generated", direction(to)), ("back", f"{direction(to)}_to_{start}")):
        if drawn := case.group(way):
            columns[heading] = np.stack([drawn[name] for name in ids])
    if pairs is not None:
        columns["truth"] = some.side(to)
    return draw_grid(columns)
