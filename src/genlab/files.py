"""Files that are either whole or not there."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from genlab.errors import GenlabError


def _cannot_write(path: Path, error: OSError) -> GenlabError:
    return GenlabError(
        f"cannot write {path}: {error.strerror or error}. What was there before is untouched. Free some space or check "
        "the rights of that folder, then run the same command again"
    )


def write_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` with a temporary file beside `path`, then rename it to `path`: readers see the old or the new.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was and no temporary file stays behind.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends without an error.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        yield temporary
        replace_folder(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename the folder `new`, which lies beside `path`, to `path`; what was there goes."""
    new.chmod(0o755)  # mkdtemp makes private folders; this one is the user's
    old = new.with_name(new.name + ".old")
    if path.exists():
        path.replace(old)
    new.replace(path)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def stage_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` that outlives the block if it ends without an error, for `replace_folder`.

    What killed processes left of the kind is deleted first.

    Raises:
        GenlabError: the disk is full or refuses; `path` is as it was and the new folder is gone.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.staged-*"):
            if not _is_running(int(left.name.rpartition("-")[2])):
                shutil.rmtree(left, ignore_errors=True)
        temporary = path.parent / f".{path.name}.staged-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
    except BaseException as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
