"""The mu-law against its formula, and what it is for: fine steps where sound is quiet."""

import numpy as np
import torch

from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law

DOUBLE = torch.zeros(1, dtype=torch.float64)


def test_levels_are_those_of_the_formula() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (50, 40))
    companded = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    wanted = np.rint(127.5 * (companded + 1))
    assert np.array_equal(encode_mu_law(torch.from_numpy(x)), wanted)
    ends = torch.tensor([-1.0, -1 / 255, 1 / 255, 0.5, 1.0])  # ln 2 / ln 256 = 1 / 8 of the way from the middle
    assert encode_mu_law(ends).tolist() == [0, 112, 143, 239, 255]


def test_every_level_comes_back() -> None:
    for like in (DOUBLE, DOUBLE.float()):
        x = decode_mu_law(torch.arange(LEVELS), like)
        assert x.dtype == like.dtype
        assert x.abs().max() <= 1
        torch.testing.assert_close(x[[0, -1]], torch.tensor([-1, 1]).to(like))
        assert torch.equal(encode_mu_law(x), torch.arange(LEVELS))


def test_steps_are_fine_near_silence_and_grow_in_proportion() -> None:
    steps = decode_mu_law(torch.arange(LEVELS), DOUBLE).diff()
    assert (steps > 0).all()
    assert steps.argmin() == LEVELS // 2 - 1
    torch.testing.assert_close(steps, steps.flip(0))
    growth = steps[LEVELS // 2 + 1 :] / steps[LEVELS // 2 : -1]
    torch.testing.assert_close(growth, torch.full_like(growth, 256 ** (2 / 255)))


def test_what_has_ended_is_nothing_and_nothing_has_ended() -> None:
    x = torch.tensor([0.3, torch.nan, -0.3, torch.nan])
    level = encode_mu_law(x)
    assert (level == NOTHING).tolist() == [False, True, False, True]
    assert torch.equal(decode_mu_law(level, x).isnan(), x.isnan())
