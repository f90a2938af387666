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

from genlab.io.local import KeptDataset
from genlab.media.base import PICTURES, medium_named


class PicturesDataset(KeptDataset):
    """name -> (H, W, C) pixels, as <filepath>/<version>/<name>.png or .tif; loads in the order of names.

    A name may hold slashes: "samples/00012" is the picture 00012 in the folder samples.
    """

    def __init__(
        self, *, filepath: str, medium: str = PICTURES, version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._medium = medium_named(medium)

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        paths = [found for found in path.rglob("*") if found.suffix in self._medium.suffixes]
        return {found.relative_to(path).with_suffix("").as_posix(): self._medium.read(found) for found in sorted(paths)}

    def _write(self, path: Path, data: Mapping[str, np.ndarray]) -> None:
        path.mkdir()
        for name, pixels in data.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            self._medium.write(path / name, pixels)

    def preview(self, pictures: int = 40) -> ImagePreview:
        """The first pictures side by side, as kedro-viz shows them: a PNG in base64."""
        buffer = io.BytesIO()
        Image.fromarray(self._medium.preview(list(self.load().values())[:pictures])).save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())
