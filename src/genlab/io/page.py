"""Pages in the catalog: one HTML file that needs nothing else, with a preview in kedro-viz."""

from typing import Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import HTMLPreview

from genlab.files import write_file
from genlab.io.local import local_path


class PageDataset(AbstractDataset[str, str]):
    """An HTML file, written whole."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self.metadata = metadata

    def load(self) -> str:
        return self._path.read_text()

    def save(self, data: str) -> None:
        write_file(self._path, lambda file: file.write(data.encode()))

    def preview(self) -> HTMLPreview:
        """The page, for kedro-viz."""
        return HTMLPreview(self.load())

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
