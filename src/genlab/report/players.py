"""What a person listens to: a new recording of each label and group, and beginnings that a model has continued."""

import re
from itertools import product

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.base import Drawings
from genlab.models.base import Completes, Samples
from genlab.sampling.draw import draw_samples
from genlab.sampling.drawings.completions import draw_completions

MOST = 24  # new recordings


def draw_sounds(case: Judged[Samples, LabelledImages]) -> Drawings:
    """Recordings (T, 1) by what they are: "samples/7 theo", "completions/ID", and "originals/ID", the real ones.

    A model that is told nothing draws as many as there are labels and groups.
    """
    examples, condition = case.examples, case.model.condition
    groups = range(len(examples.groups)) if condition == "labels_and_groups" else [-1]
    every = np.array(list(product(range(len(examples.classes)) or [-1], groups)))
    told = every[evenly(len(every), MOST)]
    names = [" ".join(_names(examples, *one)) if condition else str(n) for n, one in enumerate(told, start=1)]
    by_model = {"labels": told[:, 0], "labels_and_groups": told}.get(str(condition))
    found = {f"samples/{name}": x for name, x in zip(names, draw_samples(case, len(told), by_model), strict=True)}
    if isinstance(case.model, Completes):
        found |= draw_completions(case)
        real = dict(zip(case.shown.table["id"], case.shown.table["row"], strict=True))
        for name in [key.removeprefix("completions/") for key in found if key.startswith("completions/")]:
            found[f"originals/{name}"] = examples.store.take(np.array([real[name]]))[0]
    return Drawings(found, examples.spec.medium)


def _names(examples: LabelledImages, label: int, group: int) -> list[str]:
    """A label and a group as parts of a file's name."""
    known = [examples.classes[label], *([examples.groups[group]] if group >= 0 else [])]
    return [re.sub(r"[^\w.-]", "_", name) for name in known]
