"""From a job to weights: resuming, and several ranks."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.models.base import Batch, Model, Turn
from genlab.models.pix2pix import Pix2Pix
from genlab.models.vae import VAE
from genlab.training.fit import Job, Sight, build_training, fit
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.snapshots import Snapshots

ARGUMENTS = {"generator_width": 2, "discriminator_width": 2, "receptive_field": 16}


def make_job(pairs: PairedImages, folder: Path, arguments: dict[str, Any] | None = None, **changes: Any) -> Job:
    given = {"steps": 8, "batch_size": 4, "report_every": 2, "snapshot_every": 2, "picture_every": 4, **changes}
    settings = TrainingSettings.of(Pix2Pix.recipe, {"accelerator": "cpu", **given})
    return Job("pix2pix", {**ARGUMENTS, **(arguments or {})}, pairs, settings, 1, folder)


class Stop(Exception):
    """The power fails."""


def stop_at(step: int) -> Any:
    def watch(sight: Sight) -> None:
        if sight.progress.step == step:
            raise Stop

    return watch


def same(x: dict[str, torch.Tensor], y: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(x[key], y[key]) for key in x)


def test_an_unfinished_run_resumes_by_itself_to_the_same_bits(few_shoes: PairedImages, tmp_path: Path) -> None:
    whole = fit(make_job(few_shoes, tmp_path / "whole"), lambda sight: None)
    job = make_job(few_shoes, tmp_path / "broken")
    with pytest.raises(Stop):
        fit(job, stop_at(6))
    seen: list[int] = []
    resumed = fit(job, lambda sight: seen.append(sight.progress.step))
    assert resumed.resumed_from == 6
    assert seen == [8]
    assert same(dict(whole.checkpoint.weights), dict(resumed.checkpoint.weights))
    assert [row["step"] for row in resumed.history] == [2, 4, 6, 8]
    assert resumed.checkpoint.train_seconds == pytest.approx(
        sum(4 * 2 / r["images_per_second"] for r in resumed.history)
    )


def test_images_that_are_drawn_anew_at_each_step_resume_to_the_same_bits(
    few_images: LabelledImages, tmp_path: Path
) -> None:
    anew = replace(few_images, store=replace(few_images.store, shades=few_images.store))
    given = {"steps": 8, "batch_size": 8, "report_every": 2, "snapshot_every": 2, "accelerator": "cpu"}
    settings = TrainingSettings.of(VAE.recipe, given)
    whole = Job("vae", VAE.small(), anew, settings, 1, tmp_path / "whole")
    broken = replace(whole, snapshots=tmp_path / "broken")
    with pytest.raises(Stop):
        fit(broken, stop_at(6))
    resumed = fit(broken, lambda sight: None)
    assert resumed.resumed_from == 6
    weights = dict(fit(whole, lambda sight: None).checkpoint.weights)
    assert same(weights, dict(resumed.checkpoint.weights))
    grey = fit(replace(whole, examples=few_images, snapshots=tmp_path / "grey"), lambda sight: None)
    assert not same(weights, dict(grey.checkpoint.weights))


def test_resume_false_starts_afresh(few_shoes: PairedImages, tmp_path: Path) -> None:
    job = make_job(few_shoes, tmp_path)
    with pytest.raises(Stop):
        fit(job, stop_at(6))
    afresh = make_job(few_shoes, tmp_path, resume=False)
    assert afresh.fingerprint() == job.fingerprint()
    seen: list[int] = []
    assert fit(afresh, lambda sight: seen.append(sight.progress.step)).resumed_from == 0
    assert seen == [2, 4, 6, 8]


def test_other_parameters_do_not_resume_and_do_not_destroy(
    few_shoes: PairedImages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    job = make_job(few_shoes, tmp_path)
    with pytest.raises(Stop):
        fit(job, stop_at(6))
    other = fit(make_job(few_shoes, tmp_path, learning_rate=1e-3), lambda sight: None)
    assert other.resumed_from == 0
    assert f"unfinished runs with other data, parameters or code are kept: {job.fingerprint()}" in caplog.text
    state = Snapshots(tmp_path).latest(job.fingerprint())
    assert state is not None
    assert state["step"] == 6


def test_pictures_are_drawn_as_training_goes_and_change_nothing(few_shoes: PairedImages, tmp_path: Path) -> None:
    def draw(model: Model) -> np.ndarray:
        torch.rand(5)  # a drawing that uses up randomness
        return np.zeros((2, 2, 3), np.uint8)

    pictures: list[int] = []
    job = make_job(few_shoes, tmp_path / "drawn")
    drawn = fit(replace(job, draw=draw), lambda s: pictures.append(s.progress.step) if s.picture is not None else None)
    assert pictures == [4, 8]
    plain = fit(make_job(few_shoes, tmp_path / "plain"), lambda sight: None)
    assert same(dict(plain.checkpoint.weights), dict(drawn.checkpoint.weights))


def test_the_checkpoint_knows_where_it_is_from(few_shoes: PairedImages, tmp_path: Path) -> None:
    job = make_job(few_shoes, tmp_path)
    checkpoint = fit(job, lambda sight: None).checkpoint
    assert (checkpoint.step, checkpoint.images_seen, checkpoint.seed) == (8, 32, 1)
    assert checkpoint.fingerprint == job.fingerprint()
    assert checkpoint.spec.shapes == {"a": (1, 32, 32), "b": (1, 32, 32)}


def test_divergence_keeps_the_last_good_snapshot(
    few_shoes: PairedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Pix2Pix.turns

    def diverging(self: Pix2Pix, batch: Batch, step: int) -> Iterator[Turn]:
        for turn in turns(self, batch, step):
            yield turn if step < 5 else Turn(turn.player, {name: x / 0 for name, x in turn.terms.items()})

    monkeypatch.setattr(Pix2Pix, "turns", diverging)
    job = make_job(few_shoes, tmp_path, report_every=1, snapshot_every=1)
    with pytest.raises(GenlabError, match=r"training diverged: at step 5 .*player"):
        fit(job, lambda sight: None)
    state = Snapshots(tmp_path).latest(job.fingerprint())
    assert state is not None
    assert state["step"] == 5, "steps 0 to 4 were good"
    assert all(torch.isfinite(value).all() for value in state["model"].values())


def test_two_ranks_move_by_the_mean_of_their_gradients(few_shoes: PairedImages, tmp_path: Path) -> None:
    """One step on two processes equals one step on the mean of two half batches' gradients, computed here."""
    arguments = {"dropout": 0.0, "objective": "l1"}
    changes = {
        "precision": "64-true", "steps": 1, "optimizer": "sgd", "learning_rate": 0.1, "decay_from": 1.0, "jitter": 1.0,
        "mirror": False,
    }  # fmt: skip
    seen: list[int] = []
    job = make_job(few_shoes, tmp_path, arguments, devices=2, **changes)
    ranks = fit(job, lambda sight: seen.append(sight.progress.step)).checkpoint
    assert seen == [1]

    alone = build_training(
        replace(job, settings=job.settings.model_copy(update={"devices": 1})), open_machine(job.settings)
    )
    before = {name: p.detach().clone() for name, p in alone.model.named_parameters()}
    whole = {side: images.double() for side, images in alone.batches[0].items()}
    for half in (slice(0, 2), slice(2, 4)):
        (turn,) = alone.model.turns({side: images[half] for side, images in whole.items()}, 0)
        (turn.terms["g_l1"] / 2).backward()
    for name, parameter in alone.model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(ranks.weights[name], before[name] - 0.1 * parameter.grad, rtol=1e-9, atol=1e-12)
        assert not torch.equal(ranks.weights[name], before[name])


def test_what_fails_on_a_rank_is_said_in_the_parent(few_shoes: PairedImages, tmp_path: Path) -> None:
    job = make_job(few_shoes, tmp_path, devices=2, batch_size=3)
    with pytest.raises(GenlabError, match=r"training.batch_size=3 cannot be shared by 2 devices"):
        fit(job, lambda sight: None)


def test_the_weights_with_the_best_score_are_kept_beside_the_last(few_shoes: PairedImages, tmp_path: Path) -> None:
    seen: list[tuple[float, dict[str, torch.Tensor]]] = []
    scores = iter([0.5, 0.3, 0.4, 0.9, 1.0])  # the last is of the untrained model

    def score(model: Model) -> float:
        seen.append((next(scores), {name: value.clone() for name, value in model.named_parameters()}))
        return seen[-1][0]

    job = make_job(few_shoes, tmp_path, score_every=2)
    fitted = fit(replace(job, score=score), lambda sight: None)
    assert [row["validation/score"] for row in fitted.history] == [0.5, 0.3, 0.4, 0.9]
    assert (fitted.checkpoint.chosen("best").step, fitted.checkpoint.step) == (4, 8)
    for kept, (_, weights) in ((fitted.checkpoint.chosen("best"), seen[1]), (fitted.checkpoint, seen[3])):
        assert all(torch.equal(kept.weights[name], value) for name, value in weights.items())


def test_a_resumed_run_remembers_its_best_score(few_shoes: PairedImages, tmp_path: Path) -> None:
    job = make_job(few_shoes, tmp_path, score_every=2)
    scores = {0: 1.0, 2: 0.1, 4: 0.5, 6: 0.4, 8: 0.3}
    steps = iter([2, 4, 6, 8, 0])
    job = Job(**{**vars(job), "score": lambda model: scores[next(steps)]})
    with pytest.raises(Stop):
        fit(job, stop_at(4))
    fitted = fit(job, lambda sight: None)
    assert fitted.resumed_from == 4
    assert fitted.checkpoint.chosen("best").step == 2


def test_without_a_score_the_best_are_the_last(few_shoes: PairedImages, tmp_path: Path) -> None:
    fitted = fit(make_job(few_shoes, tmp_path), lambda sight: None)
    assert fitted.checkpoint.best is None


def test_the_last_weights_never_stand_in_for_the_best(
    few_shoes: PairedImages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = itertools.cycle([0.1, 0.5, 0.4, 0.3, 1.0])  # the last is of the untrained model

    def score(model: Model) -> float:
        return next(scores)

    job = replace(make_job(few_shoes, tmp_path, score_every=2), score=score)
    fit(job, lambda sight: None)
    (tmp_path / job.fingerprint() / "best.pt").unlink()
    again = fit(job, lambda sight: None)
    assert "best.pt" in caplog.text
    assert (again.resumed_from, again.checkpoint.chosen("best").step) == (0, 2)
