"""The IDX format of MNIST and its successors (yann.lecun.com/exdb/mnist): big-endian header, then raw bytes."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from genlab.errors import GenlabError


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, gzipped or not, in the shape its header names.

    Raises:
        GenlabError: the file is missing, damaged, or not an IDX file of bytes.
    """
    remedy = "fetch or restore it (the embedded sample in a clone of Genlab: `git checkout -- data/01_raw`)"
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError as error:
        raise GenlabError(f"{path} is missing; {remedy}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise GenlabError(f"{path} is damaged ({error}); {remedy}") from error
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise GenlabError(f"{path} is not an IDX file of unsigned bytes (it begins with {raw[:4].hex()}); {remedy}")
    header = 4 + 4 * raw[3]
    shape = struct.unpack(f">{raw[3]}I", raw[4:header]) if len(raw) >= header else ()
    if len(raw) - header != math.prod(shape):
        raise GenlabError(f"{path} holds {len(raw) - header} bytes where its header {shape} names others; {remedy}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def iterate_idx(folder: Path, labels: tuple[str, ...]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Split, label and pixels (H, W) of every image in a folder of four IDX files, the training images first.

    Raises:
        GenlabError: as `read_idx`; or images and labels differ in number, or there are other labels than these.
    """
    for split, part in (("train", "train"), ("test", "t10k")):
        path, numbers = (
            plain if plain.exists() else plain.with_name(f"{plain.name}.gz")
            for plain in (folder / f"{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
        )
        images, labelled = read_idx(path), read_idx(numbers)
        if len(images) != len(labelled) or labelled.max(initial=0) >= len(labels):
            raise GenlabError(
                f"{path} and its labels do not go together: {len(images)} images, {len(labelled)} labels up to "
                f"{labelled.max(initial=0)}, where there are {len(labels)} classes. Fetch or restore both files"
            )
        for image, label in zip(images, labelled, strict=True):
            yield split, labels[label], image
