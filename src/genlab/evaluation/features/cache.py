"""What evaluation computes about real images, kept in a folder that all models share.

An entry is named by what it depends on: the content of the images and the protocol. Changed pixels or another protocol
make another entry; nothing is ever out of date. The folder may be deleted at any time.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from genlab.data.store import digest
from genlab.evaluation.features.lite0 import Extractor
from genlab.evaluation.protocol import protocol_hash
from genlab.files import write_file

T = TypeVar("T")


def content(images: np.ndarray) -> str:
    """32 hexadecimal digits that name images, (N, H, W, C), and their order."""
    return digest(f"{images.dtype}{images.shape}".encode(), np.ascontiguousarray(images).data)


@dataclass(frozen=True)
class Cache:
    """A folder of things that need to be computed once; with None for a folder, everything is computed anew."""

    folder: Path | None

    def features(self, extract: Extractor, images: np.ndarray) -> np.ndarray:
        """`extract(images)`, (N, D) float32."""

        def read(path: Path) -> np.ndarray:
            return np.load(path)

        return self._keep(
            "features", "npy", {**extract.protocol, "images": content(images)}, lambda: extract(images), read,
            lambda found: lambda file: np.save(file, found),
        )  # fmt: skip

    def values(self, name: str, protocol: Mapping[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The numbers and texts that `compute` returns."""
        return self._keep(
            name, "json", protocol, compute, lambda path: json.loads(path.read_text()),
            lambda found: lambda file: file.write(json.dumps(found).encode()),
        )  # fmt: skip

    def weights(
        self, name: str, protocol: Mapping[str, Any], compute: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """The tensors that `compute` returns."""
        return self._keep(
            name, "pt", protocol, compute, lambda path: torch.load(path, weights_only=True),
            lambda found: lambda file: torch.save(found, file),
        )  # fmt: skip

    def _keep(
        self, name: str, ending: str, protocol: Mapping[str, Any], compute: Callable[[], T],
        read: Callable[[Path], T], writer: Callable[[T], Callable[[Any], object]],
    ) -> T:  # fmt: skip
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}-{protocol_hash(protocol)}.{ending}"
        if path.exists():
            try:
                return read(path)
            except (ValueError, EOFError, RuntimeError):  # damaged: made anew
                path.unlink()
        found = compute()
        write_file(path, writer(found))
        return found


NO_CACHE = Cache(None)
