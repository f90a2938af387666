"""Files that are either whole or not there."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from genlab.errors import SPACE, GenlabError, remedy

OLD = "old"  # in a staged folder: what was there before, while the new takes its place


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder of `path`. An error of the disk becomes one that names `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise GenlabError(
            f"cannot write {path}: {error.strerror or error}. What was there before is untouched. "
            f"{remedy(error) or SPACE}, then run the same command again"
        ) from error


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """A file or folder that is this block's alone among all that ask so; False where the file system knows no locks.

    The system ends the lock with the process.

    Raises:
        BlockingIOError: `wait` is False, and another block has it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextmanager
def stage_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, to be renamed; what is left of it when the block ends is deleted.

    What killed processes left of the kind is deleted first.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was and the new folder is gone.
    """
    with _writing(path), ExitStack() as held:
        with locked(path.parent):  # nobody finds the new folder before it is locked
            for left in path.parent.glob(f".{path.name}.staged-*"):
                with suppress(BlockingIOError, FileNotFoundError), locked(left, wait=False) as alone:
                    if alone:
                        _clear(left, path)
            staged = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.staged-"))
            held.enter_context(locked(staged))
        try:
            yield staged
        finally:
            _clear(staged, path)


def _clear(staged: Path, path: Path) -> None:
    """Delete a staged folder. What `write_path` took out of the way goes back if nothing took its place."""
    old = staged / OLD
    if old.exists():
        old.replace(staged / "replaced" if path.exists() else path)
    shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def write_path(path: Path) -> Iterator[Path]:
    """A place for a new file or folder, which takes that of `path` when the block ends without an error.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was.
    """
    with stage_folder(path) as staged:
        place = staged / "new" / path.name  # the staged folder is locked, and files may be written in this one
        place.parent.mkdir()
        yield place
        if path.is_dir():
            path.replace(staged / OLD)
        place.replace(path)


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` with a new file, which then takes the place of `path`: readers see the old or the new.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was.
    """
    with write_path(path) as place, place.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """`write_path` for a folder, which is there already."""
    with write_path(path) as folder:
        folder.mkdir()
        yield folder


def remove_folder(path: Path) -> None:
    """Delete a folder, if there is one. Readers see all of it or nothing.

    Raises:
        GenlabError: the disk refuses.
    """
    with stage_folder(path.with_name("removed")) as staged:
        if path.exists():
            path.replace(staged / path.name)
