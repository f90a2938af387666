"""What is of the vocoder alone: its spectrogram, and that it hears the frame around each sample."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.models.vocoder import Spectrogram, Vocoder
from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law
from genlab.nn.noise import Chance
from genlab.nn.pixels import draw_category
from genlab.nn.recordings import every_window

RATE, LENGTH = 2000, 150
DOUBLE = torch.zeros(1, dtype=torch.float64)


def make(**changes: Any) -> Vocoder:
    torch.manual_seed(0)
    model = Vocoder(**{"rate": RATE, **Vocoder.small(), "window": 16, **changes}).double()
    for parameter in model.parameters():
        parameter.data.mul_(2)
    return model


def recordings(*lengths: int) -> Tensor:
    torch.manual_seed(1)
    x = decode_mu_law(torch.randint(LEVELS, (len(lengths), 1, LENGTH)), DOUBLE)
    for row, length in zip(x, lengths, strict=True):
        row[:, length:] = torch.nan
    return x


def test_a_full_scale_sine_is_one_at_its_pitch_and_a_tenth_of_it_twenty_decibels_less() -> None:
    time = torch.arange(8000) / 8000
    spectrogram = Spectrogram(8000, 40)
    sine = torch.sin(2 * torch.pi * 1000 * time)[None, None]  # between two bands
    loud, quiet, silent = (spectrogram(x)[20:80, 0] for x in (sine, 0.1 * sine, 0 * sine))  # away from the ends
    assert loud.shape == (60, 40)
    mel = 2595 * math.log10(1 + 1000 / 700) / (2595 * math.log10(1 + 4000 / 700)) * 41 - 1
    assert loud.mean(dim=0).argmax().item() == pytest.approx(mel, abs=1)
    assert 0.97 < loud.amax().item() < 1.1  # half as much would be 0.12 less
    assert (loud - quiet).amax().item() == pytest.approx(2 / 5, abs=1e-3)  # 100 dB from -1 to 1
    assert (silent == -1).all()


def test_a_frame_is_around_its_sample_and_behind_the_end_is_silence() -> None:
    x = torch.zeros(1, 1, 8000)
    x[0, 0, 4000], x[0, 0, 6000:] = 1.0, torch.nan
    found = Spectrogram(8000, 40)(x)[:, 0].amax(dim=1)
    assert found.argmax() == 50  # 4000 / 80
    assert (found > -1).nonzero()[:, 0].tolist() == [49, 50, 51]  # a frame sees 256 samples


def test_each_sample_is_told_the_nearest_frame_and_before_the_beginning_the_first() -> None:
    model = make()
    h = torch.arange(8.0)[:, None, None].expand(8, 2, 5)
    place = torch.tensor([-30, -1, 0, 9, 10, 29, 30, 500])[:, None].expand(-1, 2)  # a frame every 20 samples
    assert model.at_samples(h, place)[:, 1, 0].tolist() == [0, 0, 0, 0, 1, 1, 2, 7]


def test_another_spectrogram_changes_what_is_predicted() -> None:
    model, x = make(), recordings(LENGTH)
    windows, row, start = every_window(x, model.receptive_field, model.window)
    h = model.spectrogram(x)[:, row]
    louder = h.clone()
    louder[2:3] += 1  # samples 30 to 49
    changed = (model.logits(windows, start, h) - model.logits(windows, start, louder)).abs().sum(dim=2) > 0
    place = start + torch.arange(model.window)[:, None]
    assert sorted(place[changed].tolist()) == list(range(30, 48 + model.receptive_field))


def test_a_reconstruction_is_what_the_logits_and_the_chance_say() -> None:
    model, x = make(), recordings(LENGTH, 60)
    again = model.reconstruct(x)
    assert torch.equal(again.isnan(), x.isnan())
    torch.testing.assert_close(again[1:], model.reconstruct(x[1:]), equal_nan=True)
    level, start = encode_mu_law(again[:, 0]), torch.zeros(2, dtype=torch.long)
    before = torch.full((2, model.receptive_field), NOTHING)
    logits = model.logits(torch.cat([before, level], dim=1), start, model.spectrogram(x))
    chance = Chance.of(0, [0, 0]).uniform((LENGTH,), x)
    wanted = draw_category(logits.permute(1, 2, 0), chance, 1.0)
    assert torch.equal(torch.where(level == NOTHING, NOTHING, wanted), level)


def test_it_is_judged_by_the_levels_there_are() -> None:
    model, x = make(), recordings(LENGTH, 60)
    longer = torch.cat([x, torch.full_like(x, torch.nan)], dim=2)
    found = model.validation({"images": x}, Chance.of(0, range(2)))
    assert found.isfinite().all()
    torch.testing.assert_close(model.validation({"images": longer}, Chance.of(0, range(2))), found)
    model.window = 7
    torch.testing.assert_close(model.validation({"images": x}, Chance.of(0, range(2))), found)
