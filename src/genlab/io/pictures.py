"""Named pictures in a folder, versioned, with a preview in kedro-viz: PNGs, or TIFFs where PNG cannot hold them."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import Version
from kedro_datasets._typing import ImagePreview
from PIL import Image

from genlab.files import write_folder
from genlab.io.local import VersionedDataset
from genlab.media.base import PICTURES, medium_named


class PicturesDataset(VersionedDataset):
    """name -> (H, W, C) pixels, as <filepath>/<version>/<name>.png or .tif; loads in the order of names.

    A name may hold slashes: "samples/00012" is the picture 00012 in the folder samples.
    """

    def __init__(
        self, *, filepath: str, medium: str = PICTURES, version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._medium = medium_named(medium)

    def load(self) -> dict[str, np.ndarray]:
        root = Path(self._get_load_path())
        paths = [path for path in root.rglob("*") if path.suffix in self._medium.suffixes]
        return {path.relative_to(root).with_suffix("").as_posix(): self._medium.read(path) for path in sorted(paths)}

    def save(self, data: Mapping[str, np.ndarray]) -> None:
        with write_folder(Path(self._get_save_path())) as folder:
            for name, pixels in data.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                self._medium.write(folder / name, pixels)

    def preview(self, pictures: int = 40) -> ImagePreview:
        """The first pictures side by side, as kedro-viz shows them: a PNG in base64."""
        buffer = io.BytesIO()
        Image.fromarray(self._medium.preview(list(self.load().values())[:pictures])).save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())
