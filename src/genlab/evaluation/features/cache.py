"""What evaluation computes about real images, kept in a folder that all models share.

An entry is named by what it depends on: the content of the images and the protocol. Changed pixels or another protocol
make another entry; nothing is ever out of date. The folder may be deleted at any time. An entry ends with the SHA-256
of what stands before it, so that a damaged one is noticed and made anew.
"""

import hashlib
import io
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from genlab.data.store import digest
from genlab.evaluation.features.lite0 import Extractor
from genlab.evaluation.protocol import protocol_hash
from genlab.files import write_file

T = TypeVar("T")
SEAL_BYTES = 32
logger = logging.getLogger(__name__)


def content(images: np.ndarray) -> str:
    """32 hexadecimal digits that name images, (N, H, W, C), and their order."""
    return digest(f"{images.dtype}{images.shape}".encode(), np.ascontiguousarray(images).data)


@dataclass(frozen=True)
class Cache:
    """A folder of things that need to be computed once; with None for a folder, everything is computed anew."""

    folder: Path | None

    def features(self, extract: Extractor, images: np.ndarray) -> np.ndarray:
        """`extract(images)`, (N, D) float32."""

        def read(file: IO[bytes]) -> np.ndarray:
            return np.load(file)

        return self._keep(
            "features", "npy", {**extract.protocol, "images": content(images)}, lambda: extract(images), read,
            lambda found, file: np.save(file, found),
        )  # fmt: skip

    def values(self, name: str, protocol: Mapping[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The numbers and texts that `compute` returns."""
        return self._keep(
            name, "json", protocol, compute, json.load, lambda found, file: file.write(json.dumps(found).encode()),
        )  # fmt: skip

    def weights(
        self, name: str, protocol: Mapping[str, Any], compute: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """The tensors that `compute` returns."""
        return self._keep(
            name, "pt", protocol, compute, lambda file: torch.load(file, weights_only=True), torch.save,
        )  # fmt: skip

    def _keep(
        self, name: str, ending: str, protocol: Mapping[str, Any], compute: Callable[[], T],
        read: Callable[[IO[bytes]], T], write: Callable[[T, IO[bytes]], object],
    ) -> T:  # fmt: skip
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}-{protocol_hash(protocol)}.{ending}"
        if path.exists():
            kept = path.read_bytes()
            if hashlib.sha256(kept[:-SEAL_BYTES]).digest() == kept[-SEAL_BYTES:]:
                return read(io.BytesIO(kept[:-SEAL_BYTES]))
            logger.warning("%s is damaged: it is made anew", path)
        found, file = compute(), io.BytesIO()
        write(found, file)
        seal = hashlib.sha256(file.getbuffer()).digest()
        write_file(path, lambda whole: whole.writelines([file.getbuffer(), seal]))
        return found


NO_CACHE = Cache(None)
