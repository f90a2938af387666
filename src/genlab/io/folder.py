"""A folder, handed to a node as its path."""

from pathlib import Path
from typing import Any, NoReturn

from genlab.io.local import LocalDataset


class FolderDataset(LocalDataset):
    """Loads as the folder's path, for a reader that manages what is in it: raw files."""

    def load(self) -> Path:
        return self._path

    def save(self, data: Any) -> NoReturn:
        raise NotImplementedError(f"{self._path} is written by no node")
