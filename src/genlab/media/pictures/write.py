"""One picture in one file: a PNG, or a TIFF where PNG cannot hold it."""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from genlab.errors import GenlabError


def fits_png(pixels: np.ndarray) -> bool:
    """Whether Pillow can keep (H, W, C) pixels in a PNG as they are: 8 bits in 1, 3 or 4 channels, 16 in one."""
    return pixels.shape[2] in ((1, 3, 4) if pixels.dtype == np.uint8 else (1,))


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W, C) uint8 or uint16 to `path` with .png behind it, or with .tif where PNG cannot hold them."""
    if fits_png(pixels):
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path.with_name(f"{path.name}.png"))
    else:
        kind = "rgb" if pixels.shape[2] == 3 else "minisblack"
        tifffile.imwrite(path.with_name(f"{path.name}.tif"), pixels, photometric=kind, planarconfig="contig",
                         compression="zlib")  # fmt: skip


def read_picture(path: Path) -> np.ndarray:
    """What `write_picture` wrote, (H, W, C).

    Raises:
        GenlabError: the file is damaged.
    """
    try:
        pixels = tifffile.imread(path) if path.suffix == ".tif" else np.asarray(Image.open(path))
    except (OSError, ValueError) as error:  # tifffile's own errors are ValueErrors
        raise GenlabError(f"{path} is damaged ({error}); delete this version or load another one") from error
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
