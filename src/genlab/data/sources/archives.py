"""Archives from elsewhere, unpacked without trusting them."""

import gzip
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from genlab.errors import GenlabError
from genlab.files import write_folder

MAX_BYTES = 64 << 30  # unpacked; the largest set in the catalogue, edges2handbags, has 8 GB
MAX_RATIO = 100  # unpacked to packed; images hardly shrink: a set has 1 to 3
FREE_BYTES = 16 << 20  # up to here any ratio goes: a small archive of text is no bomb
MAX_FILES = 1_000_000
CHUNK_BYTES = 1 << 20
ENDINGS = (".zip", ".tar.gz", ".tgz")

_Entry = tuple[str, str, IO[bytes] | None]
"""Name in the archive · "file", "folder", or in words what else it is · the open file, None for what is not one."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip, .tar.gz or .tgz into `folder`, which is there whole when this returns, else as it was.

    Sizes are counted while writing. The sizes that an archive names are not trusted.

    Raises:
        GenlabError: the archive is damaged, encrypted or of another kind; it holds a link, a device, an absolute path,
            a path with `..` or one path twice; it unpacks to more than MAX_BYTES, to more than MAX_RATIO times its own
            size (and more than FREE_BYTES) or to more than MAX_FILES files; or the disk is full.
    """
    written = files = 0
    with write_folder(folder) as target:
        for name, kind, source in _entries(archive):
            path = _inside(archive, name, target)
            if kind == "folder":
                path.mkdir(parents=True, exist_ok=True)
                continue
            if source is None:
                raise _unsafe(archive, f"{name!r} is {kind}")
            files += 1
            if files > MAX_FILES:
                raise _unsafe(archive, f"it holds more than {MAX_FILES} files")
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                raise _unsafe(archive, f"{name!r} stands in it twice")
            with path.open("wb") as file:
                while chunk := _read(archive, source):
                    written += len(chunk)
                    _require_allowed(archive, written)
                    file.write(chunk)


def _unsafe(archive: Path, what: str) -> GenlabError:
    return GenlabError(
        f"{archive} is not unpacked: {what}, and nothing of it was kept. Delete it and fetch it from a source that you "
        "trust, or unpack it by hand after looking into it"
    )


def _require_allowed(archive: Path, unpacked: int) -> None:
    """Refuse an archive that has given more bytes than one of its size may hold."""
    size = archive.stat().st_size
    allowed = min(MAX_BYTES, max(MAX_RATIO * size, FREE_BYTES))
    if unpacked > allowed:
        raise _unsafe(archive, f"its {size} bytes unpack to more than {allowed}, as those of a decompression bomb do")


@contextmanager
def _undamaged(archive: Path) -> Iterator[None]:
    """Errors of the readers as one that names the archive."""
    try:
        yield
    except GenlabError:
        raise
    except Exception as error:  # the readers meet damaged bytes with errors of any kind, and this is their only border
        raise GenlabError(
            f"{archive} is damaged ({type(error).__name__}: {error}); nothing of it was kept. Delete it and fetch it "
            "again"
        ) from error


def _inside(archive: Path, name: str, target: Path) -> Path:
    """Where an entry goes."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or PureWindowsPath(name).drive:
        raise _unsafe(archive, f"{name!r} would be written outside its folder")
    return target / path


def _read(archive: Path, source: IO[bytes]) -> bytes:
    """The next piece of an entry. An OSError is the archive's; one of the disk is reported by `write_folder`."""
    with _undamaged(archive):
        return source.read(CHUNK_BYTES)


class _Limited:
    """What gzip gives, up to a limit: a header of a tar file can be a bomb too, and is read into memory."""

    def __init__(self, archive: Path, source: gzip.GzipFile) -> None:
        self.archive, self.source, self.given = archive, source, 0

    def read(self, size: int) -> bytes:
        piece = self.source.read(size)
        self.given += len(piece)
        _require_allowed(self.archive, self.given)
        return piece


def _entries(archive: Path) -> Iterator[_Entry]:
    """The entries of an archive in its order; each one's file is open until the next is asked for."""
    if not archive.name.endswith(ENDINGS):
        raise GenlabError(f"{archive} is not a .zip, .tar.gz or .tgz file; unpack it by hand")
    with _undamaged(archive):
        yield from _zip_entries(archive) if archive.name.endswith(".zip") else _tar_entries(archive)


def _zip_entries(archive: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            mode = entry.external_attr >> 16  # Unix's, 0 where another system made the archive
            if entry.is_dir():
                yield entry.filename, "folder", None
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield entry.filename, "a link or a device", None
            elif entry.flag_bits & 1:
                yield entry.filename, "encrypted", None
            else:
                with opened.open(entry) as source:
                    yield entry.filename, "file", source


def _tar_entries(archive: Path) -> Iterator[_Entry]:
    with gzip.open(archive) as raw:
        stream = _Limited(archive, raw)
        with tarfile.open(fileobj=stream, mode="r|") as opened:  # type: ignore[call-overload]
            for entry in opened:
                if entry.isdir():
                    yield entry.name, "folder", None
                elif not entry.isreg():
                    yield entry.name, "a link or a device", None
                else:
                    yield entry.name, "file", opened.extractfile(entry)
        while stream.read(CHUNK_BYTES):  # gzip's checksum stands at the end, behind what tar asks for
            pass
