"""Images of one domain as they would look in the other."""

import numpy as np

from genlab.data.arrange.pairs import TwoDomains
from genlab.models.base import Translates
from genlab.sampling.case import Case
from genlab.sampling.draw import direction, other, translate_images
from genlab.sampling.registry import drawing


@drawing(needs=Translates, on=TwoDomains)
def draw_translations(case: Case[Translates, TwoDomains]) -> dict[str, np.ndarray]:
    """The translation of every input, "<direction>/<id>", for every domain that the model reaches.

    A model that goes both ways also draws every input back: "a_to_b_to_a/<id>".
    """
    found: dict[str, np.ndarray] = {}
    for to in case.model.targets:
        start, way = other(to), direction(to)
        drawn = {way: translate_images(case, case.shown.side(start), to)}
        if start in case.model.targets:
            drawn[f"{way}_to_{start}"] = translate_images(case, drawn[way], start)
        ids = case.shown.rows(start)["id"]
        found |= {f"{way}/{name}": p for way, pixels in drawn.items() for name, p in zip(ids, pixels, strict=True)}
    return found
