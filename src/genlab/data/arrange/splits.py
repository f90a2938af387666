"""Splits: train, val, test, by content or group, and seed alone; what is one scene stays together.

By content a scene is all images of one id, with those of equal files. By group it is all images of a group, such as a
speaker; an image without one is a scene by its content.
"""

import numpy as np
import pandas as pd

from genlab.data.settings import SplitSettings
from genlab.data.store import digest


def assign_splits(table: pd.DataFrame, settings: SplitSettings) -> pd.DataFrame:
    """The table with a split in every row.

    Splits of the source stay. A validation split without a test split is the test split, as in the published sets of
    pix2pix. Images without a split are trained on, and missing splits are taken from train. A label with a single
    scene is only trained on. Each share is rounded. A share above zero is at least one scene if there are three.
    """
    table = table.copy()
    scenes = _scenes(table)
    if settings.by == "group":
        scenes = table["group"].where(table["group"] != "", scenes)
    if "test" not in set(table["split"]):
        table["split"] = table["split"].replace("val", "test")
    table["split"] = table["split"].replace("", "train")
    given = set(table["split"])
    may_leave = _may_leave_training(table, scenes)
    for split, share in (("test", settings.test), ("val", settings.val)):
        if split not in given:
            train = table["split"] == "train"
            drawn = _draw(scenes[train & ~scenes.isin(scenes[~may_leave])], share, settings.seed, split)
            table.loc[train & scenes.isin(drawn), "split"] = split
    return table


def _scenes(table: pd.DataFrame) -> pd.Series:
    """A name for each row's scene: that of the content of all images of its id; equal files have equal names."""
    by_id = table.sort_values(["domain", "content"]).groupby("id")["content"].agg("".join)
    return table["id"].map(by_id)


def _may_leave_training(table: pd.DataFrame, scenes: pd.Series) -> pd.Series:
    """False where a label's only scene would be lost to training."""
    per_label = scenes.groupby(table["label"]).transform("nunique")
    return (per_label > 1) | (table["label"] == "")


def _draw(scenes: pd.Series, share: float, seed: int, purpose: str) -> set[str]:
    """A share of the scenes: those that a hash of content, seed and purpose puts first."""
    names = sorted(set(scenes), key=lambda scene: digest(f"{purpose}{seed}{scene}".encode()))
    count = round(share * len(names))
    if share > 0 and len(names) >= 3:
        count = max(1, count)
    return set(names[:count])


def single_scene_labels(table: pd.DataFrame) -> list[str]:
    """Labels of one image only: nothing of them can be tested."""
    counts = table.loc[table["label"] != "", "label"].value_counts()
    return sorted(np.asarray(counts.index[counts == 1]).tolist())
