"""Trained models in the catalog, versioned."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractVersionedDataset, Version

from genlab.io.local import local_path

if TYPE_CHECKING:
    from genlab.training.checkpoint import Checkpoint


class CheckpointDataset(AbstractVersionedDataset["Checkpoint", "Checkpoint"]):
    """A `Checkpoint` in a file: written whole, loaded without running code from it."""

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=PurePosixPath(local_path(filepath)), version=version)
        self.metadata = metadata

    def load(self) -> "Checkpoint":
        from genlab.training.checkpoint import Checkpoint

        return Checkpoint.read(Path(self._get_load_path()))

    def save(self, data: "Checkpoint") -> None:
        data.write(Path(self._get_save_path()))

    def _exists(self) -> bool:
        return Path(self._get_load_path()).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
