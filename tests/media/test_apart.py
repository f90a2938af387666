"""A process of its own for a decoder: what becomes of its crashes, its time and its memory."""

import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from genlab.media.apart import MEMORY, Apart
from genlab.media.base import UnreadableFileError
from tests.data.fuzz import pictures

SETTINGS = {"image_size": 16, "fit": "crop", "background": (255, 255, 255), "channels": "auto", "square_halves": False,
            "axes": None, "white": None}  # fmt: skip
TIFF = pictures()["tiff"]


class Trap(dict):
    """Settings that do something when the decoder asks for the first of them."""

    def __init__(self, does: Callable[[], object]) -> None:
        super().__init__(SETTINGS)
        self.does = does

    def __reduce__(self) -> tuple[object, ...]:
        return Trap, (self.does,)

    def __getitem__(self, key: str) -> object:
        self.does()
        return super().__getitem__(key)


def crash() -> None:
    signal.raise_signal(signal.SIGSEGV)


def hang() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.1)  # not a minute
    while True:
        time.sleep(1)


def fill() -> None:
    np.ones(MEMORY, np.uint8)


def fail() -> None:
    raise ZeroDivisionError("by zero")


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    with Apart("pictures") as apart:
        yield apart


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        (crash, r"makes its decoder crash \(SIGSEGV\)"),
        (hang, r"takes its decoder more than 60 s \(SIGALRM\)"),
        (fill, r"is damaged \(\w*MemoryError: Unable to allocate"),
        (fail, r"is damaged \(ZeroDivisionError: by zero\)"),
    ],
)
def test_what_a_file_does_to_its_decoder_is_about_that_file(
    apart: Apart, does: Callable[[], object], reason: str
) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        apart.decode(TIFF, [""], Trap(does))
    [(pixels, about)] = apart.decode(TIFF, [""], SETTINGS)
    assert (pixels.shape, about["mode"]) == ((16, 16, 3), "TIFF, 3 channels")
