"""Pictures or sounds in a folder, versioned, with a preview in kedro-viz: PNG, TIFF where PNG cannot hold it, WAV."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from kedro_datasets._typing import ImagePreview
from PIL import Image

from genlab.io.local import KeptDataset
from genlab.media.base import PICTURES, Drawings, medium_named, medium_of_file
from genlab.media.pictures.tiles import preview


class DrawingsDataset(KeptDataset):
    """name -> example (*axes, C), as <filepath>/<version>/<name>.png, .tif or .wav; loads in the order of names.

    What is saved are `Drawings` of any medium, or else pictures. A name may hold slashes: "samples/00012" is the
    example 00012 in the folder samples.
    """

    def _read(self, path: Path) -> Drawings:
        files = sorted(path.rglob("*"))
        name = next(filter(None, map(medium_of_file, files)), PICTURES)
        medium = medium_named(name)
        written = {found.relative_to(path): found for found in files if found.suffix in medium.suffixes}
        return Drawings(
            {place.with_suffix("").as_posix(): medium.read(found) for place, found in written.items()}, name
        )

    def _write(self, path: Path, data: Mapping[str, np.ndarray]) -> None:
        path.mkdir()
        medium = medium_named(data.medium if isinstance(data, Drawings) else PICTURES)
        for name, example in data.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            medium.write(path / name, example)

    def preview(self, pictures: int = 40) -> ImagePreview:
        """The first examples side by side, as kedro-viz shows them: a PNG in base64."""
        buffer, drawn = io.BytesIO(), self.load()
        shown = map(medium_named(drawn.medium).show, list(drawn.values())[:pictures])
        Image.fromarray(preview(list(shown))).save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode())
