"""Sound as pictures: a spectrogram in dB over pitches, and the waveform. N recordings, T samples, rate in Hz.

Pitches are equally far apart in mel, 2595 log10(1 + f / 700) (O'Shaughnessy 1987). Time runs to the right, pitch up.
"""

import numpy as np

from genlab.media.sound.integers import ENDED, LOUDEST

WINDOW = 0.032  # seconds, of Hann's window
LOWEST = -80.0  # dB below a full-scale sine: black
SIDE = 64  # H = W of a log-mel picture
WAVE, TALL, WIDE = 64, 96, 240  # pixels of what a person is shown: the heights of waveform and spectrogram, the width
CHUNK = 64  # recordings at a time
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


def log_mel(stored: np.ndarray, rate: int, bands: int, frames: int) -> np.ndarray:
    """(N, T, 1) int16 -> (N, bands, frames) dB from LOWEST to 0, the lowest band first.

    0 is a full-scale sine all of which is in one band. The frames stand at even distances over all of T. Behind the end
    of a recording is silence.
    """
    n, length, _ = stored.shape
    window = np.hanning(max(4, round(WINDOW * rate)))
    size = 2 ** int(np.ceil(np.log2(2 * len(window))))
    filters = mel_filters(bands, size, rate)
    starts = ((np.arange(frames) + 0.5) * length / frames).astype(int)
    places = starts[:, None] + np.arange(len(window))
    found = np.empty((n, bands, frames))
    for start in range(0, n, CHUNK):
        some = stored[start : start + CHUNK, :, 0]
        x = np.where(some == ENDED, 0, some / LOUDEST)
        x = np.pad(x, ((0, 0), (len(window) // 2, len(window))))
        power = np.abs(np.fft.rfft(x[:, places] * window, size)) ** 2 / (size / 4 * (window**2).sum())
        found[start : start + CHUNK] = (power @ filters.T).transpose(0, 2, 1)
    return np.clip(10 * np.log10(np.maximum(found, 1e-12)), LOWEST, 0)


def as_grey(decibels: np.ndarray) -> np.ndarray:
    """(..., bands, frames) dB -> uint8, high pitch first: silence is 0, full scale 255."""
    return np.rint((decibels[..., ::-1, :] - LOWEST) * (255 / -LOWEST)).astype(np.uint8)


def draw_log_mel(stored: np.ndarray, rate: int) -> np.ndarray:
    """(N, T, 1) int16 -> (N, SIDE, SIDE, 1) uint8."""
    return as_grey(log_mel(stored, rate, SIDE, SIDE))[..., None]


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
    below = 255 - as_grey(log_mel(stored[None], rate, TALL, WIDE))[0].astype(int)
    picture = np.concatenate([wave, below])
    return np.where(ended[starts], GREY, picture).astype(np.uint8)[:, :, None]
