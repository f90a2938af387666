"""Which files are sound, by their endings or their first bytes."""

from pathlib import Path

ENDINGS = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64",
    ".rf64",
})  # fmt: skip
"""A file with one of these is sound, or it is rejected. Any other file is sound if its content says so."""


def is_sound(path: Path) -> bool:
    """Whether a file begins as a WAV, FLAC or OGG does."""
    if not path.is_file():  # a pipe would never end
        return False
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[:4] in (b"fLaC", b"OggS") or (head[:4], head[8:]) == (b"RIFF", b"WAVE")
