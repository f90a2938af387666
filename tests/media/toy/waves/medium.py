"""Waves: (T, C) int16 in a store, (C, T) in [-1, 1] in a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Waves:
    suffixes = (".npy",)

    def to_model_range(self, stored: Tensor) -> Tensor:
        return stored.transpose(1, 2).float() / 32767

    def from_model_range(self, x: Tensor, dtype: np.dtype | type) -> np.ndarray:
        return (x.clamp(-1, 1) * 32767).round().transpose(1, 2).numpy().astype(dtype)

    def augment(self, batch: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, Tensor]:
        return {name: x * torch.where(torch.rand(len(x), 1, 1) < 0.5, -1, 1) for name, x in batch.items()}

    def arguments(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        channels, length = shapes["images"]
        return {"channels": channels, "length": length}

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> str:
        return f"waves of {shapes['images'][1]} samples"

    def write(self, path: Path, example: np.ndarray) -> None:
        np.save(path.with_name(f"{path.name}.npy"), example)

    def read(self, path: Path) -> np.ndarray:
        return np.load(path)

    def preview(self, examples: Sequence[np.ndarray]) -> np.ndarray:
        heights = np.stack([wave[:, 0] >> 8 for wave in examples]).astype(np.uint8)
        return np.repeat(heights[:, :, None], 3, axis=2)


MEDIUM = Waves()
