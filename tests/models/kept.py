"""What every model keeps that lists a capability. Models of MODELS and toys are held to it alike."""

import math
from itertools import islice

import torch
from torch import Tensor

from genlab.models.base import (
    Batch,
    Capability,
    Completes,
    HasChain,
    HasEnergy,
    ScoresDensity,
    ShowsSteps,
    Validates,
    keyword_arguments,
)
from genlab.nn.noise import Chance

ONE = 7  # the picture that is looked at alone


@torch.no_grad()
def check_what_it_lists(model: torch.nn.Module, batch: Batch, condition: Tensor | None = None) -> None:
    """Every promise of the capabilities below that the model lists; `batch` has ten examples, `condition` ten rows."""
    model.eval()
    x = batch.get("images", batch.get("b"))
    assert x is not None
    assert len(x) == 10
    if isinstance(model, ScoresDensity):
        check_scores(model, x)
    if isinstance(model, HasEnergy):
        check_energies(model, x)
    if isinstance(model, Validates):
        check_validation(model, batch)
    if isinstance(model, ShowsSteps):
        check_steps(model, condition)
    if isinstance(model, HasChain):
        check_chain(model, x)
    if isinstance(model, Completes):
        check_completions(model, x)


def each(seed: int = 0) -> Chance:
    return Chance.of(seed, range(10))


def same(x: Tensor, y: Tensor) -> bool:
    """Whether two are equal; NaN, behind the end of a recording, is equal to NaN."""
    return torch.equal(x.nan_to_num(nan=2), y.nan_to_num(nan=2))


def alike(alone: Tensor, among: Tensor) -> None:
    assert among.shape == (10,), "one value for each example"
    assert torch.isfinite(among).all()
    torch.testing.assert_close(alone, among[ONE : ONE + 1], rtol=1e-4, atol=1e-3)


def check_scores(model: ScoresDensity, x: Tensor) -> None:
    exact, how = model.density
    among = model.log_prob(x, each(), 3)
    alike(model.log_prob(x[ONE : ONE + 1], Chance.of(0, [ONE]), 3), among)
    assert torch.equal(among, model.log_prob(x, each(), 3)), "the same chance, the same number"
    assert torch.equal(among, model.log_prob(x, each(1), 4)) == (how == "computed"), "estimated: it follows from chance"
    if (exact, how) == ("bound", "estimated"):
        by_one, by_many = (torch.stack([model.log_prob(x, each(s), k) for s in range(10)]).mean() for k in (1, 30))
        assert by_one < by_many, "a bound comes closer with effort"


def check_energies(model: HasEnergy, x: Tensor) -> None:
    alike(model.energy(x[ONE : ONE + 1]), model.energy(x))
    first, again, other = (model.log_partition(Chance.of(seed, [0]), 20, 10) for seed in (0, 0, 1))
    assert first == again
    assert all(math.isfinite(value) for estimate in first for value in estimate)
    computed = model.density[1] == "computed"
    assert (first[0][1] == 0) == (first == other) == computed, "estimated: it has an error, and follows from chance"


def check_validation(model: Validates, batch: Batch) -> None:
    one = {name: values[ONE : ONE + 1] for name, values in batch.items()}
    alike(model.validation(one, Chance.of(0, [ONE])), model.validation(batch, each()))


def check_steps(model: ShowsSteps, condition: Tensor | None) -> None:
    assert keyword_arguments(model.steps) == keyword_arguments(model.sample), "so that both draw the same"
    drawn = model.sample(10, each(), condition)
    for frames in (1, 3):
        states = list(model.steps(10, each(), condition, frames))
        assert 1 <= len(states) <= frames, "too many states"
        assert torch.equal(states[-1], drawn), "the last state is the drawing"
        assert all(state.shape == drawn.shape and state.abs().max() <= 1 for state in states)


def check_chain(model: HasChain, x: Tensor) -> None:
    states, again = (list(islice(model.chain(x, each()), 4)) for _ in range(2))
    assert all(state.shape == x.shape and state.abs().max() <= 1 for state in states)
    assert all(map(torch.equal, states, again)), "the same chance, the same chain"
    assert not torch.equal(states[0], x), "the first state is a step from the image"
    alone = list(islice(model.chain(x[ONE : ONE + 1], Chance.of(0, [ONE])), 4))
    torch.testing.assert_close(alone[-1], states[-1][ONE : ONE + 1], rtol=1e-4, atol=1e-3)


def check_completions(model: Completes, x: Tensor) -> None:
    known = torch.zeros_like(x[:, :1], dtype=torch.bool)
    known[:, :, : x.shape[2] // 2] = True
    drawn = model.complete(x, known, each())
    assert drawn.shape == x.shape
    assert not (drawn.abs() > 1).any()
    assert same(drawn[known.expand_as(x)], x[known.expand_as(x)]), "known pixels stay"
    hidden = torch.where(known, x, 0.5)
    assert same(drawn, model.complete(hidden, known, each())), "what is hidden changes nothing"
    alone = model.complete(x[ONE : ONE + 1], known[ONE : ONE + 1], Chance.of(0, [ONE]))
    torch.testing.assert_close(alone, drawn[ONE : ONE + 1], rtol=1e-4, atol=1e-3, equal_nan=True)


CHECKED: tuple[type[Capability], ...] = (ScoresDensity, HasEnergy, Validates, ShowsSteps, HasChain, Completes)
