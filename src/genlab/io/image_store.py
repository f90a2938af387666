"""The image store on disk: `images.npy`, memory-mapped, and `table.parquet`."""

from typing import Any

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from genlab.data.store import ImageStore
from genlab.errors import GenlabError
from genlab.files import write_folder
from genlab.io.local import local_path


class ImageStoreDataset(AbstractDataset[ImageStore, ImageStore]):
    """A folder with the images of a store and its table; replaced as a whole."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self.metadata = metadata

    def load(self) -> ImageStore:
        try:
            images = np.load(self._path / "images.npy", mmap_mode="r")
            return ImageStore(images, pd.read_parquet(self._path / "table.parquet"))
        except (FileNotFoundError, ValueError) as error:
            raise GenlabError(
                f"the image store {self._path} is missing or damaged ({error}); "
                "run the pipeline again from its start (without --from-nodes) to ingest the images anew"
            ) from error

    def save(self, data: ImageStore) -> None:
        with write_folder(self._path) as folder:
            np.save(folder / "images.npy", data.images)
            data.table.to_parquet(folder / "table.parquet", index=False)

    def preview(self, rows: int = 20) -> TablePreview:
        """The first rows of the table, for kedro-viz."""
        table = pd.read_parquet(self._path / "table.parquet").head(rows)
        return TablePreview(table.to_dict(orient="split"))

    def _exists(self) -> bool:
        return (self._path / "images.npy").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
