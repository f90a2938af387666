"""A file in a format that a dataset of Kedro knows: tables, JSON, plots, text, pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, Version
from kedro.io.core import VersionNotFoundError

from genlab.io.local import KeptDataset


class FileDataset(KeptDataset):
    """Another dataset's file, written whole or not at all. `dataset` is that dataset without its filepath."""

    def __init__(
        self, *, filepath: str, dataset: dict[str, Any], version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._dataset = dataset

    def _at(self, path: Path) -> Any:
        return AbstractDataset.from_config(path.name, {**self._dataset, "filepath": str(path)})

    def _read(self, path: Path) -> Any:
        return self._at(path).load()

    def _write(self, path: Path, data: Any) -> None:
        self._at(path).save(data)

    @property
    def preview(self) -> Callable[..., Any]:
        """The other dataset's preview, for kedro-viz; an AttributeError where nothing is saved yet."""
        try:
            path = Path(self._get_load_path())
        except VersionNotFoundError as error:
            raise AttributeError("preview") from error
        preview: Callable[..., Any] = self._at(path).preview
        return preview
