"""What all our Kedro datasets share: their files are on this machine."""

from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, Version

from genlab.errors import GenlabError


def local_path(filepath: str) -> Path:
    """The path, which must be local: image stores are memory-mapped, checkpoints replaced by renaming.

    Raises:
        GenlabError: it names another protocol, such as s3://.
    """
    if "://" in filepath and not filepath.startswith("file://"):
        raise GenlabError(f"{filepath} is not on this machine; data_root must be a local folder (mount the bucket)")
    return Path(filepath.removeprefix("file://"))


class LocalDataset(AbstractDataset[Any, Any]):
    """A file or a folder."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self.metadata = metadata

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class VersionedDataset(AbstractVersionedDataset[Any, Any]):
    """A file or a folder with all its versions."""

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=PurePosixPath(local_path(filepath)), version=version)
        self.metadata = metadata

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
