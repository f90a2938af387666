"""One recording in one WAV file of 16 bits, without its padding; a comment in the file says how long it is with it."""

from pathlib import Path

import numpy as np

from genlab.errors import GenlabError
from genlab.media.sound.integers import pad, without_padding


def write_sound(path: Path, stored: np.ndarray, rate: int) -> None:
    """Write (T, 1) int16 to `path` with .wav behind it; `rate` in Hz."""
    import soundfile

    with soundfile.SoundFile(path.with_name(f"{path.name}.wav"), "w", rate, 1, "PCM_16") as file:
        file.comment = f"padded to {len(stored)}"
        file.write(without_padding(stored))


def read_sound(path: Path) -> np.ndarray:
    """What `write_sound` wrote, (T, 1) int16.

    Raises:
        GenlabError: the file is damaged.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            samples = file.read(dtype="int16")
            return pad(samples, int(file.comment.rpartition(" ")[2]))
    except (soundfile.LibsndfileError, ValueError) as error:
        raise GenlabError(f"{path} is damaged ({error}); delete this version or load another one") from error


def rate_of(path: Path) -> int:
    """The sampling rate of a sound file in Hz.

    Raises:
        GenlabError: the file is damaged.
    """
    import soundfile

    try:
        return int(soundfile.info(path).samplerate)
    except soundfile.LibsndfileError as error:
        raise GenlabError(f"{path} is damaged ({error}); delete this version or load another one") from error
