"""From files to the image store: decoded in parallel, written as a stream, keyed by content.

The set is never in memory. An unchanged file is never decoded twice. What is not finished is never trusted: a set is
written into a folder of its own, which takes its place at the end. All images of a source are stored;
`genlab.data.arrange.view` chooses among them.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import Entry, Listing, Part, Rejected
from genlab.data.store import ImageSet, SetWriter, checksum, digest, keep_set, open_newest
from genlab.errors import GenlabError
from genlab.files import stage_folder
from genlab.media.pictures.decode import DECODER, Decoded, UnreadableImageError, decode, fit_image, to_channels

CHUNK = 8  # files that a thread takes at a time
AHEAD = 3  # chunks for each thread that may wait to be written

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Image:
    """One image, ready for the store."""

    part: Part
    pixels: np.ndarray | None  # (S, S, C); None: as in the store before
    found: dict[str, Any]  # height, width, mode, bits, content, checksum


def ingest(listing: Listing, settings: DataSettings, folder: Path) -> ImageSet:
    """The image set of a listing, in `folder`, beside those that were ingested there before.

    Where neither files nor settings have changed since the newest of them, that one comes back, and nothing is decoded.

    Raises:
        GenlabError: no file can be read, or the disk is full; the sets in `folder` are as they were.
    """
    before = _open_usable(folder, settings, listing)
    contents: Sequence[str | None] = [None] * len(listing.entries)
    if before is not None:
        contents = list(in_parallel(_content, listing.entries, settings.workers))
        if before.about["key"] == _key(listing, settings, contents):
            return before
    rejected = list(listing.rejected)
    known = _known(before)
    with stage_folder(folder / "set") as stage:
        writer = SetWriter(stage)
        read = _Reader(listing, settings, known)
        jobs = zip(listing.entries, contents, strict=True)
        digests: list[str | None] = []
        for entry, (content, images) in zip(listing.entries, in_parallel(read, jobs, settings.workers), strict=True):
            digests.append(content)
            try:
                if isinstance(images, UnreadableImageError):
                    raise images
                for image in images:
                    pixels = image.pixels
                    if pixels is None:
                        assert before is not None
                        pixels = before[image.part.domain].take(np.array([known[image.found["checksum"]][0]]))[0]
                    row = {"id": image.part.id, "domain": image.part.domain, "split": image.part.split,
                           "label": image.part.label, "source": entry.source, **image.found}  # fmt: skip
                    writer.append(row, pixels)
            except UnreadableImageError as error:
                rejected.append(Rejected(entry.source, str(error)))
        wanted = {part.domain for entry in listing.entries for part in entry.parts}
        missing = wanted - {row["domain"] for row in writer.rows}
        if missing or not wanted:
            where = "" if not writer.rows else f" for domain {', '.join(sorted(missing))}"
            first = f"; the first that failed: {rejected[0].source} {rejected[0].reason}" if rejected else ""
            raise GenlabError(f"no file in {listing.name} gives an image{where}{first}")
        key = _key(listing, settings, digests)
        about = {
            "key": key,
            "decoded_with": _decode_settings(settings, listing),
            "source": listing.name,
            "layout": listing.layout,
            "files": len(listing.entries) + len(listing.rejected),
            "rejected": [asdict(one) for one in rejected],
            "ignored": listing.ignored,
            "widened": writer.widened(),
        }
        writer.finish(about)
        return keep_set(stage, folder, key)


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None) -> Iterator[Result]:
    """`work` of every item, in their order, by threads that run only a little ahead of who takes the results."""
    workers = workers or os.cpu_count() or 1

    def do(chunk: list[Item]) -> list[Result]:
        return [work(item) for item in chunk]

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[list[Result]]] = deque()
        try:
            for chunk in _chunks(items):
                waiting.append(pool.submit(do, chunk))
                if len(waiting) > AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _decode_settings(settings: DataSettings, listing: Listing) -> dict[str, Any]:
    """All that the pixels depend on, besides the file."""
    return {
        "decoder": DECODER, "image_size": settings.image_size, "fit": settings.fit or listing.fit,
        "background": list(settings.background), "channels": settings.channels,
    }  # fmt: skip


def _key(listing: Listing, settings: DataSettings, contents: Sequence[str | None]) -> str:
    """Names files, their places and all settings that the set depends on."""
    parts = [f"{_decode_settings(settings, listing)}{listing.layout}{listing.square_halves}"]
    parts += [f"{entry.source}{entry.parts}{content}" for entry, content in zip(listing.entries, contents, strict=True)]
    parts += [f"{one}" for one in listing.rejected]
    return digest("\n".join(parts).encode())


def _open_usable(folder: Path, settings: DataSettings, listing: Listing) -> ImageSet | None:
    """The set of an earlier run, where its images were decoded as these shall be."""
    try:
        before = open_newest(folder)
    except GenlabError:
        return None
    return before if before.about.get("decoded_with") == _decode_settings(settings, listing) else None


def _known(before: ImageSet | None) -> dict[str, tuple[int, dict[str, Any]]]:
    """What was decoded before: checksum -> its row in its domain's array, and what the file had.

    Not the images of a domain some of which were widened to go with others: those others may be gone now.
    """
    if before is None:
        return {}
    names = ["height", "width", "mode", "bits", "content", "checksum"]
    return {
        found["checksum"]: (row, {str(name): value for name, value in found.items()})
        for domain, store in before.stores.items()
        if domain not in before.about["widened"]
        for row, found in enumerate(store.table[names].to_dict(orient="records"))
    }


def _content(entry: Entry) -> str | None:
    """Names a file's bytes, or an array's pixels; None where the file cannot be read."""
    if entry.pixels is not None:
        return checksum(entry.pixels)
    assert entry.path is not None
    try:
        return digest(entry.path.read_bytes())
    except OSError:
        return None


class _Reader:
    """Reads, decodes, fits: what the threads do."""

    def __init__(self, listing: Listing, settings: DataSettings, known: dict[str, Any]) -> None:
        self.listing, self.settings, self.known = listing, settings, known
        self.fit = settings.fit or listing.fit
        self.how = str(_decode_settings(settings, listing))

    def __call__(self, job: tuple[Entry, str | None]) -> tuple[str | None, list[Image] | UnreadableImageError]:
        """The content's name and the images in it, or why there are none."""
        entry, content = job
        try:
            if entry.pixels is not None:
                content = content or checksum(entry.pixels)
                raw = entry.pixels if entry.pixels.ndim == 3 else entry.pixels[:, :, None]
                decoded = Decoded(raw, "array", raw.dtype.itemsize * 8)
                return content, [self._image(part, decoded, content) for part in entry.parts]
            assert entry.path is not None
            if content is not None and all(self._checksum(content, part) in self.known for part in entry.parts):
                return content, [self._unchanged(part, content) for part in entry.parts]
            data = entry.path.read_bytes()
            content = digest(data)
            decoded = decode(data, self.settings.background)
            return content, [self._image(part, decoded, content) for part in entry.parts]
        except UnreadableImageError as error:
            return content, error
        except OSError as error:
            return content, UnreadableImageError(f"cannot be read ({error.strerror or error}); check its rights")

    def _checksum(self, content: str, part: Part) -> str:
        return digest(f"{content}{part.half}{part.domain}{self.how}".encode())

    def _unchanged(self, part: Part, content: str) -> Image:
        return Image(part, None, self.known[self._checksum(content, part)][1])

    def _image(self, part: Part, decoded: Decoded, content: str) -> Image:
        pixels = self._half(decoded.pixels, part.half)
        h, w, _ = pixels.shape
        pixels = fit_image(pixels, self.settings.image_size, self.fit)
        if self.settings.channels != "auto":
            pixels = to_channels(pixels, self.settings.channels)
        found = {
            "height": h, "width": w, "mode": decoded.mode, "bits": decoded.bits,
            "content": digest(f"{content}{part.half}".encode()) if part.half else content,
            "checksum": self._checksum(content, part),
        }  # fmt: skip
        return Image(part, pixels, found)

    def _half(self, pixels: np.ndarray, half: str) -> np.ndarray:
        h, w, _ = pixels.shape
        if not half:
            return pixels
        if w % 2:
            raise UnreadableImageError(
                f"has an odd number of columns ({w}) and cannot be cut into halves; make both sides equally wide"
            )
        if self.listing.square_halves and w != 2 * h:
            raise UnreadableImageError(
                f"has halves of {w // 2}x{h} pixels where those of the other files are square; a and b must have the "
                "same size"
            )
        return pixels[:, : w // 2] if half == "left" else pixels[:, w // 2 :]
