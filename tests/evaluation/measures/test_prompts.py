"""Does a drawing show what its caption says: by hand on captions whose answer is known."""

import numpy as np
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.measures.prompts import caption_diversity, caption_metrics, kept_claims
from genlab.sampling.draw import spread_places


@pytest.fixture
def captioned(few_captions: LabelledImages) -> LabelledImages:
    """Forty images, half of them the test split, of which every dark one is held out."""
    table = few_captions.table.copy()
    table["split"] = np.where(np.arange(len(table)) % 2 == 0, "train", "test")
    table["held_out"] = (table["bright"] == "dark") & (table["split"] == "test")
    return LabelledImages(table, few_captions.store, few_captions.classes, few_captions.words)


def truth_of(captioned: LabelledImages, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    test = captioned.split("test")
    places = spread_places(test, count)
    return test.pixels[places], test.labels[places]


def test_real_images_as_drawings_are_as_good_as_real_images(captioned: LabelledImages) -> None:
    pixels, labels = truth_of(captioned)
    metrics = caption_metrics(pixels, captioned, lambda images: labels, seed=0)
    for suffix in ("", "_held_out"):
        assert metrics[f"caption_class_accuracy{suffix}"] == metrics[f"caption_class_accuracy{suffix}_real"] == 1
        attribute = metrics[f"caption_attribute_accuracy{suffix}"]
        assert attribute == metrics[f"caption_attribute_accuracy{suffix}_real"]
    assert metrics["caption_class_accuracy_shuffled"] < 0.5
    assert metrics["held_out_drawings"] == captioned.table["held_out"].sum()


def test_drawings_of_nothing_keep_no_claim_of_light(captioned: LabelledImages) -> None:
    pixels, labels = truth_of(captioned)
    metrics = caption_metrics(np.zeros_like(pixels), captioned, lambda images: (labels + 1) % 10, seed=0)
    assert metrics["caption_class_accuracy"] == 0
    test = captioned.split("test").table
    seen = test[~test["held_out"]]
    low = (seen["shape"].isin(["low", "narrow"])).sum()
    made = (seen["bright"] != "").sum() + (seen["shape"] != "").sum()
    assert metrics["caption_attribute_accuracy"] == pytest.approx(low / made), "nothing is low, narrow, and dark"


def test_one_picture_for_each_caption_is_no_diversity(captioned: LabelledImages) -> None:
    table = captioned.table.assign(caption=captioned.table["label"].where(captioned.table["label"] == "bag", "a thing"))
    two = LabelledImages(table, captioned.store, captioned.classes, captioned.words)
    test = two.split("test")
    same = (test.table["caption"] == "bag").to_numpy()
    drawn = np.where(same[:, None, None, None], test.pixels[same][:1], test.pixels[~same][:1])
    assert caption_diversity(drawn, two) == {"caption_diversity": 0}
    assert caption_diversity(test.pixels, two)["caption_diversity"] == pytest.approx(1)
    assert 0 < caption_diversity(test.pixels // 2, two)["caption_diversity"] < 0.6


def test_a_caption_without_claims_is_not_counted(captioned: LabelledImages) -> None:
    from genlab.media.pictures.attributes import Scale

    test = captioned.split("test").table
    scale = Scale.of(captioned.split("train").pixels, captioned.split("train").table["label"].to_numpy(dtype=str))
    pixels = captioned.split("test").pixels
    labels = test["label"].to_numpy(dtype=str)
    kept, made = kept_claims(test, pixels, labels, scale)["attribute"]
    assert made.tolist() == [int(b != "") + int(s != "") for b, s in zip(test["bright"], test["shape"], strict=True)]
    assert (kept <= made).all()
    right, claimed = kept_claims(test.assign(label=""), pixels, labels, scale)["class"]
    assert claimed.sum() == right.sum() == 0
