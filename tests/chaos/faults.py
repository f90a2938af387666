"""A process that is killed, or whose disk is full, from its n-th change of the files below a folder on.

Changes are what Python does: files opened for writing, every write (it gets half of its bytes through), renames,
deletions, new folders. What libraries write in C, such as SQLite, is not counted.
"""

import builtins
import errno
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Fault = Literal["kill", "full"]
GROWS = ("open", "os.mkdir", "write")  # what a full disk refuses
CHANGES = {*GROWS, "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}


class Changes:
    """Counts the changes below a folder, and lets the fault happen from the n-th on; 0 never."""

    def __init__(self, folder: Path, event: int, fault: Fault) -> None:
        self.folder, self.event, self.fault = str(folder.resolve()), event, fault
        self.count = 0
        self._lock = threading.Lock()

    def hit(self, change: str, place: Any) -> bool:
        """Whether this change fails."""
        if not isinstance(place, str | bytes | os.PathLike) or not os.path.abspath(os.fsdecode(place)).startswith(
            self.folder
        ):
            return False
        with self._lock:
            self.count += 1
            return bool(self.event) and self.count >= self.event and (self.fault == "kill" or change in GROWS)

    def fail(self, place: Any) -> None:
        """What the fault is."""
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)


def prepare(folder: Path, event: int, fault: Fault = "kill") -> Changes:
    """From now on this process counts what it changes below `folder`. There is no way back."""
    changes, really_open = Changes(folder, event, fault), builtins.open

    def audit(name: str, given: tuple[Any, ...]) -> None:
        if name not in CHANGES or (name == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        place = given[0]
        if isinstance(place, str) and isinstance(given[-1], int) and given[-1] >= 0 and name != "open":  # dir_fd
            place = f"{os.readlink(f'/proc/self/fd/{given[-1]}')}/{place}"
        if changes.hit(name, place):
            changes.fail(place)

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            if changes.hit("write", self.name):
                super().write(bytes(data)[: len(data) // 2])
                changes.fail(self.name)
            return super().write(data)

    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        if isinstance(file, int) or not set(mode) & set("wax+"):
            return really_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffer: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

    builtins.open = io.open = opened
    sys.addaudithook(audit)
    return changes


def outcome(work: Callable[[], object]) -> int:
    """Do it in a copy of this process; its exit status: 1 after an error, -9 after a kill."""
    process = os.fork()
    if not process:
        status = 1
        try:
            work()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
            print(end, file=sys.stderr)
        except BaseException:  # noqa: BLE001 - a copy must not go on as the original
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
