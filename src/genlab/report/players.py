"""What a person listens to: a new recording of each label and group, and what a model has made of real ones."""

import re
from itertools import product
from typing import Any

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.base import Drawings
from genlab.models.base import Completes, Reconstructs, Samples
from genlab.sampling.draw import draw_samples, reconstruct_images
from genlab.sampling.drawings.completions import RECORDINGS, draw_completions

MOST = 24  # new recordings


def draw_sounds(case: Judged[Any, LabelledImages]) -> Drawings:
    """Recordings (T, 1) by what they are, as far as the model can make them.

    "samples/7 theo" are new. "completions/ID" and "reconstructions/ID" stand beside "originals/ID", the real ones.
    """
    found: dict[str, np.ndarray] = {}
    if isinstance(case.model, Samples):
        found |= _new(case)
    some = case.shown.spread(RECORDINGS)
    real = dict(zip(some.table["id"], some.pixels, strict=True))
    if isinstance(case.model, Completes):
        found |= draw_completions(case)
    if isinstance(case.model, Reconstructs):
        again = reconstruct_images(case, some.pixels)
        found |= {f"reconstructions/{name}": x for name, x in zip(real, again, strict=True)}
    if isinstance(case.model, Completes | Reconstructs):
        found |= {f"originals/{name}": x for name, x in real.items()}
    return Drawings(found, case.examples.spec.medium)


def _new(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """A recording of each label and group; of a model that is told nothing, as many as there are labels."""
    examples, condition = case.examples, case.model.condition
    groups = range(len(examples.groups)) if condition == "labels_and_groups" else [-1]
    every = np.array(list(product(range(len(examples.classes)) or [-1], groups)))
    told = every[evenly(len(every), MOST)]
    names = [" ".join(_names(examples, *one)) if condition else str(n) for n, one in enumerate(told, start=1)]
    by_model = {"labels": told[:, 0], "labels_and_groups": told}.get(str(condition))
    return {f"samples/{name}": x for name, x in zip(names, draw_samples(case, len(told), by_model), strict=True)}


def _names(examples: LabelledImages, label: int, group: int) -> list[str]:
    """A label and a group as parts of a file's name."""
    known = [*([examples.classes[label]] if label >= 0 else []), *([examples.groups[group]] if group >= 0 else [])]
    return [re.sub(r"[^\w.-]", "_", name) for name in known]
