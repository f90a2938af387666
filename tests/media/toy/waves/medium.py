"""Waves: (T, C) int16 in a store, (C, T) in [-1, 1] in a model. A file is an NPY array."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.media.base import Settings, Shapes, UnreadableFileError

LENGTH = 16  # samples


class Waves:
    suffixes = (".npy",)
    endings = frozenset({".npy"})
    derivations = MappingProxyType(
        {"noisy": lambda wave, settings, rng: wave + rng.integers(-9, 9, wave.shape, np.int16)}
    )

    def decoding(self, settings: Settings) -> dict[str, Any]:
        return {"length": LENGTH}

    def recognises(self, path: Path) -> bool:
        return False

    def holds_two(self, files: Sequence[Path]) -> bool:
        return False

    def is_safe(self, data: bytes) -> bool:
        return True

    def decode(
        self, source: bytes | np.ndarray, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        wave = source if isinstance(source, np.ndarray) else np.load(io.BytesIO(source))
        if len(wave) < LENGTH:
            raise UnreadableFileError(f"has {len(wave)} samples where {LENGTH} are needed; delete it")
        return [(wave[:LENGTH], {"bits": 16}) for _ in halves]

    def same_frame(self, one: Mapping[str, Any], other: Mapping[str, Any], how: Settings) -> bool:
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

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        channels, length = next(iter(shapes.values()))
        return {"channels": channels, "length": length}

    def describe(self, shapes: Shapes) -> str:
        return f"waves of {shapes['images'][1]} samples"

    def write(self, path: Path, example: np.ndarray) -> None:
        np.save(path.with_name(f"{path.name}.npy"), example)

    def read(self, path: Path) -> np.ndarray:
        return np.load(path)

    def preview(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        heights = np.stack([wave[:, 0] >> 8 for wave in examples]).astype(np.uint8)
        return np.repeat(heights[:, :, None], 3, axis=2)


MEDIUM = Waves()
