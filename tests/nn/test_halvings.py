"""Sizes that networks can halve."""

import pytest

from genlab.errors import GenlabError
from genlab.nn.halvings import halvings


def test_halvings_lead_from_the_image_to_a_coarsest_side() -> None:
    sizes = (4, 7, 8, 10, 28, 32, 96, 256)
    assert [halvings(size, (4, 5, 6, 7), "x") for size in sizes] == [0, 0, 1, 1, 2, 3, 4, 6]
    assert [halvings(size, (1, 3), "x", least=3) for size in (8, 24, 96, 256)] == [3, 3, 5, 8]
    for size in range(1, 200):
        count, side = 0, size
        while side > 7 and side % 2 == 0:
            count, side = count + 1, side // 2
        if 4 <= side <= 7:
            assert halvings(size, (4, 5, 6, 7), "x") == count
        else:
            with pytest.raises(GenlabError):
                halvings(size, (4, 5, 6, 7), "x")


def test_other_sizes_are_refused_with_their_neighbours() -> None:
    message = "net cannot halve images of 50 pixels down to 4 or 6: set data.image_size to 48 or 64, or think again"
    with pytest.raises(GenlabError, match=message):
        halvings(50, (4, 6), "net", instead=", or think again")
    for size in (2, 16, 256):
        with pytest.raises(GenlabError, match="set data.image_size to"):
            halvings(size, (4,), "net", least=3, most=5)
