"""IDX files: the embedded sample, and every way to break one."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from genlab.data.sources.idx import read_idx
from genlab.errors import GenlabError
from tests.conftest import PROJECT

RAW = PROJECT / "data/01_raw/fashion_mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def test_the_embedded_sample_is_balanced_and_real() -> None:
    for prefix, count in (("train", 1200), ("t10k", 200)):
        images = read_idx(RAW / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(RAW / f"{prefix}-labels-idx1-ubyte.gz")
        assert images.shape == (10 * count, 28, 28)
        assert np.bincount(labels).tolist() == [count] * 10
        assert images.max() == 255
        assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 0.99 * len(images)


def test_the_sample_is_of_the_original() -> None:
    if not DEBIAN.is_dir():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    original = read_idx(DEBIAN / "t10k-images-idx3-ubyte.gz")
    known = {image.tobytes() for image in original}
    assert all(image.tobytes() in known for image in read_idx(RAW / "t10k-images-idx3-ubyte.gz"))


def test_a_broken_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "x-idx3-ubyte.gz"
    with pytest.raises(GenlabError, match=r"x-idx3-ubyte.gz is missing; fetch or restore it"):
        read_idx(path)
    shutil.copy(RAW / "t10k-images-idx3-ubyte.gz", path)
    whole = path.read_bytes()
    damaged = {
        "truncated": whole[: len(whole) // 2],
        "flipped": whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:],
        "empty": b"",
        "text": b"this is not gzip",
    }
    for content in damaged.values():
        path.write_bytes(content)
        with pytest.raises(GenlabError, match=r"x-idx3-ubyte.gz is (damaged|not an IDX file).*restore it"):
            read_idx(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"PK\x03\x04 a zip", "is not an IDX file of unsigned bytes"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "is not an IDX file of unsigned bytes"),  # floats
        (b"\0\0\x08\x01\0\0\0\x05abc", r"holds 3 bytes where its header \(5,\)"),
        (b"\0\0\x08\x03\0\0", "holds -"),
    ],
)
def test_what_is_inside_must_be_what_the_header_says(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(raw))
    with pytest.raises(GenlabError, match=message):
        read_idx(path)


def test_any_shape_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03" + bytes(range(6))))
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]
