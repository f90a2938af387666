"""Images of one domain with their labels and groups. All models but translators learn from these."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from genlab.data.arrange.captions import number_captions, vocabulary
from genlab.data.arrange.examples import Stream, name_images, require_split, spread_rows
from genlab.data.sources.layouts import SINGLE
from genlab.data.spec import Spec
from genlab.data.store import ImageSet, ImageStore
from genlab.errors import GenlabError
from genlab.media.base import medium_named


@dataclass(frozen=True)
class LabelledImages:
    """Images of one domain, with a label and a group where the source has them."""

    table: pd.DataFrame  # id, split, label, group, and row, its place in the store; where it has a caption, that too
    store: ImageStore
    classes: tuple[str, ...]  # the labels by their number; none where no image has one
    words: tuple[str, ...] = ()  # of the captions, by their number
    groups: tuple[str, ...] = ()  # by their number; none where no image has one

    @classmethod
    def of(cls, images: ImageSet, domain: str = SINGLE) -> "LabelledImages":
        """All images of a set's only domain.

        Raises:
            GenlabError: the set has two domains.
        """
        if domain not in images:
            raise GenlabError(
                "this model learns from one set of images, but the source has domains "
                f"{' and '.join(sorted(images.stores))}; name one folder: --params=data.source=FOLDER"
            )
        store = images[domain]
        table = store.table[["id", "split", "label", "group"]].assign(row=np.arange(len(store)))
        classes, groups = (tuple(sorted(set(table[column]) - {""})) for column in ("label", "group"))
        return cls(table, store, classes, groups=groups)

    def with_captions(self, captions: pd.DataFrame) -> "LabelledImages":
        """The same images with the captions of `caption_images`, one row for each caption.

        Held-out captions of training and validation get a split of their own, "held_out". Those of the test split stay.
        """
        rows = self.table.merge(captions[["id", "caption", "bright", "shape", "held_out"]], on="id")
        rows.loc[rows["held_out"] & (rows["split"] != "test"), "split"] = "held_out"
        words = vocabulary(rows["caption"][rows["split"] == "train"])
        return replace(self, table=rows, words=words)

    def uncaptioned(self) -> "LabelledImages":
        """Each image once, in the split of its store, for a model without captions."""
        if not self.words:
            return self
        table = self.table.drop_duplicates("row")
        splits = self.store.table["split"].iloc[table["row"]].to_numpy()
        return replace(self, table=table.assign(split=splits).reset_index(drop=True), words=())

    def __len__(self) -> int:
        return len(self.table)

    @property
    def unit(self) -> str:
        return medium_named(self.store.medium).unit

    @property
    def spec(self) -> Spec:
        return Spec({"images": self.store.shape}, self.classes, self.words, self.store.medium, self.groups)

    def split(self, name: str) -> "LabelledImages":
        rows = self.table[self.table["split"] == name].reset_index(drop=True)
        require_split(rows, self.table, name, self.unit)
        return replace(self, table=rows)

    def has_split(self, name: str) -> bool:
        return bool((self.table["split"] == name).any())

    @property
    def pixels(self) -> np.ndarray:
        """The images in the table's order: (N, H, W, C)."""
        return self.store.take(self.table["row"].to_numpy())

    @cached_property
    def labels(self) -> np.ndarray:
        """The number of each image's label, (N,) int64; -1 where it has none."""
        return pd.Categorical(self.table["label"], categories=self.classes).codes.astype(np.int64)

    @cached_property
    def group_numbers(self) -> np.ndarray:
        """The number of each image's group, (N,) int64; -1 where it has none."""
        return pd.Categorical(self.table["group"], categories=self.groups).codes.astype(np.int64)

    def require_labels(self, model: str) -> None:
        """Refuse images without a label.

        Raises:
            GenlabError: says how many, and names the first.
        """
        without = self.table["id"][self.table["label"] == ""]
        if len(without):
            raise GenlabError(
                f"{model} must know the label of every image, but {len(without)} of {len(self)} have none; the first: "
                f"{without.iloc[0]}. Put them into folders named after what they show"
            )

    @cached_property
    def captions(self) -> np.ndarray:
        """The numbers of the words of each image's caption, (N, L) int64, padded with 0."""
        return number_captions(self.table["caption"].tolist(), self.words)

    def values(self, name: str) -> np.ndarray:
        """The condition of each image by its name: "labels" (N,), "labels_and_groups" (N, 2) or "captions" (N, L)."""
        if name == "labels_and_groups":
            return np.stack([self.labels, self.group_numbers], axis=1)
        return self.captions if name == "captions" else self.labels

    def spread(self, count: int) -> "LabelledImages":
        """At most `count` of the images, evenly spread over labels: the same for the same images."""
        return replace(self, table=spread_rows(self.table, count))

    def streams(self) -> list[Stream]:
        values = {"labels": self.labels, **({"captions": self.captions} if self.words else {})}
        values |= {"groups": self.group_numbers} if self.groups else {}
        return [Stream({"images": (self.store, self.table["row"].to_numpy())}, values)]

    def fingerprint(self) -> str:
        arrangement = "".join(self.table["id"] + self.table["split"] + self.table["label"])
        arrangement += "".join(self.table["caption"]) if self.words else ""
        arrangement += "".join(self.table["group"]) if self.groups else ""
        arrangement += "" if self.store.shades is None else "drawn anew"
        return name_images([(self.store, self.table["row"].to_numpy())], arrangement)
