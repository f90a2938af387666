"""One sound file -> samples: WAV, FLAC, OGG, MP3, AIFF and what else libsndfile reads, of any rate and depth.

Several channels are mixed down: their mean. The sound is resampled (scipy's polyphase filter) and read in pieces, so
that a file of hours takes no more memory than one of seconds. What lies behind `data.seconds` is cut off, and not read.
A shorter recording is padded. The scale is that of 16-bit files: one of 16 bits at `data.rate` keeps every value, but
for -32768, which becomes -32767. T samples, C channels.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.media.base import Settings, Source, UnreadableFileError
from genlab.media.sound.facts import share_of_silence
from genlab.media.sound.integers import ENDED, LOUDEST, to_int16

if TYPE_CHECKING:
    import soundfile

DECODER = 1
"""A number that grows when the same file gives other samples. Stores of an older number are made anew."""

LOWEST, HIGHEST = 100, 768_000  # Hz: rates beyond are damage
BLOCK = 1 << 16  # frames of the file at a time, about
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
"""Of a sample, by libsndfile's name of the coding. Codings that lose something have none: 0."""
SHORT = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (?!0 |4294967295 ).*should be", re.MULTILINE)
"""What libsndfile notes of a file that has less sound than its head says: 0 and 2^32 - 1 are heads of streams."""
UNKNOWN = 1 << 62  # frames: more than this stands for a length that the file does not say


def samples_of(settings: Settings) -> int:
    """T: how many samples a stored recording has, with its padding."""
    return max(1, round(settings["seconds"] * settings["rate"]))


def decode_examples(
    source: Source, halves: Sequence[str], settings: Settings
) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """The sound in a file, cut or padded to `data.seconds`; see `genlab.media.base.Medium.decode`."""
    if any(halves):
        raise UnreadableFileError("is sound, which does not stand side by side in a file; set data.layout=labels")
    assert not isinstance(source, np.ndarray), "no set of sounds comes as arrays"
    import soundfile  # here and in write.py: what only reads pictures runs without it

    try:
        with soundfile.SoundFile(source if isinstance(source, Path) else io.BytesIO(source)) as file:
            return [_decode(file, settings)]
    except soundfile.LibsndfileError as error:
        why = error.error_string.rstrip(".")
        raise UnreadableFileError(f"is no sound that can be read ({why}); fetch it again or delete it") from error


def _decode(file: "soundfile.SoundFile", settings: Settings) -> tuple[np.ndarray, dict[str, Any]]:
    rate, wanted = file.samplerate, samples_of(settings)
    if not LOWEST <= rate <= HIGHEST:
        raise UnreadableFileError(f"says that it has {rate} samples a second; give it the rate that it was recorded at")
    resampler, bits = Resampler(rate, settings["rate"]), BITS.get(file.subtype, 0)
    reader = _Reader(file, resampler.needs(wanted), 1 - 2.0 ** (1 - (bits if bits in (8, 24) else 16)))
    stored, count = np.full((wanted, 1), ENDED, np.int16), 0
    for piece in resampler(reader):
        some = to_int16(piece[: wanted - count])
        stored[count : count + len(some), 0] = some
        count += len(some)
        if count == wanted:
            break
    if not count:
        raise UnreadableFileError("has no samples; delete it")
    samples = stored[:count, 0]
    if SHORT.search(file.extra_info) and count < wanted:
        raise UnreadableFileError(f"breaks off after {reader.frames / rate:.2f} s; fetch it again")
    promised = file.frames if file.frames < UNKNOWN else reader.frames
    if reader.frames < min(promised, resampler.needs(wanted)) and count < wanted:
        raise UnreadableFileError(
            f"breaks off after {reader.frames / rate:.2f} of {promised / rate:.2f} s; fetch it again"
        )
    about = {
        "samples": count, "seconds": promised / rate, "rate": rate, "channels": file.channels,
        "bits": bits, "peak": max(int(samples.max()), -int(samples.min())) / LOUDEST,
        "clipped": reader.clipped / (reader.frames * file.channels),
        "silent": share_of_silence(samples, settings["rate"]),
    }  # fmt: skip
    return stored, about


@dataclass
class _Reader:
    """Reads a file on, mixes its channels down, and counts."""

    file: "soundfile.SoundFile"
    left: int  # frames that are still wanted
    full_scale: float  # the largest value of so many bits; of numbers that can be larger, that of 16 bits
    frames: int = 0  # that were read
    clipped: int = 0  # values at full scale

    def __call__(self, frames: int) -> np.ndarray:
        """The next frames, (T,); fewer where the file ends or no more are wanted.

        Raises:
            UnreadableFileError: there are values that are no numbers.
        """
        block = self.file.read(min(frames, self.left), dtype="float64", always_2d=True)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            seconds = (self.frames + int(np.argmin(finite))) / self.file.samplerate
            raise UnreadableFileError(f"has values that are no numbers, the first after {seconds:.2f} s; save it anew")
        self.left -= len(block)
        self.frames += len(block)
        self.clipped += int((np.abs(block) >= self.full_scale).sum())
        return block.mean(axis=1)


@dataclass
class Resampler:
    """From one rate to another, piece by piece, as if the sound were filtered whole."""

    rate: int  # Hz, of the file
    target: int  # Hz
    up: int = field(init=False)
    down: int = field(init=False)
    around: int = field(init=False)  # frames that the filter sees to each side, a multiple of `down`

    def __post_init__(self) -> None:
        common = math.gcd(self.rate, self.target)
        self.up, self.down = self.target // common, self.rate // common
        reach = 10 * max(self.up, self.down) / self.up + 1  # scipy's filter has 20 max(up, down) + 1 numbers
        self.around = self.down * math.ceil(reach / self.down) if self.rate != self.target else 0

    def needs(self, samples: int) -> int:
        """How many frames of the file decide on so many samples."""
        return math.ceil(samples * self.down / self.up) + self.around

    def __call__(self, read: _Reader) -> Iterator[np.ndarray]:
        """The pieces of the sound at the new rate, each (T,); together ceil(frames * up / down) samples."""
        if self.rate == self.target:
            while len(block := read(BLOCK)):
                yield block
            return
        from scipy.signal import resample_poly

        step = self.down * math.ceil(BLOCK / self.down)
        x, ended = np.concatenate([np.zeros(self.around), read(step + self.around)]), False
        while not ended:  # x begins `around` frames before the piece
            lacking = step + 2 * self.around - len(x)
            ended = lacking > 0
            piece = np.concatenate([x, np.zeros(lacking)]) if ended else x
            y = resample_poly(piece, self.up, self.down)[self.around * self.up // self.down :]
            left = step * self.up // self.down if not ended else math.ceil((len(x) - self.around) * self.up / self.down)
            yield y[:left]
            x = np.concatenate([x[step:], read(step)])
