"""From files to the image store: decoded in parallel, written as a stream, keyed by content.

The set is never in memory. An unchanged file is never decoded twice. A set is written into a folder of its own, which
takes its place at the end, so an unfinished one is never trusted. All images of a source are stored;
`genlab.data.arrange.view` chooses among them.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import Entry, Listing, Rejected
from genlab.data.store import (
    LAST_COLUMNS,
    ImageSet,
    ImageStore,
    SetWriter,
    checksum,
    digest,
    file_digest,
    keep_set,
    open_earlier,
)
from genlab.errors import GenlabError
from genlab.files import stage_folder
from genlab.media.apart import MEMORY, Apart, decode_any
from genlab.media.base import Medium, Source, UnreadableFileError, medium_named

CHUNK = 8  # files that a thread takes at a time
AHEAD = 3  # chunks for each thread that may wait to be written

Item = TypeVar("Item")
Result = TypeVar("Result")
Rows = list[tuple[dict[str, Any], np.ndarray]]
"""The images of a file: what the table says of each, and its pixels."""


def ingest(listing: Listing, settings: DataSettings, folder: Path) -> ImageSet:
    """The image set of a listing, in `folder`, beside those that were ingested there before.

    Where neither files nor settings have changed since the newest of them, that one comes back, and nothing is decoded.

    Raises:
        GenlabError: no file can be read, or the disk is full; the sets in `folder` are as they were.
    """
    given = {**dict(settings), "square_halves": listing.square_halves}
    given |= {name: value for name, value in listing.suits.items() if given[name] is None}
    full_name = medium_named(settings.medium).named(given)
    medium = medium_named(full_name)
    how = medium.decoding(given)
    before = _open_usable(folder, how)
    contents: Sequence[str | None] = [None] * len(listing.entries)
    if before is not None:
        contents = list(in_parallel(lambda one: _content(one, medium.streams), listing.entries, settings.workers))
        if before.about["key"] == _key(listing, how, contents):
            return before
    rejected, wanted = list(listing.rejected), set()
    with stage_folder(folder / "set") as stage, Apart(full_name) as apart:
        writer = SetWriter(stage, full_name)
        read = _Reader(medium, apart, given, str(how), _known(before, medium))
        digests: list[str | None] = []
        jobs = zip(listing.entries, contents, strict=True)
        for entry, (content, rows) in zip(listing.entries, in_parallel(read, jobs, settings.workers), strict=True):
            digests.append(content)
            wanted |= {part.domain for part in entry.parts}
            try:
                if isinstance(rows, UnreadableFileError):
                    raise rows
                for row, pixels in rows:
                    writer.append(row, pixels)
            except UnreadableFileError as error:
                rejected.append(Rejected(entry.source, str(error)))
        missing = wanted - {row["domain"] for row in writer.rows}
        if missing or not wanted:
            where = f" for domain {', '.join(sorted(missing))}" if writer.rows else ""
            first = f"; the first that failed: {rejected[0].source} {rejected[0].reason}" if rejected else ""
            raise GenlabError(f"no file in {listing.name} gives any {medium.unit}{where}{first}")
        key = _key(listing, how, digests)
        about = {
            "key": key,
            "decoded_with": how,
            "source": listing.name,
            "layout": listing.layout,
            "files": len(listing.entries) + len(listing.rejected),
            "rejected": [asdict(one) for one in rejected],
            "ignored": listing.ignored,
            "notes": listing.notes,
            "doubt": listing.doubt,
        }
        writer.finish(about)
        return keep_set(stage, folder, key)


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None) -> Iterator[Result]:
    """`work` of every item, in order. Threads do it, and run only a little ahead of the reader of the results."""
    workers = workers or os.cpu_count() or 1
    left = iter(items)

    def do(chunk: list[Item]) -> list[Result]:
        return [work(item) for item in chunk]

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[list[Result]]] = deque()
        try:
            while chunk := list(islice(left, CHUNK)):
                waiting.append(pool.submit(do, chunk))
                if len(waiting) > AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _key(listing: Listing, how: Mapping[str, Any], contents: Sequence[str | None]) -> str:
    """Names files, their places and all settings that the set depends on."""
    parts = [f"{how}{listing.layout}{listing.square_halves}"]
    parts += [f"{entry.source}{entry.parts}{content}" for entry, content in zip(listing.entries, contents, strict=True)]
    parts += [f"{one}" for one in listing.rejected]
    return digest("\n".join(parts).encode())


def _open_usable(folder: Path, how: Mapping[str, Any]) -> ImageSet | None:
    """The set of an earlier run, if its images were decoded in this way."""
    before = open_earlier(folder)
    return before if before and before.about.get("decoded_with") == how else None


Known = dict[str, tuple[dict[str, Any], ImageStore, int]]
"""Images that were decoded before, by checksum: what the file had, and the store and row of the pixels."""


def _known(before: ImageSet | None, medium: Medium) -> Known:
    """The images of an earlier set.

    A domain with widened images is left out: the others that they were widened for may be gone now.
    """
    if before is None:
        return {}
    names = [*medium.columns, *LAST_COLUMNS]
    return {
        found["checksum"]: ({str(name): value for name, value in found.items()}, store, row)
        for domain, store in before.stores.items()
        if domain not in before.about["widened"]
        for row, found in enumerate(store.table[names].to_dict(orient="records"))
    }


def _source(entry: Entry, streams: bool) -> Source:
    """A file's bytes, or its path if the medium `streams`, or what the entry holds.

    Raises:
        UnreadableFileError: it cannot be read, is too large, or would never end.
    """
    if entry.path is None:
        return entry.held
    try:
        about = entry.path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableFileError("is not a file but a pipe, a device or a folder; delete it")
        if streams:
            return entry.path
        if about.st_size > MEMORY:
            raise UnreadableFileError(f"has {about.st_size} bytes, more than {MEMORY}; cut it into pieces")
        return entry.path.read_bytes()
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> UnreadableFileError:
    return UnreadableFileError(f"cannot be read ({error.strerror or error}); check its rights")


def _content(entry: Entry, streams: bool) -> str | None:
    """Names a file's bytes, or an array's pixels; None where the file cannot be read."""
    try:
        return _name(_source(entry, streams))
    except UnreadableFileError:
        return None


def _name(source: Source) -> str:
    """Names it by its content.

    Raises:
        UnreadableFileError: it is a file that cannot be read.
    """
    if isinstance(source, Path):
        try:
            return file_digest(source)
        except OSError as error:
            raise _unreadable(error) from error
    return checksum(source) if isinstance(source, np.ndarray) else digest(source)


@dataclass(frozen=True)
class _Reader:
    """Reads and decodes one file: what the threads do."""

    medium: Medium
    apart: Apart
    settings: dict[str, Any]
    how: str
    known: Known

    def __call__(self, job: tuple[Entry, str | None]) -> tuple[str | None, Rows | UnreadableFileError]:
        """The content's name and the images in it, or why there are none."""
        entry, content = job
        try:
            source = None
            if content is None:
                source = _source(entry, self.medium.streams)
                content = _name(source)
            names = [digest(f"{content}{part.half}{part.domain}{self.how}".encode()) for part in entry.parts]
            if all(name in self.known for name in names):
                found = [
                    (store.take(np.array([row]))[0], about) for about, store, row in (self.known[n] for n in names)
                ]
            else:
                source = _source(entry, self.medium.streams) if source is None else source
                halves = [part.half for part in entry.parts]
                if isinstance(source, np.ndarray) or self.medium.is_safe(source):
                    found = decode_any(self.medium, source, halves, self.settings)
                else:
                    found = self.apart.decode(source, halves, self.settings)
            rows: Rows = []
            for part, name, (pixels, about) in zip(entry.parts, names, found, strict=True):
                named = digest(f"{content}{part.half}".encode()) if part.half else content
                row = {"id": part.id, "domain": part.domain, "split": part.split, "label": part.label,
                       "group": part.group, "source": entry.source, **about, "content": named,
                       "checksum": name}  # fmt: skip
                rows.append((row, pixels))
            return content, rows
        except UnreadableFileError as error:
            return content, error
