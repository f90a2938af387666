"""Decoding in processes of its own: a file that brings its decoder down, or fills time or memory, is one bad file.

A process decodes one file at a time, within limits, and is started anew after it died. It ends with the one that
started it.
"""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, LifoQueue
from typing import Any

import numpy as np

from genlab.media.base import Medium, Settings, Source, UnreadableFileError, medium_named

SECONDS = 60  # for one file
MEMORY = 8 << 30  # bytes that a process may hold; a file is refused that is larger

Found = list[tuple[np.ndarray, dict[str, Any]]]


def decode_any(medium: Medium, source: Source, halves: Sequence[str], settings: Settings) -> Found:
    """As `Medium.decode`, but whatever the decoder raises is about this one file.

    Raises:
        UnreadableFileError: says what is wrong.
    """
    try:
        return medium.decode(source, halves, settings)
    except UnreadableFileError:
        raise
    except Exception as error:  # libraries meet damaged bytes with errors of any kind, and this is their only border
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UnreadableFileError(f"is damaged ({what}); fetch it again, save it anew or delete it") from error


class Apart:
    """As many processes as threads ask at once. `with` ends them."""

    def __init__(self, medium: str) -> None:
        self.medium = medium
        self._idle: LifoQueue[tuple[subprocess.Popen[bytes], Connection]] = LifoQueue()

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        while not self._idle.empty():
            process, connection = self._idle.get()
            connection.close()
            process.wait()

    def decode(self, source: Source, halves: Sequence[str], settings: Settings) -> Found:
        """As `decode_any`.

        Raises:
            UnreadableFileError: also if the decoder crashes, or takes too long or too much memory.
        """
        try:
            process, connection = self._idle.get_nowait()
        except Empty:
            process, connection = self._start()
        try:
            connection.send((source, halves, settings))
            found: Found | UnreadableFileError = connection.recv()
        except (OSError, EOFError) as error:
            connection.close()
            ended = -process.wait()
            why = f"takes its decoder more than {SECONDS} s" if ended == signal.SIGALRM else "makes its decoder crash"
            name = signal.Signals(ended).name if ended > 0 else f"exit status {-ended}"
            raise UnreadableFileError(f"{why} ({name}); fetch it again, save it anew or delete it") from error
        self._idle.put((process, connection))
        if isinstance(found, UnreadableFileError):
            raise found
        return found

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-m", __name__, self.medium, str(theirs.fileno())]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
        ours.recv()  # it has imported its libraries
        return process, ours


def _serve(medium: Medium, connection: Connection) -> None:
    """Decode what comes until nobody is left to send anything."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started it
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection.send(None)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what C libraries have to say of a damaged file
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        signal.alarm(SECONDS)  # the kernel ends this process, wherever it is
        try:
            reply: Any = decode_any(medium, *job)
        except UnreadableFileError as error:
            reply = error
        signal.alarm(0)
        connection.send(reply)


if __name__ == "__main__":
    _serve(medium_named(sys.argv[1]), Connection(int(sys.argv[2])))
