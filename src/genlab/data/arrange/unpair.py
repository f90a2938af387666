"""Unpairing: two domains whose training images are not known to belong together."""

import numpy as np
import pandas as pd

from genlab.data.arrange.derive import sides
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import SINGLE
from genlab.data.store import ImageSet
from genlab.errors import GenlabError

DOMAIN_COLUMNS = ["domain", "id", "split", "label", "array", "row", "truth"]
"""domain: a or b · array: the images it is in, e.g. images/b or derived/a · row: its place there · truth: the row of
the same scene in the array of the other domain, outside of training; -1 where there is none."""


def unpair(images: ImageSet, derived: ImageSet, pairs: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """A row for each image of domain a and of domain b, each side in a random order of its own: DOMAIN_COLUMNS.

    None where the source has one domain, and no other was derived from it.

    Unless `data.unpair.share_scenes` asks for it, no scene is trained on in both domains: half of the scenes, drawn by
    seed, go to each. Validation and test keep both sides of a scene, and know which they are.

    Raises:
        GenlabError: `data.domains` names labels that the source does not have.
    """
    if settings.domains is not None:
        rows = _labels_as_domains(images, settings.domains)
    elif "a" not in images and "a" not in derived:
        rows = images.target.table.iloc[:0].assign(domain="a", array="", row=0, truth=-1)
    else:
        rows = _both_sides(images, derived, pairs)
        if not settings.unpair.share_scenes:
            rows = _without_shared_scenes(rows, settings.unpair.seed)
        rows.loc[rows["split"] == "train", "truth"] = -1
    shuffled = [
        rows[rows["domain"] == domain].sample(frac=1, random_state=np.random.default_rng((settings.unpair.seed, side)))
        for side, domain in enumerate("ab")
    ]
    return pd.concat(shuffled, ignore_index=True)[DOMAIN_COLUMNS]


def _labels_as_domains(images: ImageSet, labels: tuple[str, str]) -> pd.DataFrame:
    if SINGLE not in images:
        raise GenlabError(
            f"data.domains={list(labels)} sets two labels against each other, but the source already has domains a and "
            "b; leave data.domains out"
        )
    table = images[SINGLE].table
    known = sorted(set(table["label"]))
    if missing := [label for label in labels if label not in known]:
        raise GenlabError(
            f"data.domains names {', '.join(missing)}, but the labels are {', '.join(map(repr, known))}; choose two"
        )
    rows = table.assign(row=np.arange(len(table)), truth=-1, array=f"images/{SINGLE}")
    sides = [rows[rows["label"] == label].assign(domain=domain) for domain, label in zip("ab", labels, strict=True)]
    return pd.concat(sides, ignore_index=True)


def _both_sides(images: ImageSet, derived: ImageSet, pairs: pd.DataFrame) -> pd.DataFrame:
    """All images of both domains, with the row of their partner as truth and the scene's name in `scene`."""
    stores = dict(zip("ab", sides(images, derived), strict=True))
    arrays = {"a": "derived/a" if "a" in derived else "images/a", "b": "images/b" if "b" in images else
              f"images/{SINGLE}"}  # fmt: skip
    content = stores["b"].table["content"].to_numpy()[pairs["b"].to_numpy(dtype=int)]
    tables = []
    for domain, other in (("a", "b"), ("b", "a")):
        table = stores[domain].table
        rows = np.arange(len(table))
        by_row = pairs.assign(scene=content).set_index(domain).reindex(rows)
        tables.append(
            table.assign(
                domain=domain, array=arrays[domain], row=rows, truth=by_row[other].fillna(-1).astype(int).to_numpy(),
                scene=by_row["scene"].to_numpy(),
            )
        )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _without_shared_scenes(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Of each training scene one image only: of one half of the scenes that in a, of the other half that in b."""
    in_train = (rows["split"] == "train") & rows["scene"].notna()
    scenes = np.array(sorted(set(rows.loc[in_train, "scene"])))
    shuffled = np.random.default_rng(seed).permutation(scenes)
    for_a = rows["scene"].isin(shuffled[: len(shuffled) // 2])
    return rows[~in_train | (for_a == (rows["domain"] == "a"))].copy()
