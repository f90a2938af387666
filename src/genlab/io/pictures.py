"""Named pictures in a folder, versioned, with a preview in kedro-viz: PNGs, or TIFFs where PNG cannot hold them."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tifffile
from kedro.io import AbstractVersionedDataset, Version
from kedro_datasets._typing import ImagePreview
from PIL import Image

from genlab.errors import GenlabError
from genlab.files import write_folder
from genlab.io.local import local_path
from genlab.sampling.grids import to_rgb8

PREVIEW_WIDTH = 1000  # pixels


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


class PicturesDataset(AbstractVersionedDataset[Mapping[str, np.ndarray], dict[str, np.ndarray]]):
    """name -> (H, W, C) pixels, as <filepath>/<version>/<name>.png or .tif; loads in the order of names.

    A name may hold slashes: "samples/00012" is the picture 00012 in the folder samples.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=PurePosixPath(local_path(filepath)), version=version)
        self.metadata = metadata

    def load(self) -> dict[str, np.ndarray]:
        root = Path(self._get_load_path())
        paths = [path for path in root.rglob("*") if path.suffix in (".png", ".tif")]
        return {path.relative_to(root).with_suffix("").as_posix(): read_picture(path) for path in sorted(paths)}

    def save(self, data: Mapping[str, np.ndarray]) -> None:
        with write_folder(Path(self._get_save_path())) as folder:
            for name, pixels in data.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write_picture(folder / name, pixels)

    def preview(self, pictures: int = 40) -> ImagePreview:
        """The first pictures side by side, as kedro-viz shows them: a PNG in base64."""
        images = [Image.fromarray(to_rgb8(pixels[None])[0]) for pixels in list(self.load().values())[:pictures]]
        images = images or [Image.new("RGB", (1, 1), "white")]  # a study that was skipped
        cell = (max(image.width for image in images) + 4, max(image.height for image in images) + 4)
        columns = max(1, min(len(images), PREVIEW_WIDTH // cell[0]))
        sheet = Image.new("RGB", (columns * cell[0], -(-len(images) // columns) * cell[1]), "white")
        for number, image in enumerate(images):
            sheet.paste(image, (number % columns * cell[0], number // columns * cell[1]))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())

    def _exists(self) -> bool:
        return Path(self._get_load_path()).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
