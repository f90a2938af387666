"""Downloads that happen once: resumed where they broke off, checked, whole or not there.

While a file comes it is `NAME.part`, with what the server said of it in `NAME.part.json`. Where nobody publishes a
checksum, that of the first download that could be read is kept in `NAME.sha256`, in the format of the program
sha256sum, and a later download must have the same. A server is not trusted: there are limits to size and time.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests
import rich
import urllib3
from rich.progress import DownloadColumn, Progress, TaskID, TransferSpeedColumn

from genlab.errors import SPACE, GenlabError, remedy
from genlab.files import write_file

logger = logging.getLogger(__name__)
ATTEMPTS = 4  # in a row that bring nothing new, before an address is given up
PAUSE_SECONDS = 1.0  # before the second attempt; doubled for each one more
TIMEOUT_SECONDS = 30.0  # to connect, and between two pieces
CHUNK_BYTES = 1 << 18
SLOW_SECONDS, SLOW_BYTES = 60.0, 60_000  # fewer bytes in this time are too few
MOST_BYTES = 32 << 30  # four times the largest set in the catalogue, edges2handbags
BUSY = (408, 429, 500, 502, 503, 504)  # answers of a server that may do better later


class DownloadError(GenlabError):
    """No address gave the file; `reason` says why, address by address."""

    def __init__(self, path: Path, addresses: Sequence[str], reason: str) -> None:
        super().__init__(
            f"cannot download {path.name} ({reason}). Try again later: what came so far is kept. Or fetch "
            f"{addresses[0]} by hand, in a browser or on another machine, and put it at {path}"
        )
        self.reason = reason


class _GivenUp(Exception):
    """An address gives nothing more."""


def file_checksum(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _record(path: Path) -> Path:
    """Where the checksum of a first download is kept."""
    return path.with_name(f"{path.name}.sha256")


def _difference(file: Path, path: Path, checksum: str | None) -> str | None:
    """What is wrong with `file`, which is or will be `path`; None if its checksum is right."""
    record = _record(path)
    if checksum is None and not record.exists():
        return None
    algorithm, _, wanted = (checksum or f"sha256:{record.read_text().split()[0]}").partition(":")
    found = file_checksum(file, algorithm)
    if found == wanted:
        return None
    if checksum:
        return f"has the {algorithm} {found}, published is {wanted}"
    return (
        f"has the sha256 {found}, not the {wanted} kept in {record}; if the publisher has renewed it, delete that file"
    )


def check_file(path: Path, checksum: str | None) -> None:
    """Compare a file with its published checksum, "sha256:..." or "md5:..."; without one, with the one that was kept.

    Raises:
        GenlabError: they differ.
    """
    if wrong := _difference(path, path, checksum):
        raise GenlabError(f"{path} {wrong}. Delete {path} and run the same command again")


def keep_checksum(path: Path) -> None:
    """Make a file that could be read the standard for later downloads, unless there is one."""
    if not _record(path).exists():
        line = f"{file_checksum(path)}  {path.name}\n"
        write_file(_record(path), lambda file: file.write(line.encode()))


def download(addresses: Sequence[str], path: Path, checksum: str | None = None) -> Path:
    """Bring the file at the first address that gives it to `path`, which stays as it is where it is there already.

    A broken download goes on where it stopped if the server can do that and still has the same file; otherwise it
    starts over. Addresses are tried in their order. `checksum` is "sha256:..." or "md5:...", None where unknown.

    Returns:
        `path`.

    Raises:
        DownloadError: no address gives the file, or what came has another checksum.
        GenlabError: the file on disk has another checksum, or the disk is full.
    """
    if path.exists():
        check_file(path, checksum)
        return path
    part = path.with_name(path.name + ".part")
    failures = []
    for address in addresses:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _fetch(address, part)
            wrong = _difference(part, path, checksum)
            if wrong is None:
                part.replace(path)
            part.unlink(missing_ok=True)
            _notes(part).unlink(missing_ok=True)
        except _GivenUp as failure:
            failures.append(f"{address}: {failure}")
        except OSError as error:
            raise GenlabError(
                f"cannot write {part}: {error.strerror or error}. {remedy(error) or SPACE}, "
                "then run the same command again: it goes on where it stopped"
            ) from error
        else:
            if wrong is None:
                return path
            failures.append(f"{address}: what came {wrong}")
    raise DownloadError(path, addresses, "; ".join(failures))


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _fetch(address: str, part: Path) -> None:
    """Complete `part` from `address`.

    Raises:
        _GivenUp: the server refuses, or several attempts in a row brought nothing new.
    """
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    most, vain = part.stat().st_size if part.exists() else 0, 0
    with Progress(*columns, console=rich.get_console(), disable=not rich.get_console().is_terminal) as bar:
        task = bar.add_task(part.stem, total=None)
        logger.info("downloading %s to %s", address, part.parent)
        while True:
            try:
                _attempt(address, part, bar, task)
                return
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                lost = isinstance(error, requests.ConnectionError) and not isinstance(error, requests.ReadTimeout)
                reason = "no connection to the server" if lost else str(error)
            came = part.stat().st_size if part.exists() else 0
            vain = 0 if came >= most + CHUNK_BYTES else vain + 1
            most = max(most, came)
            if vain == ATTEMPTS:
                raise _GivenUp(reason)
            logger.warning("%s: %s; %d bytes are here, trying again", address, reason, came)
            time.sleep(PAUSE_SECONDS * 2 ** max(vain - 1, 0))


def _read_notes(part: Path) -> dict[str, Any]:
    """What the server said of `part`; nothing where that is gone or damaged."""
    if not part.exists():
        return {}
    try:
        notes = json.loads(_notes(part).read_text())
        return notes if notes.keys() == {"address", "validator", "size"} else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _pieces(answer: requests.Response, most: int, have: int) -> Iterator[bytes]:
    """The bytes of an answer as they come, not unpacked on the way, up to `most` with those that we `have`.

    Raises:
        _GivenUp: more come, or too few in a minute.
    """
    since, came = time.monotonic(), 0
    while piece := answer.raw.read1(CHUNK_BYTES, decode_content=False):
        have, came = have + len(piece), came + len(piece)
        if have > most:
            raise _GivenUp(f"more than {most} bytes came")
        if time.monotonic() - since > SLOW_SECONDS:
            if came < SLOW_BYTES:
                raise _GivenUp(f"only {came} bytes came in {SLOW_SECONDS:.0f} s")
            since, came = time.monotonic(), 0
        yield piece


def _attempt(address: str, part: Path, bar: Progress, task: TaskID) -> None:
    """One request: what `part` lacks if the server agrees, else everything from the start."""
    headers = {"Accept-Encoding": "identity"}  # the bytes of the file, with no compression on the way
    notes = _read_notes(part)
    have = part.stat().st_size if notes.get("address") == address and notes.get("validator") else 0
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": notes["validator"]}
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if have and answer.status_code == 416 and have == notes["size"]:  # nothing is lacking
            return
        if answer.status_code in BUSY:
            raise requests.HTTPError(f"HTTP {answer.status_code} {answer.reason}")
        if have and answer.status_code in (206, 416):
            rest = f"bytes {have}-{notes['size'] - 1}/{notes['size']}"
            if answer.headers.get("Content-Range") != rest:
                part.unlink()
                raise requests.HTTPError("the server has another part than was asked for")
            size = notes["size"]
        elif answer.status_code == 200:
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                raise _GivenUp("a web page came in place of the file, such as a portal's that asks for a login")
            part.unlink(missing_ok=True)  # before the notes: old bytes never stand beside a new validator
            have, length, etag = 0, answer.headers.get("Content-Length"), answer.headers.get("ETag", "")
            if not (length.isdecimal() if length else answer.headers.get("Transfer-Encoding") == "chunked"):
                raise _GivenUp(f"the server does not say where the file ends (Content-Length: {length})")
            size = int(length) if length else None
            validator = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")
            said = {"address": address, "validator": validator if size else None, "size": size}
            write_file(_notes(part), lambda file: file.write(json.dumps(said).encode()))
        else:
            raise _GivenUp(f"HTTP {answer.status_code} {answer.reason}")
        bar.update(task, total=size, completed=have)
        with part.open("ab") as file:
            for chunk in _pieces(answer, min(size or MOST_BYTES, MOST_BYTES), have):
                file.write(chunk)
                bar.update(task, advance=len(chunk))
            file.flush()
            os.fsync(file.fileno())
        if size is not None and part.stat().st_size != size:
            raise requests.HTTPError(f"{part.stat().st_size} of {size} bytes came")
