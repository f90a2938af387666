"""Named pictures in a folder, versioned, with a preview in kedro-viz: PNGs, or TIFFs where PNG cannot hold them."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from kedro.io import AbstractVersionedDataset, Version
from kedro_datasets._typing import ImagePreview
from PIL import Image

from genlab.files import write_folder
from genlab.io.local import local_path
from genlab.media.pictures.tiles import to_rgb8
from genlab.media.pictures.write import read_picture, write_picture

PREVIEW_WIDTH = 1000  # pixels


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
