"""Statistics of batch normalisation, fixed after training."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from genlab.data.arrange.pairs import PairedImages
from genlab.data.batches import ExampleBatches
from genlab.models.base import Model, Turn
from genlab.models.pix2pix import Pix2Pix
from genlab.training.checkpoint import Checkpoint
from genlab.training.fit import Job, fit
from genlab.training.statistics import measure_statistics
from tests.training.test_fit import make_job


class Penalised(Model):
    """A normalised layer that a penalty on its gradient trains, and one that no step reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.unreached = nn.BatchNorm2d(2), nn.BatchNorm2d(2)

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"one": list(self.parameters())}

    def turns(self, batch: Mapping[str, torch.Tensor], step: int) -> Iterator[Turn]:
        x = (batch["images"] * step).requires_grad_()
        (slope,) = torch.autograd.grad(self.norm(x).square().sum(), x, create_graph=True)
        yield Turn("one", {"penalty": slope.square().sum()})


def test_statistics_are_the_mean_over_batches() -> None:
    model, batches = Penalised(), [torch.randn(4, 2, 3, 3) + n for n in range(3)]
    model.norm(torch.randn(4, 2, 3, 3) + 100)
    measured = measure_statistics(model, [{"images": batch} for batch in batches], step=2)
    assert set(measured) == {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    for key, value in (("mean", [2 * x.mean((0, 2, 3)) for x in batches]),
                       ("var", [4 * x.var((0, 2, 3)) for x in batches])):  # fmt: skip
        torch.testing.assert_close(measured[f"norm.running_{key}"], torch.stack(value).mean(0))


def test_a_model_without_batch_normalisation_is_shown_nothing() -> None:
    class Plain(Penalised):
        def __init__(self) -> None:
            super().__init__()
            self.norm = self.unreached = nn.Identity()  # type: ignore[assignment]

    def batches() -> Iterator[dict[str, torch.Tensor]]:
        raise AssertionError
        yield

    assert measure_statistics(Plain(), batches(), 0) == {}


def by_hand(checkpoint: Checkpoint, job: Job) -> dict[str, torch.Tensor]:
    """What the second layer's norm sees of the 32 pairs in eight batches: nothing before it is random."""
    model = checkpoint.build()
    assert isinstance(model, Pix2Pix)
    first, second = (model.generator.down[level].conv for level in (0, 1))
    batches = ExampleBatches(job.examples, 4, job.seed, torch.device("cpu"))
    with torch.no_grad():
        seen = [second(nn.functional.leaky_relu(first(batches[step]["a"]), 0.2)) for step in range(8)]
    return {
        "running_mean": torch.stack([h.mean((0, 2, 3)) for h in seen]).mean(0),
        "running_var": torch.stack([h.var((0, 2, 3)) for h in seen]).mean(0),
    }


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_training_leaves_statistics_of_the_weights_that_draw(
    ema: float, few_shoes: PairedImages, tmp_path: Path
) -> None:
    scores = iter([0.1, 0.2, 1.0])  # the last is of the untrained model
    job = make_job(few_shoes, tmp_path, ema=ema, learning_rate=0.05, score_every=4)
    fitted = fit(replace(job, score=lambda model: next(scores)), lambda sight: None)
    assert (fitted.checkpoint.chosen("best").step, fitted.checkpoint.step) == (4, 8)
    for checkpoint in (fitted.checkpoint.chosen("best"), fitted.checkpoint):
        for key, value in by_hand(checkpoint, job).items():
            torch.testing.assert_close(checkpoint.weights[f"generator.down.1.norm.{key}"], value)


def test_a_model_trained_by_single_pictures_is_looked_at_with_their_own_statistics(
    few_shoes: PairedImages, tmp_path: Path
) -> None:
    x, drawn = torch.randn(2, 1, 32, 32), []

    def look(model: Model) -> float:
        assert isinstance(model, Pix2Pix)
        model.eval()
        drawn.append([model.generator(some, noise=False) for some in (x, x[:1])])
        model.train()
        return float(len(drawn))

    job = make_job(few_shoes, tmp_path, steps=4, batch_size=1, score_every=4)
    fitted = fit(replace(job, score=look), lambda sight: None)
    both, first = drawn[0]
    torch.testing.assert_close(both[:1], first)
    model = fitted.checkpoint.build()
    assert isinstance(model, Pix2Pix)
    torch.testing.assert_close(model.generator(x, noise=False), both)
    assert not torch.allclose(model.train().generator(x, noise=False), both, atol=1e-3)
