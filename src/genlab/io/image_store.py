"""Image sets in the catalog: a folder with an array for each domain, memory-mapped, and one table."""

from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from genlab.data.store import ImageSet, open_set
from genlab.io.local import local_path


class ImageSetDataset(AbstractDataset[ImageSet, ImageSet]):
    """A folder that an `ImageSet` is moved into: its writer has streamed it to this disk already."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self.metadata = metadata

    def load(self) -> ImageSet:
        return open_set(self._path)

    def save(self, data: ImageSet) -> None:
        data.move_to(self._path)

    def preview(self, rows: int = 20) -> TablePreview:
        """The first rows of the table, for kedro-viz."""
        table = pd.read_parquet(self._path / "table.parquet").head(rows)
        return TablePreview(table.to_dict(orient="split"))

    def _exists(self) -> bool:
        return (self._path / "set.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
