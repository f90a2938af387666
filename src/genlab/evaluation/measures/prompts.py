"""Does a drawing show what its caption says: the class, by a classifier; the attributes, by what wrote the captions."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from genlab.data.arrange.captions import scale_of
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.diversity import mean_distance
from genlab.evaluation.features.classifier import classifier_of
from genlab.evaluation.registry import measure
from genlab.media.pictures.attributes import Scale
from genlab.models.base import Samples
from genlab.sampling.draw import spread_places

Classify = Callable[[np.ndarray], np.ndarray]
"""(N, H, W, C) pixels -> the numbers of their labels, (N,)."""

ALIKE = 4  # drawings of one caption, at least, whose distances are taken


@measure(
    needs=Samples,
    on=LabelledImages,
    better={"caption_class_accuracy": "higher", "caption_attribute_accuracy": "higher", "caption_diversity": None},
    controls={"real": "real data", "shuffled": "the same drawings, captions shuffled"},
)
def evaluate_captions(case: Judged[Samples, LabelledImages]) -> Metrics:
    """`caption_metrics` and `caption_diversity` of the drawings "samples/<number>" of a model that is told captions.

    The classifier has seen the held-out combinations: it is the judge.
    """
    if case.model.condition != "captions":
        return {}
    drawn = np.stack(list(case.group("samples").values()))
    shown = caption_metrics(drawn, case.examples, classifier_of(case), case.evaluation.seed)
    return {**shown, **caption_diversity(drawn, case.examples)}


def caption_diversity(drawn: np.ndarray, examples: LabelledImages) -> dict[str, float]:
    """`caption_diversity`: how far drawings of one caption are from each other, as a share of real images with it.

    0 where the noise does nothing: a model that draws one picture for each caption may have all others metrics perfect.
    Nothing where no caption has four drawings.
    """
    test = examples.split("test")
    asked = test.table.iloc[spread_places(test, len(drawn))].reset_index(drop=True)
    real = test.store.take(asked["row"].to_numpy())
    alike = [rows for rows in asked.groupby("caption").indices.values() if asked["row"].iloc[rows].nunique() >= ALIKE]
    if not alike:
        return {}
    distances = [np.mean([mean_distance(images[rows]) for rows in alike]) for images in (drawn, real)]
    return {"caption_diversity": float(distances[0] / distances[1])}


def caption_metrics(
    drawn: np.ndarray, examples: LabelledImages, classify: Classify | None, seed: int
) -> dict[str, float]:
    """Shares of (N, H, W, C) drawings, made after captions spread over the test split, that show what was asked for.

    `caption_class_accuracy` (where the images have labels) and `caption_attribute_accuracy` (where captions are
    derived; of all claims about brightness and shape) are over combinations that were trained on, the same with
    `_held_out` over those that never were. Each has its controls: `_real`, the real test images with these captions
    (what a perfect model would have, so far as the classifier knows), and `_shuffled`, the same drawings held against
    each other's captions (what a model that does not listen would have).

    Args:
        drawn: in the order of `spread_places` of the test split.
        classify: None where there are no labels to learn.
        seed: of the shuffling.
    """
    test = examples.split("test")
    asked = test.table.iloc[spread_places(test, len(drawn))].reset_index(drop=True)
    given = examples.table[examples.table["split"] != "test"].drop_duplicates("row")
    scale = scale_of(examples.store, given["row"].to_numpy(), given["label"].to_numpy(dtype=str))
    real = test.store.take(asked["row"].to_numpy())
    shuffled = asked.iloc[np.random.default_rng(seed).permutation(len(asked))].reset_index(drop=True)
    names = np.array(examples.classes)
    labels, labels_of_real = (
        np.full(len(drawn), "?") if classify is None else names[classify(images)] for images in (drawn, real)
    )
    metrics = {"held_out_drawings": float(asked["held_out"].sum())}
    for control, claims, pixels, found in (
        ("", asked, drawn, labels), ("_real", asked, real, labels_of_real), ("_shuffled", shuffled, drawn, labels),
    ):  # fmt: skip
        held = claims["held_out"].to_numpy(dtype=bool)
        for name, (right, claimed) in kept_claims(claims, pixels, found, scale).items():
            if name == "class" and classify is None:
                continue
            for suffix, those in (("", ~held), ("_held_out", held)):
                if claimed[those].any():
                    share = right[those].sum() / claimed[those].sum()
                    metrics[f"caption_{name}_accuracy{suffix}{control}"] = float(share)
    return metrics


def kept_claims(
    asked: pd.DataFrame, pixels: np.ndarray, labels: np.ndarray, scale: Scale
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For "class" and "attribute": how many claims of each caption its picture keeps, and how many it makes, (N,) each.

    Args:
        asked: a row per picture with the label, and the words `bright` and `shape`; an empty one claims nothing.
        pixels: (N, H, W, C).
        labels: what a classifier takes the pictures for, (N,).
        scale: says which words are true; a shape is held against those of the class that was asked for.
    """
    claimed = {name: asked[name].to_numpy(dtype=str) for name in ("label", "bright", "shape")}
    bright, shape = scale.describe(pixels, claimed["label"])
    kept = {
        name: ((claimed[name] != "") & (claimed[name] == found)).astype(int)
        for name, found in (("label", labels), ("bright", bright), ("shape", shape))
    }
    made = {name: (words != "").astype(int) for name, words in claimed.items()}
    return {
        "class": (kept["label"], made["label"]),
        "attribute": (kept["bright"] + kept["shape"], made["bright"] + made["shape"]),
    }
