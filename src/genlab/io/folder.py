"""A folder, handed to a node as its path."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset

from genlab.io.local import local_path


class FolderDataset(AbstractDataset[Any, Path]):
    """Loads as the folder's path, for readers and writers that manage what is in it: raw files, snapshots."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        return self._path

    def save(self, data: Any) -> NoReturn:
        raise NotImplementedError(f"{self._path} is written by the node that takes it as an input")

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
