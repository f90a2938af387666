"""What all our Kedro datasets share: their files are on this machine."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset, AbstractVersionedDataset, Version
from kedro.io.core import VersionNotFoundError

from genlab.errors import GenlabError
from genlab.files import write_path
from genlab.io.record import Artifact, Origin, Record, digest_of


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


class KeptDataset(AbstractVersionedDataset[Any, Any]):
    """A file or a folder, with all its versions where it is versioned. It is written whole or not at all.

    A version has a record of what it was made from (`genlab.io.record`). What a run has saved it also loads: another
    run may have saved a newer version since.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=PurePosixPath(local_path(filepath)), version=version)
        self.metadata = metadata
        self.origin: Origin | None = None  # of what is saved next

    @abstractmethod
    def _read(self, path: Path) -> Any:
        """What lies at `path`."""

    @abstractmethod
    def _write(self, path: Path, data: Any) -> None:
        """Write a new file or folder at `path`."""

    def _sources(self, data: Any) -> Mapping[str, Artifact]:
        """Artifacts behind `data` that have no record of their own."""
        return {}

    def load(self) -> Any:
        return self._read(Path(self._get_load_path()))

    def save(self, data: Any) -> None:
        path = Path(self._get_save_path())
        with write_path(path) as new:
            self._write(new, data)
            if self._version and self.origin:
                version = str(self.resolve_save_version())
                self.origin.record(version, digest_of(new), self._sources(data)).write(path)
        if self._version:
            self.pin(self.resolve_save_version())

    def pin(self, version: str | None) -> None:
        """Load this version from now on."""
        self._version = Version(version, self.resolve_save_version())

    def path_of(self, version: str) -> Path:
        """Where a version is."""
        return Path(self._get_versioned_path(version))

    def record(self, entry: str) -> Record:
        """What the version that is loaded was made from.

        Raises:
            GenlabError: nothing was saved, it does not say, or it has changed since it was saved.
        """
        try:
            path = Path(self._get_load_path())
        except VersionNotFoundError as error:
            raise GenlabError(
                f"there is no {entry} yet in {self._filepath}; run what makes it: kedro run "
                f"--pipeline={entry.partition('.')[0]}"
            ) from error
        return Record.of(path, entry)

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
