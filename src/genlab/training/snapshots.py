"""Snapshots: the whole state of an unfinished run. A run that resumes from one ends with the same bits."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import genlab
from genlab.errors import GenlabError
from genlab.files import remove_folder
from genlab.training.checkpoint import read_state, write_state

KEPT = 2  # the newest, and the one before it should the newest be damaged
logger = logging.getLogger(__name__)


def fingerprint(data: str, parameters: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that name a run: the data's fingerprint, the parameters, Genlab's code, torch's version."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps([data, parameters, torch.__version__], sort_keys=True, default=str).encode())
    root = Path(genlab.__file__).parent
    for package in ("media", "data", "nn", "models", "training"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Snapshots:
    """Snapshots by run and step: <folder>/<fingerprint>/step_00000250.pt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, run: str, step: int, state: Mapping[str, Any]) -> None:
        """Write a snapshot, then delete all but the newest two.

        Raises:
            GenlabError: the disk refuses; older snapshots are untouched.
        """
        write_state(self.folder / run / f"step_{step:08d}.pt", state)
        for old in self._files(run)[:-KEPT]:
            old.unlink()

    def latest(self, run: str) -> dict[str, Any] | None:
        """The newest readable snapshot of a run; None if there is none. A damaged one is named and passed over."""
        for path in reversed(self._files(run)):
            try:
                return read_state(path)
            except GenlabError as error:
                logger.warning("%s. Going back to the snapshot before it.", error)
        return None

    def save_best(self, run: str, state: Mapping[str, Any]) -> None:
        """Keep the weights that are the best so far.

        Raises:
            GenlabError: the disk refuses; those kept before are untouched.
        """
        write_state(self.folder / run / "best.pt", state)

    def best(self, run: str) -> dict[str, Any]:
        """What `save_best` kept last.

        Raises:
            GenlabError: it is gone or damaged.
        """
        return read_state(self.folder / run / "best.pt")

    def clear(self, run: str) -> None:
        """Delete the snapshots of a finished run."""
        remove_folder(self.folder / run)

    def others(self, run: str) -> list[str]:
        """Unfinished runs other than this one: other data, parameters or code."""
        return sorted(path.name for path in self.folder.glob("[!.]*") if path.is_dir() and path.name != run)

    def _files(self, run: str) -> list[Path]:
        return sorted((self.folder / run).glob("step_*.pt"))
