"""Sound as pictures: where a tone stands, how loud it is drawn, and what stands behind the end."""

import numpy as np
import pytest

from genlab.media.base import medium_named
from genlab.media.sound.integers import ENDED, pad, to_int16
from genlab.media.sound.spectrogram import (
    GREY,
    SIDE,
    TALL,
    WAVE,
    WIDE,
    draw_log_mel,
    hear_log_mel,
    log_mel,
    mel,
    mel_filters,
)
from tests.sounds import embedded


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
    loud, quiet = (log_mel(tone(frequency, rate, level)[0], rate, SIDE, SIDE)[:, 30] for level in (0.5, 0.05))
    assert abs(int(loud.argmax()) - int(np.abs(centres - mel(np.array(frequency))).argmin())) <= 1
    assert -12 < loud.max() < -5.9, "half of full scale has -6 dB, over a band or three"
    together = 10 * np.log10((10 ** (loud / 10)).sum())
    assert together == pytest.approx(20 * np.log10(0.5), abs=1), "the bands add up to one"
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


@pytest.mark.parametrize("side", [32, 64])
def test_what_is_heard_of_a_picture_looks_like_it(side: int) -> None:
    """Of spoken digits: 1.4 dB where it is loud. With random phases it is 6 dB or more."""
    for name in ("3_jackson_0", "7_theo_0"):
        samples = embedded(name)
        picture = draw_log_mel(pad(samples, 8000)[None], 8000, side)[0]
        heard = hear_log_mel(picture, 8000, 8000)
        again = draw_log_mel(heard[None], 8000, side)[0]
        assert heard.shape == (8000, 1)
        away = np.abs(again.astype(float) - picture)[picture > 100].mean() * 80 / 255
        assert away < 1.8  # dB
        assert 0.5 < np.abs(heard).max() / np.abs(samples).max() < 2
        assert np.abs(heard[len(samples) + 500 :]).max() < 0.1 * np.abs(heard).max(), "silence stays silence"


def test_a_tone_is_heard_at_its_pitch_and_loudness() -> None:
    sound = tone(1000, 8000, 0.5)
    heard = hear_log_mel(draw_log_mel(sound, 8000)[0], 8000, 8000)[:, 0] / 32767
    spectrum = np.abs(np.fft.rfft(heard[2000:6000]))
    assert abs(spectrum.argmax() * 2 - 1000) <= 20  # Hz
    assert np.sqrt((heard[1000:7000] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.35)
    assert (hear_log_mel(np.zeros((64, 64, 1), np.uint8), 8000, 8000) == 0).all(), "black is silence"
