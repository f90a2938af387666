"""Paths of datasets that must be on this machine."""

from pathlib import Path

from genlab.errors import GenlabError


def local_path(filepath: str) -> Path:
    """The path, which must be local: image stores are memory-mapped, checkpoints replaced by renaming.

    Raises:
        GenlabError: it names another protocol, such as s3://.
    """
    if "://" in filepath and not filepath.startswith("file://"):
        raise GenlabError(f"{filepath} is not on this machine; data_root must be a local folder (mount the bucket)")
    return Path(filepath.removeprefix("file://"))
