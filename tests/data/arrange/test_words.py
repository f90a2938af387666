"""What a number is measured on does not depend on how the training images are arranged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages, TwoDomains
from genlab.data.arrange.unpair import DOMAIN_COLUMNS
from genlab.data.arrange.words import describe_examples
from genlab.data.settings import DataSettings
from genlab.evaluation.measures.translation import evaluate_translations
from tests.judging import Reaches, judged

SHOES = DataSettings(classes=("sandal", "sneaker", "ankle_boot"))


@pytest.fixture(scope="module")
def unpaired(shoes: PairedImages) -> UnpairedImages:
    """The shoes without pairs: half of the training images on each side, in another order, under other names."""
    rows = shoes.table.sample(frac=1, random_state=0)
    half = np.arange(len(rows)) % 2 == 0
    parts = []
    for domain, other, mine in (("a", "b", half), ("b", "a", ~half)):
        kept = rows[mine | (rows["split"] != "train")]
        parts.append(kept.assign(domain=domain, array="", row=kept[domain], truth=kept[other], id="x" + kept["id"]))
    return UnpairedImages(pd.concat(parts, ignore_index=True)[DOMAIN_COLUMNS], shoes.a, shoes.b)


def test_pairs_and_unpaired_images_have_the_same_test_images(shoes: PairedImages, unpaired: UnpairedImages) -> None:
    paired, free = (describe_examples(one, SHOES, None) for one in (shoes, unpaired))
    assert paired["test_fingerprint"] == free["test_fingerprint"]
    assert paired["test_data"] == free["test_data"]
    count = len(shoes.split("test"))
    assert paired["test_data"] == (
        f"fashion_mnist, 3 of 10 classes (ankle_boot, sandal, sneaker), edges and image, {count:,} test images, 32 × 32"  # noqa: RUF001
    )
    assert paired["trained_on"] == f"{len(shoes.split('train')):,} pairs"
    assert free["trained_on"].endswith("images without pairs")
    fewer = PairedImages(shoes.table.drop(shoes.table.index[shoes.table["split"] == "test"][0]), shoes.a, shoes.b)
    assert describe_examples(fewer, SHOES, None)["test_fingerprint"] != paired["test_fingerprint"]


def test_a_translation_has_one_protocol_and_one_value_of_each_control(
    shoes: PairedImages, unpaired: UnpairedImages
) -> None:
    def measured(examples: TwoDomains) -> dict[str, float | str]:
        pairs = examples.split("test").pairs()
        assert pairs is not None
        drawings = {f"a_to_b/{name}": one for name, one in zip(pairs.table["id"], pairs.side("b"), strict=True)}
        return evaluate_translations(judged(Reaches("b"), examples, drawings))

    assert measured(shoes) == measured(unpaired)
    swapped = shoes.split("test").table.copy()
    swapped["b"] = np.roll(swapped["b"], 1)
    others = pd.concat([shoes.split("train").table, swapped], ignore_index=True)
    wrong = measured(PairedImages(others, shoes.a, shoes.b))
    assert wrong["protocol_hash"] != measured(shoes)["protocol_hash"], "other images belong together"


def test_captions_and_what_they_hold_out_change_nothing(fashion: LabelledImages) -> None:
    rows = np.arange(len(fashion))
    captions = fashion.table[["id"]].assign(
        caption=fashion.table["label"] + " x", bright="", shape="", held_out=rows % 3 == 0
    )
    captioned = fashion.with_captions(captions)
    plain, told = (
        describe_examples(fashion, DataSettings(), "labels"),
        describe_examples(captioned, DataSettings(), "captions"),
    )
    assert plain["test_fingerprint"] == told["test_fingerprint"]
    assert plain["test_data"] == told["test_data"]
    assert plain["test_data"].startswith("fashion_mnist, all 10 classes, ")
    assert plain["trained_on"] == f"{len(fashion.split('train')):,} images with labels"
    assert told["trained_on"] == f"{len(captioned.split('train')):,} images with captions"
    assert len(captioned.split("train")) < len(fashion.split("train"))
    again = captioned.uncaptioned()
    assert again.split("train").table["row"].tolist() == fashion.split("train").table["row"].tolist()
    assert replace(captioned, words=()).uncaptioned().words == ()


def test_fewer_classes_are_said(fashion: LabelledImages) -> None:
    table = fashion.table
    some = replace(fashion, table=table[(table["split"] == "test") | (table["label"] == "bag")].reset_index(drop=True))
    assert describe_examples(some, DataSettings(), None)["trained_on"].endswith("images of 1 classes")
