"""There and back, with drawings that are made by hand."""

import numpy as np
import pytest

from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.measures.cycle import evaluate_cycle
from tests.judging import Reaches, judged


def drawings_of(pairs: PairedImages, side: str, name: str, change: int) -> dict[str, np.ndarray]:
    test = pairs.split("test")
    back = np.clip(test.side(side).astype(int) + change, 0, 255).astype(np.uint8)
    return {f"{name}/{i}": image for i, image in zip(test.table["id"], back, strict=True)}


def test_what_comes_back_unchanged_costs_nothing_and_what_is_changed_does(shoes: PairedImages) -> None:
    same = evaluate_cycle(judged(Reaches("b"), shoes, drawings_of(shoes, "a", "a_to_b_to_a", 0)))
    assert same["cycle_l1"] == 0
    changed = evaluate_cycle(judged(Reaches("a"), shoes, drawings_of(shoes, "b", "b_to_a_to_b", 3)))
    truth = shoes.split("test").side("b").astype(float)
    assert changed["cycle_l1"] == pytest.approx(np.abs(np.clip(truth + 3, 0, 255) - truth).mean() / 255, rel=1e-4)
    assert changed["cycle_l1_low"] <= changed["cycle_l1"] <= changed["cycle_l1_high"]


def test_the_control_ignores_what_was_sent(shoes: PairedImages) -> None:
    """Drawing the mean shoe for everything is the l1 that pix2pix's mean image has: 0.129."""
    found = evaluate_cycle(judged(Reaches("a"), shoes, drawings_of(shoes, "b", "b_to_a_to_b", 0)))
    assert found["cycle_l1_mean_image"] == pytest.approx(0.129, abs=0.002)


def test_a_model_that_does_not_go_back_has_no_cycle(shoes: PairedImages) -> None:
    assert evaluate_cycle(judged(Reaches("b"), shoes, {})) == {}
