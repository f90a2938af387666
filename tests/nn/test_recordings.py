"""Windows of recordings: pieces of them, and what stands before."""

import pytest
import torch

from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law
from genlab.nn.recordings import count_samples, every_window, nll_of_levels, random_windows

DOUBLE = torch.zeros(1, dtype=torch.float64)
CONTEXT, SIZE = 10, 16


def places(*lengths: int, padded: int = 104) -> torch.Tensor:
    """Recordings in which the level of a sample is its place, (B, 1, padded)."""
    x = torch.full((len(lengths), 1, padded), torch.nan, dtype=torch.float64)
    for row, length in zip(x, lengths, strict=True):
        row[0, :length] = decode_mu_law(torch.arange(length), DOUBLE)
    return x


def test_samples_are_counted_up_to_the_end() -> None:
    assert count_samples(places(0, 5, 104)).tolist() == [0, 5, 104]


def test_a_random_window_is_a_piece_of_a_recording_and_what_stands_before_it() -> None:
    """The middle is seen by every window that fits, the ends half as often; nothing behind the end is."""
    many, length = 4000, 64
    torch.manual_seed(0)
    found, start = random_windows(places(*[length] * many), CONTEXT, SIZE)
    place = start[:, None] + torch.arange(-CONTEXT, SIZE)
    assert torch.equal(found, torch.where(place < 0, NOTHING, place))
    targets = found[:, CONTEXT:]
    assert (targets != NOTHING).all()
    share = torch.bincount(targets.flatten(), minlength=length) / many
    assert share[[0, -1]].tolist() == pytest.approx([SIZE / 64 / 2] * 2, rel=0.25)
    assert share[32].item() == pytest.approx(SIZE / 64, rel=0.15)


def test_a_short_recording_is_learned_whole() -> None:
    found, start = random_windows(places(5, 0), CONTEXT, SIZE)
    assert start.tolist() == [0, 0]
    assert found[0, CONTEXT : CONTEXT + 5].tolist() == list(range(5))
    assert (found[0, CONTEXT + 5 :] == NOTHING).all()
    assert (found[1] == NOTHING).all()


def test_every_level_stands_in_one_window_behind_those_before_it() -> None:
    x = places(1, 15, 16, 17, 50, 0)
    found, row, start = every_window(x, CONTEXT, SIZE)
    assert torch.bincount(row, minlength=6).tolist() == [1, 1, 1, 2, 4, 0]
    seen = []
    for window, one, first in zip(found, row.tolist(), start.tolist(), strict=True):
        length = count_samples(x)[one]
        place = first + torch.arange(-CONTEXT, SIZE)
        assert torch.equal(window, torch.where((place < 0) | (place >= length), NOTHING, place))
        seen += [(one, int(level)) for level in window[CONTEXT:] if level != NOTHING]
    wanted = [(one, place) for one, length in enumerate((1, 15, 16, 17, 50, 0)) for place in range(length)]
    assert sorted(seen) == wanted


def test_what_is_not_there_costs_nothing() -> None:
    windows, _, _ = every_window(places(5), CONTEXT, SIZE)
    logits = torch.randn(SIZE, 1, LEVELS, dtype=torch.float64)
    nll = nll_of_levels(logits, windows)
    assert (nll[5:] == 0).all()
    wanted = -logits.log_softmax(dim=2)[torch.arange(5), 0, encode_mu_law(places(5))[0, 0, :5]]
    torch.testing.assert_close(nll[:5, 0], wanted)
