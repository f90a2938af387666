"""What several models made of the same inputs, beside each other."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.media.pictures.tiles import draw_grid
from genlab.models.base import Side
from genlab.sampling.case import group
from genlab.sampling.draw import direction, other


def side_by_side(
    pairs: PairedImages, translations: Mapping[str, Mapping[str, np.ndarray]], *, to: Side = "b", count: int = 12,
    blocks: int = 2,
) -> np.ndarray:  # fmt: skip
    """The grid *input | <model> | ... | truth* of at most `count` of the pairs, evenly spread; (H, W, 3) uint8.

    Args:
        pairs: inputs with their truth, of the test split.
        translations: by model, its drawings as its pipeline leaves them: "a_to_b/<id>" -> (H, W, C) pixels.
        to: the domain that is drawn.
        count: how many pairs are shown.
        blocks: how many times the headings stand side by side.

    Raises:
        GenlabError: a model did not draw one of the inputs, or at another size.
    """
    shown = pairs.spread(count)
    truth = shown.side(to)
    columns = {"input": shown.side(other(to))}
    for model, drawings in translations.items():
        mine = group(drawings, direction(to))
        if missing := [name for name in shown.table["id"] if name not in mine]:
            raise GenlabError(
                f"{model} has no drawing {direction(to)}/{missing[0]} ({len(missing)} of {len(shown)} are missing): "
                f"its run was on other data; run kedro run --pipelines={model} with the same parameters as the others"
            )
        columns[model] = np.stack([mine[name] for name in shown.table["id"]])
        if columns[model].shape[1:3] != truth.shape[1:3]:
            raise GenlabError(
                f"{model} drew images of {columns[model].shape[1]} pixels, but the truth has {truth.shape[1]}: its run "
                f"was on other data; run kedro run --pipelines={model} with the same parameters as the others"
            )
    columns["truth"] = truth
    return draw_grid(columns, blocks)
