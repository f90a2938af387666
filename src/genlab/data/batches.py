"""Batches on the device: which images, as which numbers.

Everything random is a function of (seed, step): a run that resumes at a step sees what it would have seen.
"""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genlab.data.pairs import PairedImages
from genlab.errors import GenlabError

RESIDENT_SHARE = 0.25  # of the device's free memory that images may take before they stream from the store


def to_model_range(pixels: Shaped[Tensor, "b h w c"]) -> Float[Tensor, "b c h w"]:
    """uint8 or uint16 pixels as float32 in [-1, 1], channels first (in memory still last)."""
    half = torch.iinfo(pixels.dtype).max / 2
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(half).sub_(1.0)


def to_pixels(x: Float[Tensor, "b c h w"], dtype: np.dtype | type = np.uint8) -> Shaped[np.ndarray, "b h w c"]:
    """Images in [-1, 1] as unsigned integers, rounded, values outside clipped."""
    top = np.iinfo(dtype).max
    scaled = (x.float().clamp(-1, 1) + 1) * (top / 2)
    return scaled.round().permute(0, 2, 3, 1).cpu().numpy().astype(dtype)


def _free_memory(device: torch.device) -> float:
    """Bytes that may be filled; a CPU's images stay memory-mapped, so that there the question does not arise."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0.0


class PairBatches:
    """Batches of pairs by step number, {"a": (B, C, H, W), "b": (B, D, H, W)}, float in [-1, 1] on `device`.

    Every epoch is a new permutation; what is left over at its end (less than a batch) waits for the next one. With
    several ranks each takes its share of the global batch.

    Raises:
        GenlabError: fewer pairs than one batch, or a batch that the ranks cannot share equally.
    """

    def __init__(
        self, pairs: PairedImages, batch_size: int, seed: int, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        if len(pairs) < batch_size:
            raise GenlabError(
                f"{len(pairs)} training pairs do not fill a batch of {batch_size}; lower training.batch_size"
            )
        if batch_size % world:
            raise GenlabError(
                f"training.batch_size={batch_size} cannot be shared by {world} devices; use a multiple of {world}"
            )
        self.pairs, self.batch_size, self.seed, self.device = pairs, batch_size, seed, device
        self.share = slice(rank * batch_size // world, (rank + 1) * batch_size // world)
        self.steps_per_epoch = len(pairs) // batch_size
        stores = {"a": pairs.a.images, "b": pairs.b.images}
        self.resident: dict[str, Tensor] = {}
        if sum(images.nbytes for images in stores.values()) < RESIDENT_SHARE * _free_memory(device):
            self.resident = {side: torch.from_numpy(images[:]).to(device) for side, images in stores.items()}
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, step: int) -> np.ndarray:
        """Rows of the pair table that this rank takes at `step`."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.pairs)))
        start = place * self.batch_size
        return self._order[1][start : start + self.batch_size][self.share]

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rows = self.rows(step)
        return {side: to_model_range(self._pixels(side, rows)) for side in ("a", "b")}

    def _pixels(self, side: str, rows: np.ndarray) -> Shaped[Tensor, "b h w c"]:
        places = self.pairs.table[side].to_numpy()[rows]
        if side in self.resident:
            return self.resident[side][torch.from_numpy(places).to(self.device, non_blocking=True)]
        pixels = torch.from_numpy(getattr(self.pairs, side).take(places))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()
        return pixels.to(self.device, non_blocking=True)
