"""Alarms: each is raised by a training that is really broken, none by one that is not."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.diversity import measure_diversity
from genlab.evaluation.validation import Score
from genlab.models.autoencoder import Autoencoder
from genlab.models.gan import GAN
from genlab.sampling.settings import SampleSettings
from genlab.training.alarms import GROWTH, LOOKS, PATIENCE, Alarm, Alarms, alarms_of
from genlab.training.fit import Job, Sight, due, fit
from genlab.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def images(fashion: LabelledImages) -> LabelledImages:
    """Four hundred training images, forty of every class."""
    train = fashion.split("train")
    rows = train.table.groupby("label").head(40).reset_index(drop=True)
    return LabelledImages(rows, train.store, train.classes)


PYTORCHS = {"pixel_weights": 1.0}  # first weights: so few steps of the defaults draw only grey


def make_job(images: LabelledImages, folder: Path, arguments: dict[str, Any], **changes: Any) -> Job:
    given = {
        "steps": 150,
        "report_every": 10,
        "score_every": 50,
        "snapshot_every": 50,
        "accelerator": "cpu",
        "ema": 0.0,
    }
    settings = TrainingSettings.of(GAN.recipe, {**given, **changes})
    return Job(
        "gan", arguments, images, settings, 0, folder, diversity=measure_diversity(images, "train", SampleSettings())
    )


def train(images: LabelledImages, folder: Path, arguments: dict[str, Any], **changes: Any) -> list[Sight]:
    sights: list[Sight] = []
    fit(make_job(images, folder, arguments, **changes), sights.append)
    return sights


def raised(sights: list[Sight]) -> dict[str, Alarm]:
    alarms = [alarm for sight in sights for alarm in sight.alarms]
    assert len({alarm.kind for alarm in alarms}) == len(alarms), "each kind is raised once"
    return {alarm.kind: alarm for alarm in alarms}


def test_a_healthy_training_raises_none(images: LabelledImages, tmp_path: Path) -> None:
    sights = train(images, tmp_path, PYTORCHS)
    assert raised(sights) == {}
    looked = [(sight.progress.step, sight.diversity) for sight in sights if sight.diversity is not None]
    assert [step for step, _ in looked] == [50, 100, 150]
    assert all(0.2 < diversity < 1.5 for _, diversity in looked)


def test_a_generator_of_one_number_collapses_and_never_fools(images: LabelledImages, tmp_path: Path) -> None:
    """It draws one image, brighter or darker, which the discriminator soon knows."""
    alarms = raised(train(images, tmp_path, {"width": 1, "latent_dim": 1}))
    assert set(alarms) == {"generator_collapsed", "discriminator_saturated"}
    assert alarms["generator_collapsed"].step == LOOKS * 50
    assert "differ from each other 0% as much as real images do" in alarms["generator_collapsed"].message
    assert "the discriminator has been right" in alarms["discriminator_saturated"].message


def test_steps_that_are_far_too_long_diverge_and_training_goes_on(images: LabelledImages, tmp_path: Path) -> None:
    sights = train(images, tmp_path, PYTORCHS, optimizer="sgd", learning_rate=1.0)
    alarm = raised(sights)["divergence"]
    assert "the loss of the" in alarm.message
    assert "has grown from" in alarm.message
    assert sights[-1].progress.step == 150


def test_a_training_that_was_worth_nothing_says_so_at_its_end(images: LabelledImages, tmp_path: Path) -> None:
    """By its squared error on images, which steps that are far too short do not lower."""
    score = Score(images, "train")
    given = {"steps": 60, "batch_size": 50, "report_every": 10, "score_every": 60, "accelerator": "cpu"}
    settings = TrainingSettings.of(Autoencoder.recipe, given)
    job = Job("autoencoder", {}, images, settings, 0, tmp_path, score=score)
    good = fit(job, lambda sight: None).history
    assert alarms_of(good) == []
    short = settings.model_copy(update={"learning_rate": 1e-12})
    bad = fit(replace(job, settings=short), lambda sight: None).history
    (alarm,) = alarms_of(bad)
    assert (alarm.kind, alarm.step) == ("learned_nothing", 60)
    assert "its score on the validation split is" in alarm.message
    assert bad[-1]["validation/untrained"] == good[-1]["validation/untrained"], "the first weights are the same"


@pytest.mark.parametrize(
    ("score", "untrained", "worthless"),
    [(1.0, 2.0, False), (2.0, 1.0, True), (1.999, 2.0, True), (-2.0, -1.0, False), (-1.0, -1.0, True)],
)
def test_a_score_must_be_lower_than_that_of_the_first_weights(score: float, untrained: float, worthless: bool) -> None:
    """Whatever the losses say."""
    history = [{"step": step, "loss_model": 10.0 - step} for step in (1.0, 2.0, 3.0, 4.0)]
    history[-1] |= {"validation/score": score, "validation/untrained": untrained}
    assert [alarm.kind for alarm in alarms_of(history)] == ["learned_nothing"] * worthless


@pytest.mark.parametrize(
    ("losses", "worthless"),
    [
        ({"model": [3.0, 2.0, 1.0, 1.0]}, False),
        ({"model": [3.0, 3.0, 3.0, 2.99]}, True),  # stands still
        ({"model": [3.0, 4.0, 5.0, 6.0]}, True),
        ({"model": [3.0, 4.0, 5.0]}, False),  # too few to tell
        ({"model": [-1.0, -2.0, -3.0, -4.0]}, False),
        ({"critic": [1.4, 0.9, 0.5, 0.4], "generator": [0.7, 2.0, 3.0, 3.0]}, False),  # the critic learns
        ({"critic": [0.5, 0.9, 1.2, 1.3], "generator": [3.0, 2.0, 1.0, 0.9]}, False),  # the generator catches up
        ({"critic": [1.4, 1.4, 1.4, 1.4], "generator": [0.7, 0.7, 0.7, 0.7]}, True),
        ({}, False),  # surrogates alone
    ],
)
def test_without_a_score_the_losses_of_all_players_tell(losses: dict[str, list[float]], worthless: bool) -> None:
    history = [
        {"step": float(number), **{f"loss_{player}": values[number] for player, values in losses.items()}}
        for number in range(max(map(len, losses.values()), default=2))
    ]
    assert [alarm.kind for alarm in alarms_of(history)] == ["learned_nothing"] * worthless


def test_a_resumed_training_remembers_what_it_said(images: LabelledImages, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    first: list[Sight] = []

    def watch(sight: Sight) -> None:
        first.append(sight)
        if sight.progress.step == 120:
            raise Stop

    arguments = {"width": 1, "latent_dim": 1}
    with pytest.raises(Stop):
        fit(make_job(images, tmp_path, arguments), watch)
    assert "generator_collapsed" in raised(first)
    assert "generator_collapsed" not in raised(train(images, tmp_path, arguments))


def rows(name: str, values: list[float]) -> list[dict[str, float]]:
    return [{"step": float(step), name: value} for step, value in enumerate(values)]


def read(name: str, values: list[float]) -> list[Alarm]:
    alarms = Alarms()
    return [alarm for row in rows(name, values) for alarm in alarms.read(row)]


def test_one_bad_report_is_no_alarm() -> None:
    good, bad = 0.9, 1.0
    assert read("discriminator/accuracy", ([bad] * (PATIENCE - 1) + [good]) * 3) == []
    assert [alarm.step for alarm in read("discriminator/accuracy", [good, *[bad] * 9])] == [PATIENCE]


def test_a_loss_that_falls_has_not_diverged_however_far() -> None:
    assert read("loss_model", [10.0, -1e3, -1e5, -1e6, -1e7, -1e8, -1e9]) == []
    assert read("loss_model", [100.0, *[100 * GROWTH] * 9]) == [], "large from the start"
    grown = read("loss_model", [100.0, *[102 * (GROWTH + 1)] * 9])
    assert [(alarm.kind, alarm.step) for alarm in grown] == [("divergence", PATIENCE)]


def test_due_is_when_a_multiple_was_passed() -> None:
    reports = [0, 50, 100, 150, 200, 250, 270]
    assert [now for before, now in pairwise(reports) if due(89, before, now)] == [100, 200, 270]
    assert [now for before, now in pairwise(reports) if due(50, before, now)] == reports[1:-1]
