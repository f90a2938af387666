"""Waves: (T, C) int16 in a store, (C, T) in [-1, 1] in a model. A file is an NPY array."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genlab.media.base import Row, Settings, Shapes, Source, UnreadableFileError

LENGTH = 16  # samples


class Waves:
    kind = "waves"
    number = "sample"
    unit = "waves"
    columns = ("bits",)
    dtypes = (np.dtype(np.int16),)
    suffixes = (".npy",)
    endings = frozenset({".npy"})
    stored = ()
    derivations = MappingProxyType(
        {"noisy": lambda wave, settings, rng: wave + rng.integers(-9, 9, wave.shape, np.int16)}
    )

    streams = False

    def named(self, settings: Settings) -> str:
        return "waves"

    def named_in(self, path: Path) -> str:
        return "waves"

    def sharing(self, shared: str) -> "Waves":
        return self

    def decoding(self, settings: Settings) -> dict[str, Any]:
        return {"length": LENGTH}

    def recognises(self, path: Path) -> bool:
        return False

    def holds_two(self, files: Sequence[Path]) -> bool:
        return False

    def is_safe(self, source: bytes | Path) -> bool:
        return True

    def decode(
        self, source: Source, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        assert isinstance(source, bytes)
        wave = np.load(io.BytesIO(source))
        if len(wave) < LENGTH:
            raise UnreadableFileError(f"has {len(wave)} samples where {LENGTH} are needed; delete it")
        return [(wave[:LENGTH], {"bits": 16}) for _ in halves]

    def counts(self, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
        return {"depths": {str(bits): int(count) for bits, count in table["bits"].value_counts().items()}}

    def doubts(self, table: pd.DataFrame, dtype: np.dtype) -> list[str]:
        return ["are waves"]

    def size(self, one: Row) -> str:
        return f"{LENGTH} samples"

    def same_frame(self, one: Row, other: Row, how: Settings) -> bool:
        return True

    def common(self, one: np.ndarray, other: np.ndarray) -> tuple[int, np.dtype]:
        return one.shape[-1], one.dtype

    def widen(self, example: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
        if example.shape[-1] != channels:
            raise UnreadableFileError(f"has {example.shape[-1]} channels where the others have {channels}; delete it")
        return example.astype(dtype)

    def binarise(self, example: np.ndarray, name: str) -> np.ndarray:
        return np.where(example > 0, 32767, -32767).astype(np.int16)

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        return channels, LENGTH

    def to_model_range(self, stored: Tensor) -> Tensor:
        return stored.transpose(1, 2).float() / 32767

    def from_model_range(self, x: Tensor, dtype: np.dtype | type) -> np.ndarray:
        return (x.clamp(-1, 1) * 32767).round().transpose(1, 2).numpy().astype(dtype)

    def augment(self, batch: Mapping[str, Tensor], settings: Settings) -> dict[str, Tensor]:
        return {name: x * torch.where(torch.rand(len(x), 1, 1) < 0.5, -1, 1) for name, x in batch.items()}

    def as_pictures(self, stored: np.ndarray) -> np.ndarray:
        return np.repeat(self.show(stored[0])[None], len(stored), axis=0)

    def extent(self, axes: Sequence[int]) -> str:
        return f"{axes[0]} samples"

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        channels, length = next(iter(shapes.values()))
        return {"channels": channels, "length": length}

    def describe(self, shapes: Shapes) -> str:
        return f"waves of {shapes['images'][1]} samples"

    def write(self, path: Path, example: np.ndarray) -> None:
        np.save(path.with_name(f"{path.name}.npy"), example)

    def read(self, path: Path) -> np.ndarray:
        return np.load(path)

    def show(self, example: np.ndarray) -> np.ndarray:
        return np.repeat((example[:, 0] >> 8).astype(np.uint8)[None, :, None], LENGTH, axis=0)


MEDIUM = Waves()
