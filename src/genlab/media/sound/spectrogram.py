"""Sound as pictures: a spectrogram in dB over pitches, and the waveform. N recordings, T samples, rate in Hz.

Pitches are equally far apart in mel, 2595 log10(1 + f / 700) (O'Shaughnessy 1987). Time runs to the right, pitch up.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from genlab.media.sound.integers import ENDED, LOUDEST, to_int16

WINDOW = 0.032  # seconds, of Hann's window; two frames overlap by half, so it is longer where they are far apart
LOWEST = -80.0  # dB below a full-scale sine: black
SIDE = 64  # H = W of a log-mel picture
WAVE, TALL, WIDE = 64, 96, 240  # pixels of what a person is shown: the heights of waveform and spectrogram, the width
ITERATIONS, MOMENTUM = 16, 0.99  # of Griffin and Lim's algorithm
KEPT = 4096  # pictures of recordings, 4 kB each
GREY = 215  # behind the end of a recording


def mel(frequency: np.ndarray) -> np.ndarray:
    """Hz -> mel."""
    return 2595 * np.log10(1 + frequency / 700)


def mel_filters(bands: int, size: int, rate: int) -> np.ndarray:
    """Triangles over the frequencies of a Fourier transform of `size`: (bands, size // 2 + 1), each with the peak 1."""
    at = mel(np.fft.rfftfreq(size, 1 / rate))
    corners = np.linspace(0, mel(np.array(rate / 2)), bands + 2)
    rising = (at - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - at) / (corners[2:] - corners[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0, None)


@dataclass(frozen=True)
class Frames:
    """Where `count` frames stand in a recording of `length` samples: at even distances over all of it."""

    rate: int
    length: int
    count: int

    @cached_property
    def window(self) -> np.ndarray:
        """(W,), what a frame sees of its samples."""
        return np.hanning(max(4, round(WINDOW * self.rate), 2 * math.ceil(self.length / self.count)))

    @property
    def size(self) -> int:
        """Of the Fourier transform: twice as fine as the window's own."""
        return 2 ** math.ceil(math.log2(2 * len(self.window)))

    @cached_property
    def places(self) -> np.ndarray:
        """(count, W), in a recording with half a window before it and a window behind it."""
        starts = ((np.arange(self.count) + 0.5) * self.length / self.count).astype(int)
        return starts[:, None] + np.arange(len(self.window))

    @property
    def full_scale(self) -> float:
        """The power of a full-scale sine in one frame."""
        return self.size / 4 * float((self.window**2).sum())

    def padded(self, x: np.ndarray) -> np.ndarray:
        """(T,) with what `places` counts on."""
        return np.pad(x, (len(self.window) // 2, len(self.window)))

    def transform(self, padded: np.ndarray) -> np.ndarray:
        """(T',) -> the spectrum of each frame, (count, size // 2 + 1)."""
        return np.fft.rfft(padded[self.places] * self.window, self.size)


def log_mel(stored: np.ndarray, rate: int, bands: int, frames: int) -> np.ndarray:
    """(T, 1) int16 -> (bands, frames) dB from LOWEST to 0, the lowest band first.

    0 is a full-scale sine all of which is in one band. Behind the end of a recording is silence.
    """
    here, samples = Frames(rate, len(stored), frames), stored[:, 0]
    x = here.padded(np.where(samples == ENDED, 0, samples / LOUDEST))
    power = np.abs(here.transform(x)) ** 2 / here.full_scale
    found = mel_filters(bands, here.size, rate) @ power.T
    return np.clip(10 * np.log10(np.maximum(found, 1e-12)), LOWEST, 0)


def as_grey(decibels: np.ndarray) -> np.ndarray:
    """(bands, frames) dB -> uint8, high pitch first: silence is 0, full scale 255."""
    return np.rint((decibels[::-1] - LOWEST) * (255 / -LOWEST)).astype(np.uint8)


_pictures: dict[tuple[bytes, int, int], np.ndarray] = {}


def draw_log_mel(stored: np.ndarray, rate: int, side: int = SIDE) -> np.ndarray:
    """(N, T, 1) int16 -> (N, side, side, 1) uint8."""
    return np.stack([_picture(np.ascontiguousarray(one), rate, side) for one in stored])


def _picture(stored: np.ndarray, rate: int, side: int) -> np.ndarray:
    """(T, 1) -> (side, side, 1). A classifier in training sees the same recordings again and again: they are kept."""
    name = (blake2b(stored.data, digest_size=16).digest(), rate, side)
    if name not in _pictures:
        if len(_pictures) == KEPT:
            _pictures.clear()
        _pictures[name] = as_grey(log_mel(stored, rate, side, side))[:, :, None]
    return _pictures[name]


def hear_log_mel(picture: np.ndarray, rate: int, length: int) -> np.ndarray:
    """(side, side, 1) uint8 of `draw_log_mel` -> a recording (length, 1) int16 that looks like it.

    Phases are found by Griffin and Lim's iterations (1984), with the momentum of Perraudin et al. 2013. The power of a
    frequency lies on the line between those of the two bands around it.
    """
    side, here = len(picture), Frames(rate, length, picture.shape[1])
    power = np.where(picture > 0, 10 ** ((picture / 255 - 1) * -LOWEST / 10), 0)[::-1, :, 0].T  # (frames, bands)
    filters = mel_filters(side, here.size, rate)
    amplitude = np.sqrt(power / np.maximum(filters.sum(axis=1), 1) @ filters * here.full_scale)
    spectrum = amplitude * np.exp(2j * np.pi * np.random.default_rng(0).random(amplitude.shape))
    places, before = here.places.ravel(), np.zeros_like(spectrum)
    total = length + 3 * len(here.window)
    weight = np.bincount(places, np.tile(here.window**2, len(here.places)), total)
    for _ in range(ITERATIONS):
        frames = np.fft.irfft(spectrum, here.size)[:, : len(here.window)] * here.window
        x = np.bincount(places, frames.ravel(), total) / np.maximum(weight, 1e-2)
        again = here.transform(x)
        phase = again + MOMENTUM * (again - before)
        spectrum, before = amplitude * phase / np.maximum(np.abs(phase), 1e-12), again
    return to_int16(x[len(here.window) // 2 :][:length])[:, None]


def draw_sound(stored: np.ndarray, rate: int) -> np.ndarray:
    """(T, 1) int16 -> the waveform over the spectrogram, dark on white, (H, W, 1) uint8; grey behind the end.

    The waveform is drawn as loud as its own peak allows: quiet recordings can be seen too.
    """
    columns = np.linspace(0, len(stored), WIDE + 1).astype(int)
    ended = stored[:, 0] == ENDED
    x = np.where(ended, 0, stored[:, 0] / LOUDEST)
    x = x / max(np.abs(x).max(), 1e-3)
    starts = np.minimum(columns[:-1], len(x) - 1)
    low, high = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)
    rows = np.linspace(1, -1, WAVE)[:, None]
    half = 1 / (WAVE - 1)  # of a pixel
    wave = np.where((rows <= high + half) & (rows >= low - half), 0, 255)
    below = 255 - as_grey(log_mel(stored, rate, TALL, WIDE)).astype(int)
    picture = np.concatenate([wave, below])
    return np.where(ended[starts], GREY, picture).astype(np.uint8)[:, :, None]
