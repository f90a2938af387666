"""Who stands on the leaderboard, beside whom, and how it is written."""

import math
import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from genlab.errors import GenlabError
from genlab.evaluation.questions import QUESTIONS
from genlab.evaluation.registry import directions, measure
from genlab.experiments.leaderboard import (
    IDENTITY,
    best_rows,
    better,
    build_leaderboard,
    control_rows,
    kind,
    main_metrics,
    summarise,
)
from genlab.experiments.page import draw_page, to_markdown
from genlab.experiments.settings import CompareSettings
from genlab.io.record import Artifact, Record
from genlab.models import MODELS, model_class
from genlab.tracking.runs import FinishedRun

_count = iter(range(10**6))


def whole(model: str, *without: str) -> str:
    """The chain behind the metrics of a model, without some of its links."""
    links = [link for link in ("examples", "checkpoint", "samples", "metrics") if link not in without]
    made = {f"{model}.{link}": Artifact("v", link, link, tuple(f"{model}.{one}" for one in links[:n]))
            for n, link in enumerate(links)}  # fmt: skip
    return Record(made).lineage()


def finished(model: str = "unit", seed: int | None = 0, **given: Any) -> FinishedRun:
    """A run as MLflow has it; `given` are metrics (numbers) and tags (text)."""
    number = next(_count)
    metrics = {name: float(value) for name, value in given.items() if isinstance(value, int | float)}
    tags = {"model": model, "dataset": "set", "data_fingerprint": "f1", "protocol_hash": "p1", "lineage": whole(model)}
    if seed is not None:
        tags["seed"] = str(seed)
    tags |= {name: text for name, text in given.items() if isinstance(text, str)}
    return FinishedRun(f"id{number}", f"{model}-{number}", 1000 * number, tags, {}, metrics, given.get("score"))


def nothing(run: FinishedRun) -> None:
    """Nothing is known of single test images."""


def table(*runs: FinishedRun, **settings: Any) -> pd.DataFrame:
    return build_leaderboard(runs, CompareSettings(**settings)).table


def test_one_row_per_model_dataset_and_seed_the_newest() -> None:
    old, new, other_seed = finished(l1=0.1), finished(l1=0.2), finished(seed=1, l1=0.3)
    other_model, other_set = finished("cyclegan", l1=0.4), finished(dataset="other", l1=0.5)
    board = table(old, other_seed, new, other_model, other_set)
    assert set(board["run_id"]) == {run.run_id for run in (new, other_seed, other_model, other_set)}
    assert list(board.columns[:6]) == ["question", "group", "model", "dataset", "seed", "run_id"]
    assert board["seed"].tolist().count(1) == 1


def test_the_best_by_validation_where_asked_and_never_one_without_a_score() -> None:
    good, worse, unscored = finished(l1=0.1, score=0.1), finished(l1=0.2, score=0.2), finished(l1=0.3)
    assert table(good, worse, unscored, keep="best")["run_id"].tolist() == [good.run_id]
    assert table(unscored, worse, keep="best")["run_id"].tolist() == [worse.run_id]


def test_settings_of_a_sweep_and_environments_do_not_replace_each_other() -> None:
    board = table(finished(l1=1.0), finished(l1=2.0, variant="objective=l1"), finished(l1=3.0, environment="test"))
    assert len(board) == 3


def test_curves_and_what_is_only_about_the_run_are_no_metrics() -> None:
    curves = {"train/g_l1": 3.0, "train/learning_rate": 0.1, "validation/score": 1.0}
    board = table(finished(command="{}", machine="m", **{"test/l1": 1.0, **curves}))
    assert {*board.columns} - {*IDENTITY} == {"l1", "protocol_hash"}
    older = table(finished(l1=1.0, command="{}", machine="m", **{"generator/g_l1": 3.0, "learning_rate": 0.1}))
    assert [*older.columns] == [*board.columns]


@pytest.mark.parametrize("other", [{"protocol_hash": "p2"}, {"test_fingerprint": "t2"}, {"fid_protocol": "q2"}])
def test_other_protocols_and_other_data_are_never_mixed(other: dict[str, str]) -> None:
    same = {"fid_protocol": "q1", "test_fingerprint": "t1"}
    one, two = finished("cyclegan", l1=0.1, **same), finished("unit", l1=0.2, **{**same, **other})
    what = next(iter(other)).replace("test_fingerprint", "test images")
    board = build_leaderboard([one, two], CompareSettings())
    assert board.table["group"].nunique() == 2
    assert to_markdown(board).count("\n### ") == 2
    assert draw_page(board, {}, nothing).count("<section>") == 2
    with pytest.raises(GenlabError, match=rf"{one.name} .*and {two.name}.* cannot be compared: {what} "):
        build_leaderboard([one, two], CompareSettings(strict=True))


def test_how_a_model_was_trained_is_a_column_and_makes_no_table() -> None:
    """The same test images, other training images: one table, in which both are told apart."""
    paired = finished("pix2pix", l1=0.1, test_fingerprint="t1", trained_on="2,700 pairs", test_data="shoes, 900")
    unpaired = finished("unit", l1=0.2, test_fingerprint="t1", trained_on="1,350 images without pairs",
                        data_fingerprint="f2", test_data="shoes, 900")  # fmt: skip
    board = build_leaderboard([paired, unpaired], CompareSettings(strict=True))
    assert board.table["group"].nunique() == 1
    for text in (to_markdown(board), draw_page(board, {}, nothing)):
        assert text.count("shoes, 900") == 1
        assert all(words in text for words in ("trained on", "2,700 pairs", "1,350 images without pairs"))
    others = finished("unit", seed=1, l1=0.3, test_fingerprint="t1", data_fingerprint="f3")
    assert summarise(table(unpaired, others))["seeds"].tolist() == [1, 1], "other data are another way to train"


def test_only_what_depends_on_training_images_stands_apart_where_they_differ() -> None:
    given = {"test_fingerprint": "t1", "fd_lite0": 1.0, "samples_protocol_hash": "s1"}
    one = finished("gan", nearest_train=1.0, nearest_train_low=0.9, nearest_train_protocol_hash="n1", **given)
    two = finished("dcgan", nearest_train=0.5, nearest_train_low=0.4, nearest_train_protocol_hash="n2", **given)
    three = finished("vae", nearest_train=0.7, nearest_train_low=0.6, nearest_train_protocol_hash="n1", **given)
    board = table(one, two, three)
    assert board["group"].nunique() == 1
    found = board.set_index("model")[["fd_lite0", "nearest_train", "nearest_train (2)"]].fillna(-1.0)
    assert found.loc["dcgan"].tolist() == [1, 0.5, -1]
    assert found.loc["gan"].tolist() == [1, -1, 1]
    assert found.loc["vae"].tolist() == [1, -1, 0.7]
    assert "nearest_train (2)" in main_metrics(board)


def test_nothing_that_a_run_says_breaks_the_table_or_the_page() -> None:
    nasty = '<img src=x onerror="alert(1)"> | [link](http://x) *bold*'
    run = finished(nasty, l1=1.0, variant=nasty, environment=nasty, trained_on=nasty, test_data=nasty, l1_kind=nasty)
    board = build_leaderboard([run, finished(nasty, name=nasty)], CompareSettings())
    text, page = to_markdown(board), draw_page(board, {run.run_id: {f"translations{nasty}": b"png"}}, nothing)
    assert "<img" not in text
    assert "[link]" not in text
    lines = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert page.count("<img") == 1
    assert "<img src=x" not in page
    assert Page(page).open == []


def test_a_run_without_a_protocol_stands_beside_those_with_one_but_two_of_those_stay_apart() -> None:
    """It lacks those metrics, so nothing is mixed; and it does not bring the two together."""
    one, none = finished("cyclegan", fid=1.0, fid_protocol="q1"), finished("unit", l1=0.2)
    two = finished("pix2pix", fid=2.0, fid_protocol="q2")
    board = table(one, none, two)
    groups = dict(zip(board["model"], board["group"], strict=True))
    assert groups["cyclegan"] != groups["pix2pix"]
    assert groups["unit"] in (groups["cyclegan"], groups["pix2pix"])


def test_different_datasets_are_no_fault_even_if_strict() -> None:
    assert table(finished(l1=1.0), finished(dataset="other", data_fingerprint="f2", l1=1.0), strict=True).shape[0] == 2


def test_what_cannot_be_compared_is_left_out_by_name_with_its_reason() -> None:
    empty, curves, seedless = finished(), finished(**{"vae/kl": 1.0}), finished(seed=None, l1=1.0)
    broken = {link: finished(l1=1.0, lineage=whole("unit", link)) for link in ("examples", "checkpoint", "samples")}
    old = finished(l1=1.0, lineage="")
    whole_one = finished(l1=1.0)
    board = build_leaderboard([empty, curves, seedless, old, *broken.values(), whole_one], CompareSettings())
    assert len(board.table) == 1
    reasons = [(empty, "no metrics"), (curves, "no metrics"), (seedless, "seed is None"), (old, "no tag 'lineage'")]
    reasons += [(run, f"(unit.{link})") for link, run in broken.items() if link != "samples"]
    assert len(board.skipped) == len(reasons)
    for run, reason in reasons:
        assert any(run.name in line and reason in line for line in board.skipped)
        assert run.name in to_markdown(board)
        assert run.name in draw_page(board, {}, nothing)
    with pytest.raises(GenlabError, match=f"train something first.*{empty.name}"):
        build_leaderboard([empty], CompareSettings())


def test_a_reproduction_does_not_take_the_place_of_what_it_reproduces() -> None:
    first = finished(l1=1.0)
    assert table(first, finished(l1=1.0, reproduces=first.run_id))["run_id"].tolist() == [first.run_id]


def test_two_runs_of_one_name_stay_two() -> None:
    one, two = finished(seed=0, l1=1.0), finished(seed=1, l1=2.0)
    twin = FinishedRun("twin", one.name, two.started, two.tags, {}, two.metrics)
    assert table(one, twin)["name"].tolist() == [one.name, one.name]


def test_only_one_sweep_where_asked() -> None:
    inside = finished(l1=1.0, sweep="sweep-1")
    assert table(inside, finished(seed=4, l1=2.0), sweep="sweep-1")["run_id"].tolist() == [inside.run_id]
    with pytest.raises(GenlabError, match="of the sweep 'sweep-2'"):
        table(inside, sweep="sweep-2")


def test_the_interval_over_seeds_is_students() -> None:
    """Against scipy's own interval of a mean."""
    values = [0.1, 0.12, 0.17]
    summary = summarise(table(*(finished(seed=seed, l1=value) for seed, value in enumerate(values))))
    assert summary["seeds"].tolist() == [3]
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    assert summary["l1"][0] == pytest.approx(sum(values) / 3)
    assert summary[["l1_low", "l1_high"]].iloc[0].tolist() == pytest.approx([low, high])


def test_the_interval_of_one_seed_is_the_runs_own() -> None:
    given = {"l1": 2.0, "l1_low": 1.0, "l1_high": 3.0, "l1_b_to_a": 5.0, "l1_low_b_to_a": 4.0, "l1_high_b_to_a": 6.0}
    (row,) = summarise(table(finished(**given))).to_dict("records")
    assert {name: row[name] for name in given} == given
    assert math.isnan(summarise(table(finished(l1=0.1)))["l1_low"][0])


def test_seeds_that_were_trained_differently_are_not_averaged() -> None:
    summary = summarise(table(finished(seed=0, l1=1.0, training_protocol="x"), finished(seed=1, l1=2.0)))
    assert summary["seeds"].tolist() == [1, 1]


def test_intervals_and_controls_stand_behind_their_metric() -> None:
    run = finished(
        l1=1, l1_low=0, l1_high=2, l1_mean_image=3, kid=1, kid_lite0=2, kid_lite0_floor=0, l1_b_to_a=1,
        new_metric=5, new_metric_low=4, new_metric_high=6, new_metric_control=9, parameters=7, test_images=4,
    )  # fmt: skip
    assert main_metrics(table(run)) == ["l1", "l1_b_to_a", "kid", "kid_lite0", "new_metric", "parameters"]


def test_which_way_is_better_stands_beside_the_measure() -> None:
    assert directions()["fd_lite0"] == "lower"
    ways = [better(name) for name in ("fd_lite0", "fd_lite0_a_to_b", "psnr (2)", "fd_lite0_real", "parameters")]
    assert ways == ["lower", "lower", "higher", None, None]


def test_best_knows_which_way_is_up() -> None:
    board = table(finished("cyclegan", psnr=10, l1=0.1, parameters=1), finished("unit", psnr=20, l1=0.2, parameters=2))
    model = board["model"]
    assert [model[index] for index in best_rows(board, "psnr")] == ["unit"]
    assert [model[index] for index in best_rows(board, "l1")] == ["cyclegan"]
    assert best_rows(board, "parameters") == set()


def tables(*runs: FinishedRun) -> dict[str, list[list[str]]]:
    """The models of each table, by question."""
    found = build_leaderboard(runs, CompareSettings()).questions()
    return {question: [rows["model"].tolist() for rows in groups] for question, groups in found.items()}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_the_questions_that_its_class_is_able_to(name: str) -> None:
    """A run that had every metric of every measure stands only where its capabilities put it."""
    run = finished(name, **dict.fromkeys(directions(), 1.0))
    able = {question.words for question in QUESTIONS
            if issubclass(model_class(name), question.asks) and not question.told}  # fmt: skip
    assert set(tables(run)) == able != set()


def test_every_measure_answers_a_question() -> None:
    asked = {name for question in QUESTIONS for name in question.metrics}
    assert {*directions()} == asked - {"classifier_study_accuracy"}  # of a study, which is no measure
    measured = {name for entry in measure.all for name in entry.said.get("protocols", ())}
    assert measured == {name for question in QUESTIONS for name in question.protocols}


def test_a_model_that_is_told_what_to_draw_stands_with_its_like() -> None:
    free, told = finished("gan", fd_lite0=1.0), finished("cgan", fd_lite0=2.0, label_accuracy=0.5, told="labels")
    assert tables(free, told) == {"Draws from nothing": [["gan"]], "Draws what is asked": [["cgan"]]}
    assert main_metrics(table(told)) == ["label_accuracy", "fd_lite0"]
    assert main_metrics(table(free)) == ["fd_lite0"]


def test_what_a_study_finds_of_codes_stands_where_codes_are_judged() -> None:
    study = {"classifier_study_accuracy_frozen_10": 0.7, "classifier_study_accuracy_frozen_10_low": 0.6}
    rows = table(finished("autoencoder", mse=0.1, probe_accuracy=0.8, **study)).set_index("question")
    found = rows["classifier_study_accuracy_frozen_10"].dropna().to_dict()
    assert found == {"Represents an image by a few numbers": 0.7}


def test_how_often_the_judge_is_right_is_no_number_of_a_model() -> None:
    judged = table(finished("vae", probe_accuracy=0.8, classifier_accuracy=0.9, bits_per_dim=3.0))
    found = {metric for _, rows in judged.groupby("question") for metric in main_metrics(rows)}
    assert found == {"probe_accuracy", "bits_per_dim"}


def test_the_protocol_of_one_question_divides_no_other() -> None:
    """Bounds and exact likelihoods stand apart, the drawings of the same models side by side."""
    given = {"fd_lite0": 1.0, "nll_nats": 2.0, "samples_protocol_hash": "s1"}
    one = finished("made", nll_protocol_hash="exact", nll_protocol="exact", **given)
    two = finished("vae", nll_protocol_hash="bound", nll_protocol="a bound", **given)
    assert tables(one, two) == {
        "Draws from nothing": [["made", "vae"]], "Scores how probable an image is": [["made"], ["vae"]],
    }  # fmt: skip
    text = to_markdown(build_leaderboard([one, two], CompareSettings()))
    assert text.count("; a bound\n") == text.count("; exact\n") == 1


def test_controls_are_rows_one_for_all_models_or_one_for_each() -> None:
    same = {"mse_mean_image": 9.0, "psnr": 20.0, "psnr_mean_image": 10.0}
    one = finished("autoencoder", mse=1.0, mse_pca=3.0, **same)
    two = finished("vae", mse=2.0, mse_pca=4.0, **same)
    rows = control_rows(table(one, two))
    assert rows == [
        {"model": "the mean training image", "mse": 9.0, "psnr": 10.0},
        {"model": "PCA of as many numbers, for autoencoder", "mse": 3.0},
        {"model": "PCA of as many numbers, for vae", "mse": 4.0},
    ]
    board = build_leaderboard([one, two], CompareSettings())
    assert re.search(r"\n\| the mean training image +\| 9 +\| 10 +\|", to_markdown(board))
    assert draw_page(board, {}, nothing).count('<tr class="control">') == 3


def test_a_table_shows_the_pictures_of_its_question() -> None:
    run = finished("vae", mse=1.0, fd_lite0=1.0)
    board = build_leaderboard([run], CompareSettings())
    named = ("few_samples", "samples", "few_reconstructions", "latents")
    page = draw_page(board, {run.run_id: dict.fromkeys(named, b"png")}, nothing)
    assert re.findall('<img alt="vae: ([^"]*)"', page) == ["few samples", "few reconstructions"]


def test_markdown_is_no_wider_than_a_screen_and_begins_with_the_headline() -> None:
    every = {name: 1.23456 for known in directions() for name in (known, f"{known}_low", f"{known}_high")}
    long = finished("vae", variant="a=b, " * 40, coverage_real=1.0, **every)
    text = to_markdown(build_leaderboard([long, finished("vae", **every)], CompareSettings()))
    assert max(map(len, text.splitlines())) <= 120
    assert "| real data" not in text, "its only number did not fit"
    headings = [line for line in text.splitlines() if line.startswith("| model")]
    assert [line.split("|")[3].split()[0] for line in headings] == ["fid", "mse", "probe_accuracy", "bits_per_dim"]


def test_exact_bound_and_estimate_are_marked() -> None:
    board = build_leaderboard(
        [finished("flow", nll_nats=1.0, nll_nats_kind="exact, computed"),
         finished("vae", nll_nats=3.0, nll_nats_kind="bound, estimated")], CompareSettings(),
    )  # fmt: skip
    row = board.table[board.table["model"] == "vae"].iloc[0]
    assert (kind(row, "nll_nats"), kind(row, "l1")) == ("bound, estimated", "")
    assert "3 (bound, estimated)" in to_markdown(board)
    page = draw_page(board, {}, nothing)
    assert page.count('class="kind bound estimated"') == 2, "in its row, and in that of its run"
    assert page.count('class="kind exact computed"') == 2


class Page(HTMLParser):
    """The addresses, pictures and cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.values: list[float] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [value for name in ("src", "href") if (value := given.get(name))]
        if given.get("data-value"):
            self.values.append(float(str(given["data-value"])))
        if tag not in ("img", "meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_row_has_players_of_a_few_new_recordings() -> None:
    run = finished("wavenet", bits_per_dim=4.5, nll_protocol_hash="n", label_accuracy=0.5, kernel_distance=1.0,
                   samples_protocol_hash="s", classifier_protocol_hash="c")  # fmt: skip
    sounds = {f"samples/{n} <b>": b"wav" for n in range(20)} | {"originals/1": b"wav", "samples/long": bytes(400_000)}
    page = draw_page(build_leaderboard([run], CompareSettings()), {run.run_id: {"few_samples": b"png"}}, nothing,
                     {run.run_id: sounds})  # fmt: skip
    titles = re.findall(r'<audio controls preload="metadata" title="(.*?)"', page)
    assert titles == [f"samples/{n} &lt;b&gt;" for n in (0, 4, 8, 11, 15, 19)]
    assert "data:audio/wav;base64,d2F2" in page


def test_the_page_needs_nothing_else_and_holds_pictures_beside_numbers() -> None:
    run = finished("<b>vae</b>", l1=0.125)
    without = finished("cyclegan", l1=0.5)
    board = build_leaderboard([run, without], CompareSettings())
    text = draw_page(
        board, {run.run_id: {"translations_to_a": b"png", "translations_to_b": b"png"}, without.run_id: {}}, nothing
    )
    page = Page(text)
    assert page.open == []
    assert sorted(address[:22] for address in page.addresses) == [
        "#question-1", "atlas.html", *["data:image/png;base64,"] * 2
    ]  # fmt: skip
    assert "http" not in text
    assert page.values == [0.125, 0.5] * 2
    assert "&lt;b&gt;vae" in text
    assert "no picture: its figures are not in MLflow" in text
