"""The IDX format of MNIST and its successors (yann.lecun.com/exdb/mnist): big-endian header, then raw bytes."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from genlab.errors import GenlabError


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in a gzipped IDX file, in the shape its header names.

    Raises:
        GenlabError: the file is missing, damaged, or not an IDX file of bytes.
    """
    remedy = "restore it (the embedded sample in a clone of Genlab: `git checkout -- data/01_raw`)"
    try:
        with gzip.open(path) as file:
            raw = file.read()
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
