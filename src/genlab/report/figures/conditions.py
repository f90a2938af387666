"""Figures of models that are told what to draw: a row for each class or caption, and what a person asked for."""

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Samples
from genlab.report.registry import figure
from genlab.sampling.draw import draw_samples

ACROSS = 10  # drawings in a row
CAPTIONS = 12  # rows of captions


@figure(needs=Samples, on=LabelledImages)
def draw_requested(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`requested`: what a person asked for; none where nothing was asked."""
    asked = case.group("requested")
    return {"requested": draw_tiles([case.show(np.stack(list(asked.values())))])} if asked else {}


@figure(needs=Samples, on=LabelledImages)
def draw_by_label(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`by_label`: a row of drawings for each class, its name to the left; none where no label is told.

    Where the model is told a group too, the groups come in turn, from left to right.
    """
    classes, groups = case.examples.classes, case.examples.groups
    if case.model.condition not in ("labels", "labels_and_groups") or not classes:
        return {}
    told = np.repeat(np.arange(len(classes)), ACROSS)
    if case.model.condition == "labels_and_groups":
        told = np.stack([told, np.arange(len(told)) % ACROSS % len(groups)], axis=1)
    drawn = draw_samples(case, len(told), told)
    return {"by_label": draw_tiles([case.show(drawn)], across=ACROSS, names=classes)}


@figure(needs=Samples, on=LabelledImages)
def draw_by_caption(case: Judged[Samples, LabelledImages]) -> dict[str, np.ndarray]:
    """`by_caption`: a row for some captions of the split, a real image, then drawings.

    A third of the captions are held out of training, where there are such: they have a star. None for a model that is
    told no caption.
    """
    if case.model.condition != "captions":
        return {}
    examples = case.shown
    some = choose_captions(examples)
    told = np.repeat(examples.captions[some], ACROSS - 1, axis=0)
    drawn = draw_samples(case, len(told), told)
    real = examples.store.take(examples.table["row"].to_numpy()[some])
    rows = np.concatenate([real[:, None], drawn.reshape(len(some), ACROSS - 1, *drawn.shape[1:])], axis=1)
    chosen = examples.table.iloc[some]
    names = [f"{one}{' *' if held else ''}" for one, held in zip(chosen["caption"], chosen["held_out"], strict=True)]
    return {"by_caption": draw_tiles([case.show(rows.reshape(-1, *drawn.shape[1:]))], across=ACROSS, names=names)}


def choose_captions(examples: LabelledImages) -> np.ndarray:
    """The places of images with captions unlike each other, spread evenly over seen and over held-out ones."""
    first = examples.table.drop_duplicates("caption").sort_values("caption")
    held = first.index[first["held_out"]].to_numpy()
    seen = first.index[~first["held_out"]].to_numpy()
    held = held[evenly(len(held), CAPTIONS // 3)]
    return np.concatenate([seen[evenly(len(seen), CAPTIONS - len(held))], held])
