"""Files that are either whole or not there."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from genlab.errors import GenlabError


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder of `path`. An error of the disk becomes one that names `path`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise GenlabError(
            f"cannot write {path}: {error.strerror or error}. What was there before is untouched. Free some space or "
            "check the rights of that folder, then run the same command again"
        ) from error


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` with a temporary file beside `path`, then rename it to `path`: readers see the old or the new.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was and no temporary file stays behind.
    """
    with _writing(path), tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def stage_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` that outlives the block if it ends without an error, for `replace_folder`.

    What killed processes left of the kind is deleted first.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was and the new folder is gone.
    """
    with _writing(path):
        for left in path.parent.glob(f".{path.name}.staged-*"):
            if (process := re.search(r"\.staged-(\d+)", left.name)) and not _is_running(int(process[1])):
                shutil.rmtree(left, ignore_errors=True)
        staged = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.staged-{os.getpid()}-"))
        try:
            yield staged
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise


@contextmanager
def write_path(path: Path) -> Iterator[Path]:
    """A place for a new file or folder, which takes that of `path` when the block ends without an error.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was.
    """
    with stage_folder(path) as staged:
        yield staged / path.name
        if path.is_dir():
            path.replace(staged / "old")
        (staged / path.name).replace(path)
        shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """`write_path` for a folder, which is there already."""
    with write_path(path) as folder:
        folder.mkdir()
        yield folder


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new`, which lies beside `path`, to `path`. An old folder of that name is deleted."""
    new.chmod(0o755)  # mkdtemp makes private folders; this one is the user's
    old = new.with_name(new.name + ".old")
    if path.exists():
        path.replace(old)
    new.replace(path)
    shutil.rmtree(old, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
