"""Nothing that a file holds ends a run. `make fuzz` tries minutes of damaged files where `make test` tries seconds."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from genlab.data.sources.archives import unpack
from genlab.errors import GenlabError
from genlab.media.apart import Apart, decode_any
from genlab.media.base import UnreadableFileError, medium_named
from tests.data.fuzz import MANY, damaged, pictures, sounds

PICTURES, SOUNDS = pictures(), sounds()
SETTINGS = {"image_size": 16, "fit": "crop", "background": (255, 255, 255), "channels": "auto", "square_halves": False,
            "axes": None, "white": None}  # fmt: skip


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    with Apart("pictures") as apart:
        yield apart


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_picture_is_read_or_refused(kind: str, apart: Apart) -> None:
    medium, refused = medium_named("pictures"), 0
    for data in [PICTURES[kind], *damaged(PICTURES[kind], MANY or 15, zlib.crc32(kind.encode()))]:
        try:
            found = (
                decode_any(medium, data, [""], SETTINGS) if medium.is_safe(data) else apart.decode(data, [""], SETTINGS)
            )
        except UnreadableFileError:
            refused += 1
            continue
        [(pixels, _)] = found
        assert pixels.shape[:2] == (16, 16)
        assert pixels.dtype in (np.uint8, np.uint16)
    assert 0 < refused < (MANY or 15) + 1, "the whole file is read, and damage is noticed"


@pytest.fixture(scope="module")
def sound_apart() -> Iterator[Apart]:
    with Apart("sound:8000") as apart:
        yield apart


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_damaged_sound_is_read_or_refused(kind: str, sound_apart: Apart) -> None:
    settings = {"rate": 8000, "seconds": 0.3}
    [(whole, about)] = sound_apart.decode(SOUNDS[kind], [""], settings)
    assert about["seconds"] == pytest.approx(0.25, abs=0.1)
    for data in damaged(SOUNDS[kind], MANY or 15, zlib.crc32(kind.encode())):
        with suppress(UnreadableFileError):
            [(stored, _)] = sound_apart.decode(data, [""], settings)
            assert stored.shape == whole.shape == (2400, 1)
            assert stored.dtype == np.int16


def archive(ending: str) -> bytes:
    file = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("a/one.jpg", PICTURES["jpeg"])
            opened.writestr("b/zwei-\u00e9.txt", b"two" * 99)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as opened:
            entry = tarfile.TarInfo("a/one.jpg")
            entry.size = len(PICTURES["jpeg"])
            opened.addfile(entry, io.BytesIO(PICTURES["jpeg"]))
    return file.getvalue()


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_archive_is_unpacked_or_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"set{ending}"
    for number, data in enumerate(damaged(archive(ending), MANY or 300, zlib.crc32(ending.encode()))):
        path.write_bytes(data)
        with suppress(GenlabError):
            unpack(path, tmp_path / "unpacked" / str(number))
    assert not [left for left in tmp_path.rglob(".*") if left.is_dir()], "nothing half unpacked stays"
