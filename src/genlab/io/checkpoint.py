"""Trained models in the catalog, versioned."""

from pathlib import Path
from typing import TYPE_CHECKING

from genlab.io.local import VersionedDataset

if TYPE_CHECKING:
    from genlab.training.checkpoint import Checkpoint


class CheckpointDataset(VersionedDataset):
    """A `Checkpoint` in a file. It is written whole. Loading it runs no code from it."""

    def load(self) -> "Checkpoint":
        from genlab.training.checkpoint import Checkpoint

        return Checkpoint.read(Path(self._get_load_path()))

    def save(self, data: "Checkpoint") -> None:
        data.write(Path(self._get_save_path()))
