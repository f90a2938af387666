"""Trained models in the catalog, versioned."""

from pathlib import Path
from typing import TYPE_CHECKING

from genlab.io.local import KeptDataset

if TYPE_CHECKING:
    from genlab.training.checkpoint import Checkpoint


class CheckpointDataset(KeptDataset):
    """A `Checkpoint` in a file. Loading it runs no code from it."""

    def _read(self, path: Path) -> "Checkpoint":
        from genlab.training.checkpoint import Checkpoint

        return Checkpoint.read(path)

    def _write(self, path: Path, data: "Checkpoint") -> None:
        data.write(path)
