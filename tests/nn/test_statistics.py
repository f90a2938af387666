"""Batch normalisation by each picture's own statistics, by those of the batch, and by fixed ones."""

import copy

import pytest
import torch
from torch import nn

from genlab.nn.statistics import Statistics, set_statistics


def network(statistics: Statistics) -> nn.Sequential:
    """Has seen some pictures, and draws by these statistics."""
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2))
    for norm in (made[1], made[4]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    for _ in range(3):
        made(2 + torch.randn(8, 1, 8, 8))
    set_statistics(made, statistics)
    return made.eval()


@pytest.fixture
def pictures() -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.rand(5, 1, 8, 8, generator=rng) * torch.arange(1, 6).view(5, 1, 1, 1)


def test_own_is_as_in_training_with_one_picture_after_the_other(pictures: torch.Tensor) -> None:
    drawn = network("own")(pictures)
    one_by_one = torch.cat([network("fixed").train()(picture[None]) for picture in pictures])
    torch.testing.assert_close(drawn, one_by_one)


def test_batch_is_as_in_training(pictures: torch.Tensor) -> None:
    torch.testing.assert_close(network("batch")(pictures), network("fixed").train()(pictures))


def test_a_drawing_depends_on_its_batch_with_those_of_the_batch_alone(pictures: torch.Tensor) -> None:
    drawn = {}
    for statistics, depends in (("own", False), ("fixed", False), ("batch", True)):
        made = network(statistics)  # type: ignore[arg-type]
        drawn[statistics] = made(pictures[:2])
        assert torch.allclose(drawn[statistics], made(pictures)[:2], atol=1e-6) != depends, statistics
    assert not torch.allclose(drawn["own"], drawn["fixed"], atol=0.01)


@pytest.mark.parametrize("statistics", ["own", "batch"])
def test_training_and_the_running_statistics_stay_as_they_are(statistics: Statistics, pictures: torch.Tensor) -> None:
    plain, changed = network("fixed"), network(statistics)
    before = copy.deepcopy(changed.state_dict())
    changed(pictures)
    assert all(torch.equal(value, before[name]) for name, value in changed.state_dict().items())
    assert torch.equal(plain.train()(pictures), changed.train()(pictures))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, changed.state_dict()[name]), name


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1, 1)])
def test_one_number_has_no_statistics_of_its_own(shape: tuple[int, ...]) -> None:
    norm = nn.BatchNorm1d(3) if len(shape) == 2 else nn.BatchNorm2d(3)
    norm(10 + torch.randn(shape))
    expected = norm.eval()(torch.ones(shape))
    set_statistics(norm, "own")
    assert torch.equal(norm(torch.ones(shape)), expected)
