"""Named pictures in a folder of PNGs, versioned, with a preview in kedro-viz."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from kedro.io import AbstractVersionedDataset, Version
from kedro_datasets._typing import ImagePreview
from PIL import Image

from genlab.errors import GenlabError
from genlab.files import write_folder
from genlab.io.local import local_path

PREVIEW_WIDTH = 1000  # pixels


def to_image(pixels: np.ndarray) -> Image.Image:
    """(H, W, C) uint8, or uint16 of one channel, as a Pillow image of the same depth.

    Raises:
        GenlabError: PNG has no such picture.
    """
    if pixels.shape[2] == 1:
        return Image.fromarray(pixels[:, :, 0])
    if pixels.dtype == np.uint8 and pixels.shape[2] in (3, 4):
        return Image.fromarray(pixels)
    raise GenlabError(f"a PNG cannot hold {pixels.shape[2]} channels of {pixels.dtype}")


class PicturesDataset(AbstractVersionedDataset[Mapping[str, np.ndarray], dict[str, np.ndarray]]):
    """name -> (H, W, C) pixels, as <filepath>/<version>/<folder>/<name>.png; loads in the order of names."""

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=PurePosixPath(local_path(filepath)), version=version)
        self.metadata = metadata

    def load(self) -> dict[str, np.ndarray]:
        pictures = {}
        for path in sorted(Path(self._get_load_path()).glob("*.png")):
            try:
                pixels = np.asarray(Image.open(path))
            except OSError as error:
                raise GenlabError(f"{path} is damaged ({error}); delete this version or load another one") from error
            pictures[path.stem] = pixels if pixels.ndim == 3 else pixels[:, :, None]
        return pictures

    def save(self, data: Mapping[str, np.ndarray]) -> None:
        with write_folder(Path(self._get_save_path())) as folder:
            for name, pixels in data.items():
                to_image(pixels).save(folder / f"{name}.png")

    def preview(self, pictures: int = 40) -> ImagePreview:
        """The first pictures side by side, as kedro-viz shows them: a PNG in base64."""
        images = [to_image(pixels).convert("RGB") for pixels in list(self.load().values())[:pictures]]
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
