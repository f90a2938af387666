"""The image store: one array, usually memory-mapped, and one table with a row per image.

An image is an example of any medium. N images, (N, *axes, C): of pictures (N, H, W, C) uint8 or uint16, H = W; of sound
(N, T, 1) int16. A set has a store for each of its domains: "a" and "b", or
"images" alone. On disk it is a folder with `<domain>.npy` for each, one `table.parquet` and `set.json`.

Each file's digest stands in `set.json`, and is checked when a set is opened: damage is never used.

The folder is named after what is in it. Sets of one name lie side by side, `<name>/<key>`, and the file `<name>/newest`
holds the key of the newest. A set on disk never changes, so several processes can share it.
"""

import hashlib
import json
import logging
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from genlab.errors import GenlabError
from genlab.files import remove_folder, write_file
from genlab.media.base import PICTURES, Medium, medium_named

FIRST_COLUMNS, LAST_COLUMNS = ("id", "domain", "split", "label", "group", "source"), ("content", "checksum")
"""id: unique in its domain, shared by the sides of a pair · domain: a, b or images · split: train, val or test, or ""
where the source does not say · label: class name · group: whom or what it belongs to, such as a speaker, or "" where
nothing says · source: file it came from · content: digest of the file's bytes · checksum: names the stored pixels."""

PART = 512  # images that are read at a time where all are read one after another
LETTING_GO = 32 * 2**20  # after so many bytes read from a large store, its pages are released
LARGE = 128 * 2**20  # bytes; smaller stores may stay in memory

logger = logging.getLogger(__name__)


def table_columns(medium: Medium) -> list[str]:
    """The columns of a store's table: FIRST_COLUMNS, those of the medium, LAST_COLUMNS."""
    return [*FIRST_COLUMNS, *medium.columns, *LAST_COLUMNS]


@dataclass(frozen=True)
class ImageStore:
    """N images and what is known of each. Row i of the table describes image i, which stands at `places[i]`."""

    images: np.ndarray  # (M, *axes, C), as stored; of pictures (M, H, W, C); a view may show some of them only
    table: pd.DataFrame  # N rows, `table_columns`
    medium: str = PICTURES  # its full name
    places: np.ndarray | None = None  # (N,) rows of `images`; None: all of them, in their order
    shades: "ImageStore | None" = None  # what training draws black and white from, anew at each step: the same N images
    _read: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)  # bytes since pages were let go

    def __post_init__(self) -> None:
        places = len(self.images) if self.places is None else len(self.places)
        if places != len(self.table) or self.images.ndim < 2:
            raise ValueError(f"{places} of {self.images.shape} images do not go with {len(self.table)} rows")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def channels(self) -> int:
        return self.images.shape[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example inside a model: channels, then axes."""
        *axes, channels = self.images.shape[1:]
        return channels, *axes

    @property
    def nbytes(self) -> int:
        """Bytes that all N images take in memory."""
        return len(self) * self.images[:1].nbytes

    def all(self) -> np.ndarray:
        """All images, (N, *axes, C), in memory."""
        return self.take(np.arange(len(self)))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The images in those rows, (len(rows), *axes, C), in memory; a memory-mapped store stays out of it."""
        taken = self.images[rows if self.places is None else self.places[rows]]
        self._read[0] += taken.nbytes
        if self._read[0] > LETTING_GO and self.images.nbytes > LARGE:
            self._read[0] = 0
            let_go(self.images)
        return taken

    def parts(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The images in those rows, `PART` of them in memory at a time."""
        return (self.take(rows[start : start + PART]) for start in range(0, len(rows), PART))


def let_go(images: np.ndarray) -> None:
    """Take the pages of a memory-mapped array out of this process's memory; they come back when they are read."""
    mapped = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def checksum(image: np.ndarray) -> str:
    """32 hexadecimal digits that name the pixels, their type and their shape."""
    header = f"{image.dtype}{image.shape}".encode()
    return digest(header, np.ascontiguousarray(image).data)


def digest(*parts: bytes | memoryview) -> str:
    """32 hexadecimal digits that name some bytes: the first half of their SHA-256, which processors do in hardware."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.hexdigest()[:32]


_digests: dict[tuple[int, ...], str] = {}


def file_digest(path: Path) -> str:
    """The digest of a file's bytes. A process reads an unchanged file once: 0.7 s for each gigabyte."""
    found = path.stat()
    file = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    if file not in _digests:
        with path.open("rb") as opened:
            _digests[file] = hashlib.file_digest(opened, "sha256").hexdigest()[:32]
    return _digests[file]


@dataclass(frozen=True)
class ImageSet:
    """The stores of one source, by domain, and how they came about."""

    stores: Mapping[str, ImageStore]
    about: Mapping[str, Any]  # plain values: "key" names files and settings; the rest is for the report

    def __getitem__(self, domain: str) -> ImageStore:
        return self.stores[domain]

    def __contains__(self, domain: str) -> bool:
        return domain in self.stores

    def __len__(self) -> int:
        return sum(len(store) for store in self.stores.values())

    @property
    def target(self) -> ImageStore:
        """Domain b, or the only one."""
        return self.stores["b"] if "b" in self.stores else next(iter(self.stores.values()))

    @property
    def table(self) -> pd.DataFrame:
        """All domains, one row per image: `table_columns`."""
        tables = [store.table for store in self.stores.values()]
        none = pd.DataFrame(columns=[*FIRST_COLUMNS, *LAST_COLUMNS])
        return pd.concat(tables, ignore_index=True) if tables else none


def open_set(folder: Path) -> ImageSet:
    """The set in a folder, its arrays memory-mapped.

    Raises:
        GenlabError: it is missing or damaged.
    """
    try:
        said = json.loads((folder / "set.json").read_text())
        about = said["about"]
        if said["digest"] != digest(json.dumps(about).encode()):
            raise ValueError("set.json has changed")
        for name, wanted in about["digests"].items():
            if file_digest(folder / name) != wanted:
                raise ValueError(f"{name} has changed")
        table = pd.read_parquet(folder / "table.parquet")
        if "group" not in table:  # a set of Genlab before groups
            table.insert(FIRST_COLUMNS.index("group"), "group", "")
        stores = {
            domain: ImageStore(
                np.load(folder / f"{domain}.npy", mmap_mode="r"),
                table[table["domain"] == domain].reset_index(drop=True),
                about.get("medium", PICTURES),
            )
            for domain in about["domains"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GenlabError(
            f"the image store {folder} is missing or damaged ({error}); run the pipeline again from its start (without "
            "--from-nodes) to ingest the images anew"
        ) from error
    return ImageSet(stores, about)


def open_newest(folder: Path) -> ImageSet:
    """The newest of the sets in a folder.

    Raises:
        GenlabError: there is none, or it is damaged.
    """
    newest = folder / "newest"
    return open_set(folder / newest.read_text() if newest.is_file() else folder)


def open_earlier(folder: Path) -> ImageSet | None:
    """The newest of the sets in a folder; None if there is none, or, with a warning, if it is damaged."""
    try:
        return open_newest(folder)
    except GenlabError as error:
        if (folder / "newest").exists():
            logger.warning("%s: it is made anew", str(error).partition(";")[0])
        return None


def keep_set(stage: Path, folder: Path, key: str) -> ImageSet:
    """A finished set in its place, `<folder>/<key>`, from where it was written; it is the newest now.

    Where another process has put the same set there already, that one stays.
    """
    place = folder / key
    try:
        found = open_set(place)
    except GenlabError:
        remove_folder(place)  # damaged
        stage.chmod(0o755)  # a staged folder is private; this one is the user's
        stage.replace(place)
        found = open_set(place)
    write_file(folder / "newest", lambda file: file.write(key.encode()))
    return found


class ArrayWriter:
    """An .npy file that grows by one example at a time and is never in memory.

    The first example decides on channels and type. A later one may widen what is written: grey becomes RGB, 8 bits
    become 16.
    """

    def __init__(self, path: Path, medium: Medium) -> None:
        self.path, self.medium = path, medium
        self.like = np.empty((0, 0), np.uint8)  # no example, in the shape and the type of those written
        self.count = 0
        self.widened = False  # is an example stored with more channels or bits than it came with?
        self._file: BinaryIO | None = None

    def append(self, example: np.ndarray) -> None:
        """Add an example, (*axes, C).

        Raises:
            UnreadableFileError: its channels do not go with those before.
        """
        if self._file is None:
            self._start(np.empty_like(example))
        channels, dtype = self.medium.common(self.like, example)
        stored = np.ascontiguousarray(self.medium.widen(example, channels, dtype))
        if (channels, dtype) != (self.like.shape[-1], self.like.dtype):
            self._widen(channels, dtype)
        self.widened |= (example.shape[-1], example.dtype) != (channels, dtype)
        assert self._file is not None
        self._file.write(stored.data)
        self.count += 1

    def close(self) -> None:
        """Write the number of examples into the file's head; only then can it be read."""
        if self._file is not None:
            self._file.seek(0)
            self._write_head()
            self._file.close()

    def _start(self, like: np.ndarray) -> None:
        self.like, self._file = like, self.path.open("wb")
        self._write_head()

    def _write_head(self) -> None:  # its length does not depend on the count: numpy leaves room for it to grow
        assert self._file is not None
        head = {"descr": np.lib.format.dtype_to_descr(self.like.dtype), "fortran_order": False,
                "shape": (self.count, *self.like.shape)}  # fmt: skip
        np.lib.format.write_array_header_1_0(self._file, head)

    def _widen(self, channels: int, dtype: np.dtype) -> None:
        self.close()
        narrow = self.path.with_suffix(".narrow")
        self.path.replace(narrow)
        examples = np.load(narrow, mmap_mode="r")
        self.count, self.widened = 0, True
        self._start(np.empty((*self.like.shape[:-1], channels), dtype))
        for example in examples:
            self.append(self.medium.widen(np.asarray(example), channels, dtype))
        let_go(examples)
        narrow.unlink()


class SetWriter:
    """Writes an image set into a folder, image by image."""

    def __init__(self, folder: Path, medium: str = PICTURES) -> None:
        self.folder, self.name, self.medium = folder, medium, medium_named(medium)
        self.rows: list[dict[str, Any]] = []
        self._arrays: dict[str, ArrayWriter] = {}

    def append(self, row: dict[str, Any], example: np.ndarray) -> None:
        """Add an example and its row of the table.

        Raises:
            UnreadableFileError: its channels do not go with those before it in its domain.
        """
        domain = row["domain"]
        if domain not in self._arrays:
            self._arrays[domain] = ArrayWriter(self.folder / f"{domain}.npy", self.medium)
        self._arrays[domain].append(example)
        self.rows.append(row)

    def finish(self, about: Mapping[str, Any]) -> None:
        """Close all files, the one that makes the set readable last."""
        for array in self._arrays.values():
            array.close()
        table = pd.DataFrame(self.rows, columns=table_columns(self.medium))
        table.to_parquet(self.folder / "table.parquet", index=False)
        widened = sorted(domain for domain, array in self._arrays.items() if array.widened)
        digests = {path.name: file_digest(path) for path in sorted(self.folder.iterdir())}
        about = {**about, "medium": self.name, "domains": sorted(self._arrays), "widened": widened,
                 "digests": digests}  # fmt: skip
        said = {"digest": digest(json.dumps(about).encode()), "about": about}
        (self.folder / "set.json").write_text(json.dumps(said, indent=1))
