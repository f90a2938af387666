"""Which files are pictures, and whether they show two side by side. Only their first bytes are read."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image

NPY_SIGNATURE = b"\x93NUMPY"
ENDINGS = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".dib",
    ".npy", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".tga", ".psd", ".qoi",
})  # fmt: skip
"""A file with one of these is a picture, or it is rejected. Any other file is a picture if its content says so."""
LOOKED_AT = 40  # files whose size tells a side-by-side folder from others
WIDE = 1.5  # widths in a height: two pictures side by side may be so wide, though their halves are not square

Image.init()
FORMATS = tuple(
    name for name in Image.ID
    if Image.OPEN[name][1] is not None  # it has no mark of its own: anything might be one
    and name not in ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")  # another program would have to run, or none can
)  # fmt: skip
"""Pillow's names of the formats that it reads by itself, and knows by their first bytes."""


def is_picture(path: Path) -> bool:
    """Whether a file begins as one of FORMATS or as an NPY array does."""
    if not path.is_file():  # a pipe would never end
        return False
    # Pillow meets damaged headers with errors of any kind. What it does not know is counted.
    with suppress(Exception), path.open("rb") as file:
        if file.read(len(NPY_SIGNATURE)) == NPY_SIGNATURE:
            return True
        with Image.open(path, formats=FORMATS):
            return True
    return False


def mostly_twice_as_wide(files: Sequence[Path]) -> bool | None:
    """Whether at least 9 of 10 readable files, of some spread over the set, are twice as wide as high.

    None where they are not, but so wide that each may show two pictures whose halves are not square.
    """
    sizes = []
    for path in files[:: max(1, len(files) // LOOKED_AT)]:
        if not path.is_file():  # a pipe would never end
            continue
        # Pillow meets damaged headers with errors of any kind. Ingest names the file.
        with suppress(Exception), Image.open(path, formats=FORMATS) as image:
            sizes.append(image.size)
    if sizes and sum(w == 2 * h for w, h in sizes) >= 0.9 * len(sizes):
        return True
    return None if sizes and sum(w >= WIDE * h for w, h in sizes) >= 0.9 * len(sizes) else False
