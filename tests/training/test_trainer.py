"""The trainer: learning rate, divergence, ranks."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
from torch import nn

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.models.base import Model, Recipe, Turn
from genlab.training.machine import Machine, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training, learning_rate, require_finite, train_step


def settings(**changes: object) -> TrainingSettings:
    return TrainingSettings.of(Recipe(batch_size=2), {"accelerator": "cpu", "steps": 10, **changes})


@pytest.fixture(scope="module")
def machine() -> Machine:
    return open_machine(settings())


class Duel(Model):
    """Two numbers: `up` maximises its product with `down`, who sees it; each turn records what it saw of the other."""

    def __init__(self, bad_step: int | None = None) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.tensor(1.0))
        self.down = nn.Parameter(torch.tensor(1.0))
        self.bad_step = bad_step

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"up": [self.up], "down": [self.down]}

    def turns(self, batch: Mapping[str, torch.Tensor], step: int) -> Iterator[Turn]:
        yield Turn("up", {"gain": -self.up * self.down})
        loss = self.up * self.down
        if step == self.bad_step:
            loss = loss / 0.0
        yield Turn("down", {"pain": loss, "none": 0.0 * loss.detach()}, {"saw": self.up.detach().clone()})


class Nothing:
    """Batches without anything in them."""

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        return {}


def test_a_turn_sees_the_move_before_it(machine: Machine) -> None:
    model = Duel()
    optimizers = {name: torch.optim.SGD(p, 0.1) for name, p in model.players().items()}
    values = train_step(model, optimizers, {}, 0, machine)
    assert model.up.item() == pytest.approx(1.1)  # 1 + 0.1 * down
    assert values["down/saw"].item() == pytest.approx(1.1)
    assert model.down.item() == pytest.approx(1 - 0.1 * 1.1)
    assert [name for name in values if "/" in name] == ["up/gain", "down/pain", "down/none", "down/saw"]
    assert values["loss_down"] == values["down/pain"]


def test_learning_rate_is_constant_then_falls_linearly_to_zero() -> None:
    s = settings(learning_rate=2.0, decay_from=0.5)
    rates = [learning_rate(s, step, 10) for step in range(11)]
    assert rates == pytest.approx([2, 2, 2, 2, 2, 2, 1.6, 1.2, 0.8, 0.4, 0])
    assert [learning_rate(settings(learning_rate=2.0, decay_from=1.0), step, 10) for step in range(10)] == [2.0] * 10


def test_the_learning_rate_reaches_the_optimisers(machine: Machine) -> None:
    s = settings(learning_rate=1.0, decay_from=0.0, optimizer="sgd", steps=2, report_every=1)
    training = Training(Duel(), Nothing(), s, 0, 2, machine)
    rates = [
        (progress.values["learning_rate"], training.optimizers["up"].param_groups[0]["lr"])
        for progress in training.run()
    ]
    assert rates == [(1.0, 1.0), (0.5, 0.5)]


def test_epochs_become_steps_and_steps_win() -> None:
    assert TrainingSettings.of(Recipe(batch_size=3, epochs=2.5), {}).total_steps(10) == 8  # 3 whole batches an epoch
    assert TrainingSettings.of(Recipe(batch_size=3, epochs=2.5), {"steps": 7}).total_steps(10) == 7


def test_a_loss_that_is_no_number_stops_with_step_player_and_term(machine: Machine) -> None:
    training = Training(Duel(bad_step=5), Nothing(), settings(report_every=4), 0, 10, machine)
    reports = training.run()
    next(reports)
    with pytest.raises(
        GenlabError, match=r"at step 5 the term 'pain' of player 'down' became inf\. Lower training.lea"
    ):
        next(reports)
    assert training.step == 4, "the training stands where its last good report was"


def test_the_first_bad_step_is_named_and_not_a_later_one() -> None:
    rows = [{"g/a": torch.tensor(v), "g/b": torch.tensor(w)} for v, w in [(1.0, 1.0), (2.0, np.nan), (np.inf, 1.0)]]
    with pytest.raises(GenlabError, match="at step 8 the term 'b' of player 'g' became nan"):
        require_finite(rows, 7)


def test_weights_that_are_no_numbers_make_no_snapshot(machine: Machine) -> None:
    training = Training(Duel(), Nothing(), settings(), 0, 10, machine)
    training.model.players()["down"][0].data.fill_(torch.inf)
    with pytest.raises(GenlabError, match="parameters of player 'down' are not finite"):
        training.state_dict()


def test_randomness_comes_from_seed_and_step_alone(machine: Machine) -> None:
    def draw(seed: int, step: int) -> float:
        machine.seed(seed, step)
        return torch.rand(()).item()

    drawn = {(seed, step): draw(seed, step) for seed in range(5) for step in range(5)}
    assert len(set(drawn.values())) == 25
    assert draw(3, 2) == drawn[3, 2]


def test_optimisers_are_what_the_settings_say(machine: Machine, few_shoes: PairedImages) -> None:
    for name, cls in (("adam", torch.optim.Adam), ("adagrad", torch.optim.Adagrad), ("sgd", torch.optim.SGD)):
        training = Training(Duel(), Nothing(), settings(optimizer=name, betas=(0.25, 0.5)), 0, 10, machine)
        assert type(training.optimizers["up"]) is cls
    adam = Training(Duel(), Nothing(), settings(betas=(0.25, 0.5)), 0, 10, machine).optimizers["up"]
    assert adam.param_groups[0]["betas"] == (0.25, 0.5)


@pytest.mark.parametrize("name", ["adam", "adagrad", "sgd"])
def test_weight_decay_draws_weights_to_zero(name: str, machine: Machine) -> None:
    model = Duel()
    training = Training(model, Nothing(), settings(optimizer=name, weight_decay=0.5), 0, 10, machine)
    model.up.grad = torch.tensor(0.0)
    training.optimizers["up"].step()
    assert 0 < model.up < 1
