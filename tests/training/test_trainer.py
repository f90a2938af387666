"""The trainer: learning rate, divergence, ranks."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch
from torch import nn

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.models.base import Model, Recipe, Turn
from genlab.training.machine import Machine, drawing_device, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training, average_weights, learning_rate, require_finite, train_step


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
    names = {"adam": "Adam", "adamw": "AdamW", "adagrad": "Adagrad", "rmsprop": "RMSprop", "sgd": "SGD"}
    for name, cls in ((name, getattr(torch.optim, cls)) for name, cls in names.items()):
        training = Training(Duel(), Nothing(), settings(optimizer=name, betas=(0.25, 0.5)), 0, 10, machine)
        assert type(training.optimizers["up"]) is cls
    adam = Training(Duel(), Nothing(), settings(betas=(0.25, 0.5)), 0, 10, machine).optimizers["up"]
    assert adam.param_groups[0]["betas"] == (0.25, 0.5)


@pytest.mark.parametrize("name", ["adam", "adamw", "adagrad", "rmsprop", "sgd"])
def test_weight_decay_draws_weights_to_zero(name: str, machine: Machine) -> None:
    model = Duel()
    training = Training(model, Nothing(), settings(optimizer=name, weight_decay=0.5), 0, 10, machine)
    model.up.grad = torch.tensor(0.0)
    training.optimizers["up"].step()
    assert 0 < model.up < 1


def test_the_learning_rate_rises_while_it_warms_up() -> None:
    s = settings(learning_rate=2.0, warm_up=4)
    assert [learning_rate(s, step, 10) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_a_player_may_have_values_of_its_own(machine: Machine) -> None:
    own = {"down": {"optimizer": "sgd", "momentum": 0.5, "learning_rate": 0.25}}
    training = Training(Duel(), Nothing(), settings(per_player=own, learning_rate=1.0), 0, 10, machine)
    assert type(training.optimizers["up"]) is torch.optim.Adam
    assert type(training.optimizers["down"]) is torch.optim.SGD
    next(training.run())
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in training.optimizers.items()}
    assert rates == {"up": 1.0, "down": 0.25}
    assert training.optimizers["down"].param_groups[0]["momentum"] == 0.5


def test_values_for_a_player_that_is_not_there_are_refused(machine: Machine) -> None:
    with pytest.raises(GenlabError, match="per_player names left; the players are up, down"):
        Training(Duel(), Nothing(), settings(per_player={"left": {"learning_rate": 1.0}}), 0, 10, machine)


def test_gradients_are_clipped_to_their_norm(machine: Machine) -> None:
    model = Duel()
    optimizers = {name: torch.optim.SGD(p, 1.0) for name, p in model.players().items()}
    train_step(model, optimizers, {}, 0, machine, clip=0.25)
    assert model.up.item() == pytest.approx(1.25)


def test_a_surrogate_is_no_loss(machine: Machine) -> None:
    class Machinery(Duel):
        def turns(self, batch: Mapping[str, torch.Tensor], step: int) -> Iterator[Turn]:
            yield Turn("up", {"contrast": -self.up}, surrogate=True)
            yield Turn("down", {"pain": self.down})

    model = Machinery()
    optimizers = {name: torch.optim.SGD(p, 0.5) for name, p in model.players().items()}
    values = train_step(model, optimizers, {}, 0, machine)
    assert model.up.item() == 1.5, "its gradient counts"
    assert set(values) == {"up/surrogate_contrast", "down/pain", "loss_down"}


class Prepared(Duel):
    """Remembers what it was prepared with."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("first", torch.zeros(()))
        self.calls = 0

    def prepare(self, batch: Mapping[str, torch.Tensor]) -> None:
        self.calls += 1
        self.first += 3.0


def test_a_model_is_prepared_once_before_the_first_step(machine: Machine) -> None:
    model = Prepared()
    training = Training(model, Nothing(), settings(report_every=2, ema=0.9), 0, 4, machine)
    reports = training.run()
    next(reports)
    state = training.state_dict()
    again = Prepared()
    resumed = Training(again, Nothing(), settings(report_every=2, ema=0.9), 0, 4, machine)
    resumed.load_state_dict(state)
    assert [progress.step for progress in resumed.run()] == [4]
    assert (model.calls, again.calls, again.first.item()) == (1, 0, 3.0)
    assert resumed.drawing.get_buffer("first").item() == 3.0


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_the_running_average_forgets_the_first_weights(share: float, machine: Machine) -> None:
    torch.manual_seed(0)
    model = Duel()
    average = average_weights(model, settings(ema=0.9, ema_share=share))
    expected = None
    for step in range(300):
        with torch.no_grad():
            model.up.normal_()
        average.update_parameters(model)
        decay = min(0.9, (1 + step) / (1 / share + step))
        expected = model.up.item() if expected is None else decay * expected + (1 - decay) * model.up.item()
    assert average.module.up.item() == pytest.approx(expected, abs=1e-6)


class Normed(Model):
    """A layer that normalises by the batch, for what becomes of its statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"one": list(self.parameters())}

    def turns(self, batch: Mapping[str, torch.Tensor], step: int) -> Iterator[Turn]:
        yield Turn("one", {"square": self.network(torch.randn(8, 2) + step).square().sum()})


def test_the_average_is_of_the_whole_model_and_drawing_leaves_it_alone(machine: Machine) -> None:
    """Its statistics of batch normalisation are averages, too. A drawing in training mode once overwrote them."""
    torch.manual_seed(0)
    training = Training(Normed(), Nothing(), settings(ema=0.5, report_every=5), 0, 10, machine)
    next(training.run())
    assert training.average is not None
    assert not training.drawing.training
    kept = {name: value.clone() for name, value in training.average.state_dict().items()}
    training.drawing.network(torch.randn(8, 2) + 100)
    training.model.network(torch.randn(8, 2) + 100)
    for name, value in training.average.state_dict().items():
        assert torch.equal(value, kept[name]), name
    live = training.model.network[1].running_mean
    assert not torch.equal(live, training.drawing.network[1].running_mean)


def test_the_average_resumes_bit_for_bit(machine: Machine) -> None:
    def start() -> Training:
        torch.manual_seed(0)
        return Training(Normed(), Nothing(), settings(ema=0.5, report_every=4), 0, 8, machine)

    whole, first, second = start(), start(), start()
    list(whole.run())
    next(first.run())
    second.load_state_dict(first.state_dict())
    list(second.run())
    for (name, one), other in zip(
        whole.average.state_dict().items(), second.average.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


def test_drawing_is_where_training_was_and_in_whole_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_float32_matmul_precision("high")
    assert drawing_device(settings(accelerator="cpu")) == torch.device("cpu")
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(GenlabError, match="training.accelerator=cuda is not on this machine"):
        drawing_device(settings(accelerator="cuda"))


def test_between_distant_reports_a_slow_training_shows_that_it_goes_on(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.training.trainer.PULSE", 0.0)
    training = Training(Duel(), Nothing(), settings(report_every=3), 0, 6, machine)
    seen = list(training.run())
    assert [(one.step, one.pulse) for one in seen if not one.pulse] == [(3, False), (6, False)]
    assert [one.step for one in seen if one.pulse] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in training.history] == [3.0, 6.0], "a pulse is no row of the history"
    assert set(seen[0].values) == set(seen[-1].values) - {"learning_rate"}
