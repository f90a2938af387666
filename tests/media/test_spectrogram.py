"""Sound as pictures: where a tone stands, how loud it is drawn, and what stands behind the end."""

import numpy as np
import pytest

from genlab.media.base import medium_named
from genlab.media.sound.integers import ENDED, pad, to_int16
from genlab.media.sound.spectrogram import GREY, SIDE, TALL, WAVE, WIDE, log_mel, mel, mel_filters


def tone(frequency: float, rate: int, loud: float = 1.0, seconds: float = 1.0) -> np.ndarray:
    """(1, T, 1) int16."""
    time = np.arange(round(seconds * rate)) / rate
    return to_int16(loud * np.sin(2 * np.pi * frequency * time))[None, :, None]


def test_mel_of_the_reference_is_a_thousand() -> None:
    assert mel(np.array([0.0, 1000.0])) == pytest.approx([0, 1000], abs=0.1)


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_every_frequency_lies_in_bands_that_add_up_to_one(rate: int) -> None:
    filters = mel_filters(SIDE, 512, rate)
    assert (filters.max(axis=1) > 0).all(), "no band is empty"
    at = mel(np.fft.rfftfreq(512, 1 / rate))
    corners = np.linspace(0, mel(np.array(rate / 2)), SIDE + 2)
    inside = (at >= corners[1]) & (at <= corners[-2])
    np.testing.assert_allclose(filters.sum(axis=0)[inside], 1)


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_stands_at_its_pitch_and_louder_is_higher(rate: int, frequency: float) -> None:
    centres = np.linspace(0, mel(np.array(rate / 2)), SIDE + 2)[1:-1]
    loud, quiet = (log_mel(tone(frequency, rate, level), rate, SIDE, SIDE)[0, :, 30] for level in (0.5, 0.05))
    assert abs(int(loud.argmax()) - int(np.abs(centres - mel(np.array(frequency))).argmin())) <= 1
    assert -12 < loud.max() < -5.9, "half of full scale has -6 dB, over a band or three"
    assert loud.max() - quiet.max() == pytest.approx(20, abs=0.1)


def test_a_picture_has_time_to_the_right_and_pitch_upwards() -> None:
    sound = medium_named("sound:8000")
    low_then_high = np.concatenate([tone(300, 8000, seconds=0.5), tone(3000, 8000, seconds=0.5)], axis=1)
    pictures = sound.as_pictures(np.concatenate([low_then_high, np.zeros_like(low_then_high)]))
    assert pictures.shape == (2, SIDE, SIDE, 1)
    assert pictures.dtype == np.uint8
    assert (pictures[1] == 0).all(), "silence is black"
    rows = pictures[0, :, :, 0].argmax(axis=0)
    assert (rows[2:28] > SIDE // 2).all()
    assert (rows[36:62] < SIDE // 2).all()


def test_padding_is_silence_for_networks_and_grey_for_people() -> None:
    sound = medium_named("sound:8000")
    short = pad(tone(300, 8000, seconds=0.5)[0, :, 0], 8000)
    silent = np.where(short == ENDED, 0, short).astype(np.int16)
    np.testing.assert_array_equal(sound.as_pictures(short[None]), sound.as_pictures(silent[None]))
    shown = sound.show(short)
    assert shown.shape == (WAVE + TALL, WIDE, 1)
    assert (shown[:, WIDE // 2 + 1 :] == GREY).all()
    assert (shown[:WAVE, : WIDE // 2 - 1] == 0).any(axis=0).all(), "the waveform goes through every column"


def test_shorter_sounds_than_a_picture_is_wide_can_be_shown() -> None:
    sound = medium_named("sound:8000")
    assert sound.show(np.zeros((5, 1), np.int16)).shape == (WAVE + TALL, WIDE, 1)
    assert sound.as_pictures(np.zeros((1, 5, 1), np.int16)).shape == (1, SIDE, SIDE, 1)


def test_pictures_are_pictures_already() -> None:
    pixels = np.zeros((2, 4, 4, 1), np.uint16)
    assert medium_named("pictures").as_pictures(pixels) is pixels
    assert medium_named("pictures").show(pixels[0]).base is pixels
