"""Is one model better than another: the interval of the difference, its words, and what is refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genlab.errors import GenlabError
from genlab.experiments.difference import compare_runs, in_words, paired_interval
from genlab.experiments.leaderboard import build_leaderboard
from genlab.experiments.page import draw_page
from genlab.experiments.settings import CompareSettings
from genlab.tracking.runs import FinishedRun
from tests.experiments.test_leaderboard import finished

IMAGES = 200


def table_of(l1: float, seed: int, shuffled: bool = False) -> pd.DataFrame:
    """The l1 of 200 images, hard ones and easy ones, about a mean; one model's table differs in order and scatter."""
    hard = np.random.default_rng(0).normal(0, 0.1, IMAGES)
    own = np.random.default_rng(seed).normal(0, 0.01, IMAGES)
    table = pd.DataFrame({"id": [f"{i:03d}" for i in range(IMAGES)], "l1": l1 + hard + own - own.mean() - hard.mean()})
    return table.sample(frac=1, random_state=0) if shuffled else table


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    one, other = np.random.default_rng(0).normal(0, 1, (2, 50))
    truth = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert paired_interval(one - other) == pytest.approx(((one - other).mean(), truth.low, truth.high))


def test_models_that_are_alike_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(1)
    said = [in_words("a", "b", "l1", rng.exponential(1, 100) - rng.exponential(1, 100), "images") for _ in range(400)]
    assert 0.93 <= np.mean(["cannot be told apart" in line for line in said]) <= 0.97


@pytest.mark.parametrize(
    ("metric", "differences", "words"),
    [
        ("l1", [-2.0, -2.1, -1.9], "a is better than b by 2 (95 % interval 1.75 to 2.25, over images)"),
        ("psnr", [-2.0, -2.1, -1.9], "b is better than a by 2 (95 % interval 1.75 to 2.25, over images)"),
        ("l1_b_to_a", [2.0, 2.1, 1.9], "b is better than a by 2 (95 % interval 1.75 to 2.25, over images)"),
        ("l1", [0.0, 0.0], "a and b cannot be told apart; the difference is 0 (95 % interval 0 to 0, over images)"),
        ("nearest_train", [2.0, 2.1, 1.9],
         "a differs from b; the difference is 2 (95 % interval 1.75 to 2.25, over images)"),
    ],
)  # fmt: skip
def test_the_words_say_who_is_better(metric: str, differences: list[float], words: str) -> None:
    assert in_words("a", "b", metric, np.array(differences), "images") == f"{metric}: {words}"


class Known(dict[str, pd.DataFrame]):
    """Runs, and what is known of their images."""

    runs: list[FinishedRun]

    def __init__(self) -> None:
        self.runs = []

    def add(self, model: str, l1: float, seed: int = 0, shuffled: bool = False, **given: Any) -> FinishedRun:
        run = finished(model, seed, l1=l1, test_fingerprint="t1", **given)
        self.runs.append(run)
        self[run.run_id] = table_of(l1, len(self), shuffled)
        return run

    def compare(self, one: str, other: str) -> list[str]:
        return compare_runs(one, other, self.runs, lambda run: self.get(run.run_id))


def test_a_small_difference_is_seen_where_the_images_are_the_same() -> None:
    """0.01 is a tenth of the scatter over images: the intervals of both overlap, that of the difference is clear."""
    known = Known()
    known.add("pix2pix", 0.5)
    known.add("pix2pix", 0.20)
    known.add("unit", 0.21, shuffled=True)
    heading, line = known.compare("pix2pix", "unit")
    assert heading.startswith("Translates an image, on ")
    assert line.startswith("l1: pix2pix is better than unit by 0.01 (95 % interval 0.008")
    assert line.endswith("over the same 200 test images)")
    assert known.compare("unit", "pix2pix")[1] == line


@pytest.mark.parametrize("by", ["run_id", "name"])
def test_runs_are_named_by_id_and_name_and_models_by_their_newest(by: str) -> None:
    known = Known()
    old, new = known.add("pix2pix", 0.20), known.add("pix2pix", 0.20, variant="objective=cgan")
    other = known.add("unit", 0.30)
    assert "pix2pix, objective=cgan is better" in known.compare("pix2pix", "unit")[1]
    assert "pix2pix is better" in known.compare(getattr(old, by), getattr(other, by))[1]
    assert "cannot be told apart" in known.compare(getattr(old, by), getattr(new, by))[1]


def test_seeds_are_paired_where_both_have_several() -> None:
    known = Known()
    for seed, (a, b) in enumerate([(0.20, 0.21), (0.30, 0.312), (0.25, 0.258)]):
        known.add("pix2pix", a, seed)
        known.add("unit", b, seed)
    known.add("unit", 0.9, seed=7)
    truth = stats.ttest_rel([0.21, 0.312, 0.258], [0.20, 0.30, 0.25]).confidence_interval()
    said = known.compare("pix2pix", "unit")
    (line,) = (line for line in said if line.endswith("over 3 seeds)"))
    assert f"pix2pix is better than unit by 0.01 (95 % interval {truth.low:.3g} to {truth.high:.3g}" in line
    first, second = known.runs[0], known.runs[2]
    assert first.name in known.compare(first.run_id, second.run_id)[1], "two seeds of one model are two runs"


def test_what_has_no_value_for_each_image_needs_seeds() -> None:
    runs = [finished("gan", fd_lite0=2.0), finished("dcgan", fd_lite0=1.0)]
    (_, line) = compare_runs("gan", "dcgan", runs, lambda run: None)
    assert line.startswith("fd_lite0: gan has 2, dcgan 1; it has no value for each test image, so only several seeds")


def test_a_question_is_answered_by_its_own_metrics() -> None:
    known = Known()
    for model in ("autoencoder", "vae"):
        run = known.add(model, 0.2, mse=0.1, probe_accuracy=0.5)
        known[run.run_id] = known[run.run_id].rename(columns={"l1": "mse"})
    said = known.compare("autoencoder", "vae")
    starts = [line.partition(":")[0].partition(",")[0] for line in said]
    assert starts == ["Reconstructs an image", "mse", "Represents an image by a few numbers", "probe_accuracy"]


def test_judged_by_other_classifiers_accuracies_are_not_compared() -> None:
    given = {"told": "labels", "fd_lite0": 1.0, "label_accuracy": 0.5}
    runs = [
        finished("cgan", classifier_protocol_hash="c1", **given),
        finished("pixelcnn", classifier_protocol_hash="c2", **given),
    ]
    assert [line.partition(":")[0] for line in compare_runs("cgan", "pixelcnn", runs, lambda run: None)[1:]] == [
        "fd_lite0"
    ]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("pix2pix", "unit", "pix2pix and unit cannot be compared: Translates an image: protocol_hash p1 and p2$"),
        ("pix2pix", "cyclegan", "Translates an image: test images t1 and t2; in words: shoes; and bags$"),
        ("pix2pix", "gan", "pix2pix and gan cannot be compared: they answer no question that both can answer$"),
        ("pix2pix", "pix2pix", "pix2pix and pix2pix are the same run, pix2pix-"),
        ("pix2pix", "vae", "no finished run has the id, the name or the model 'vae'"),
        ("pix2pix", "empty", r"empty \(empty\) cannot be compared: it has no metrics"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_a_line(one: str, other: str, message: str) -> None:
    runs = [
        finished("pix2pix", l1=1.0, test_fingerprint="t1", test_data="shoes"),
        finished("unit", l1=1.0, test_fingerprint="t1", test_data="shoes", protocol_hash="p2"),
        finished("cyclegan", l1=1.0, test_fingerprint="t2", test_data="bags"),
        finished("gan", fd_lite0=1.0, test_fingerprint="t1"),
        FinishedRun("empty", "empty", 0, finished("cyclegan").tags, {}, {}),
    ]
    with pytest.raises(GenlabError, match=message) as error:
        compare_runs(one, other, runs, lambda run: None)
    assert "\n" not in str(error.value)


def test_the_page_says_the_same_of_two_rows() -> None:
    import json
    import re

    known = Known()
    for model, l1 in (("cyclegan", 0.3), ("pix2pix", 0.2), ("unit", 0.21)):
        known.add(model, l1)
    board = build_leaderboard(known.runs, CompareSettings())
    page = draw_page(board, {}, lambda run: known.get(run.run_id))
    (data,) = re.findall(r'<script type="application/json">(.*)</script>', page)
    rows = re.findall(r'class="tick" value="(\d)"> (\w+)<', page)
    assert rows == [("0", "cyclegan"), ("1", "pix2pix"), ("2", "unit")]
    said = json.loads(data)
    assert set(said) == {"0 1", "0 2", "1 2"}
    assert said["1 2"] == known.compare("pix2pix", "unit")[1:]
