"""What capabilities mean, by models whose probabilities can be added up; and that a broken promise is seen."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab.models.base import Batch, Validates
from genlab.nn.noise import Chance
from tests.models.kept import check_what_it_lists
from tests.models.toys import EVERY, Ising, Raster, Toy

IMAGES = torch.from_numpy(EVERY).float()


def by_hand(pair: float = 0.7, alone: float = -0.4) -> np.ndarray:
    """The probability of each image, as a product of four."""
    found = []
    for image in EVERY.reshape(-1, 4):
        p, before = 1.0, 0.0
        for x in image:
            white = 1 / (1 + np.exp(-2 * (pair * before + alone)))
            p *= white if x > 0 else 1 - white
            before = x
        found.append(p)
    return np.array(found)


def test_probabilities_are_a_product_and_sum_to_one() -> None:
    with torch.no_grad():
        ours = Raster().log_prob(IMAGES, Chance.of(0, range(16)), 1).exp().numpy()
    assert ours.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ours, by_hand(), rtol=1e-5)


def test_the_last_state_is_the_drawing_and_drawings_have_the_model_s_probabilities() -> None:
    model = Raster()
    with torch.no_grad():
        drawn = model.sample(4000, Chance.of(0, range(4000)))
        states = list(model.steps(4000, Chance.of(0, range(4000)), None, 3))
    assert len(states) == 3
    assert torch.equal(states[-1], drawn)
    assert (states[0].flatten(1)[:, 1:] == 0).all(), "the first state holds one pixel"
    share = (drawn == IMAGES[:, None]).flatten(2).all(dim=2).float().mean(dim=1)
    np.testing.assert_allclose(share, by_hand(), atol=0.03)


def test_completions_keep_what_is_known_and_have_the_conditional_probabilities() -> None:
    model, n = Raster(), 4000
    known = torch.zeros(n, 1, 2, 2, dtype=torch.bool)
    known[:, :, 0] = True
    x = torch.tensor([[1.0, -1.0], [0.0, 0.0]]).expand(n, 1, 2, 2)
    with torch.no_grad():
        drawn = model.complete(x, known, Chance.of(0, range(n)))
    assert torch.equal(drawn[known], x[known])
    fits = (EVERY[:, 0, 0] == [1.0, -1.0]).all(axis=1)
    wanted = by_hand()[fits] / by_hand()[fits].sum()
    share = (drawn == IMAGES[fits][:, None]).flatten(2).all(dim=2).float().mean(dim=1)
    np.testing.assert_allclose(share, wanted, atol=0.03)


@pytest.mark.parametrize("toy", [Raster, Ising])
def test_toys_keep_what_they_list(toy: type[Toy]) -> None:
    check_what_it_lists(toy(), {"images": IMAGES[3:13]})


class Tagged(Raster):
    density = ("bound", "estimated")


class Certain(Ising):
    def log_partition(self, rng: Chance, effort: int, temperatures: int) -> list[tuple[float, float]]:
        return [(value, 0.0) for value, _ in super().log_partition(rng, effort, temperatures)]


class Together(Ising):
    def energy(self, x: Tensor) -> Tensor:
        return super().energy(x) - super().energy(x).mean()


class OneValue(Raster, Validates):
    def validation(self, batch: Batch, rng: Chance) -> Tensor:
        return -self.log_prob(batch["images"], rng, 1).mean(dim=0, keepdim=True)


class Backwards(Raster):
    def steps(self, n: int, rng: Chance, condition: Tensor | None, frames: int) -> Iterator[Tensor]:
        yield from reversed(list(super().steps(n, rng, condition, frames)))


class Everything(Raster):
    def steps(self, n: int, rng: Chance, condition: Tensor | None, frames: int) -> Iterator[Tensor]:
        yield from super().steps(n, rng, condition, 4)


class Warm(Raster):
    def sample(self, n: int, rng: Chance, condition: Tensor | None = None, *, warmth: float = 1.0) -> Tensor:
        return super().sample(n, rng, condition)


class Repaints(Raster):
    def complete(self, x: Tensor, known: Tensor, rng: Chance) -> Tensor:
        return super().complete(x, torch.zeros_like(known), rng)


class Peeks(Raster):
    def complete(self, x: Tensor, known: Tensor, rng: Chance) -> Tensor:
        return x


BROKEN = {
    Tagged: "estimated: it follows from chance", Certain: "estimated: it has an error", Together: "close",
    OneValue: "one value for each example", Backwards: "the last state is the drawing",
    Everything: "too many states", Warm: "so that both draw the same",
    Repaints: "known pixels stay", Peeks: "what is hidden changes nothing",
}  # fmt: skip


@pytest.mark.parametrize("toy", BROKEN, ids=lambda toy: toy.__name__)
def test_a_broken_promise_is_seen(toy: type[Toy]) -> None:
    with pytest.raises(AssertionError, match=BROKEN[toy]):
        check_what_it_lists(toy(), {"images": IMAGES[3:13]})
