"""The pool of past drawings, by its distribution and its place in a snapshot."""

import torch

from genlab.nn.image_pool import ImagePool


def numbered(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1, 1)


def test_until_it_is_full_the_pool_gives_back_what_comes() -> None:
    pool = ImagePool(3, 1, 1)
    assert pool.exchange(numbered(1, 2)).flatten().tolist() == [1, 2]
    assert pool.exchange(numbered(3)).flatten().tolist() == [3]
    assert pool.images.flatten().tolist() == [1, 2, 3]
    assert pool.filled.item() == 3


def test_then_half_of_what_comes_back_is_old_and_its_place_is_taken() -> None:
    torch.manual_seed(0)
    pool = ImagePool(50, 1, 1)
    count = 4000
    seen = torch.cat([pool.exchange(numbered(*range(i, i + 4))) for i in range(0, count, 4)]).flatten()
    fresh = seen[50:] == torch.arange(50, count)
    assert 0.46 < fresh.double().mean() < 0.54
    kept, given = set(pool.images.flatten().tolist()), seen.tolist()
    assert kept | set(given) == set(range(count)), "every drawing is seen or waits"
    assert len(given[50:]) == len(set(given[50:])), "an old drawing leaves the pool when it is given back"
    ages = (torch.arange(50, count) - seen[50:])[~fresh]
    assert 80 < ages.mean() < 120, "a place is taken with probability 1/2 x 1/50: after 100 drawings in the mean"


def test_drawings_come_back_without_a_graph_and_are_not_changed() -> None:
    torch.manual_seed(0)
    pool = ImagePool(2, 1, 1)
    for _ in range(10):
        drawn = torch.rand(3, 1, 1, 1, requires_grad=True)
        before = drawn.detach().clone()
        assert not pool.exchange(drawn).requires_grad
        assert torch.equal(drawn.detach(), before)


def test_no_pool_gives_back_what_comes() -> None:
    pool = ImagePool(0, 1, 1)
    for number in range(5):
        assert pool.exchange(numbered(number)).item() == number


def test_a_pool_goes_on_from_its_state() -> None:
    pool, other = ImagePool(4, 1, 1), ImagePool(4, 1, 1)
    for i in range(0, 20, 2):
        pool.exchange(numbered(i, i + 1))
    other.load_state_dict(pool.state_dict())
    for i in range(20, 40, 2):
        torch.manual_seed(i)
        one = pool.exchange(numbered(i, i + 1))
        torch.manual_seed(i)
        assert torch.equal(one, other.exchange(numbered(i, i + 1)))
