"""Batches on the device: which images, as which numbers.

Everything random is a function of (seed, step): a run that resumes at a step sees what it would have seen.
"""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genlab.data.arrange.examples import Examples
from genlab.data.store import ImageStore
from genlab.errors import GenlabError
from genlab.media.base import medium_named

RESIDENT_SHARE = 0.25  # of the device's free memory that images may take before they stream from the store


def learned_from(store: ImageStore) -> ImageStore:
    """The images that a batch is made of: shades, where it is drawn in black and white anew at each step."""
    return store if store.shades is None else store.shades


class ExampleBatches:
    """Batches by step number, on `device`: examples (B, C, *axes) as their medium has them, other values (B, ...) long.

    Every stream of the examples has a new permutation in each of its epochs; what is left over at its end (less than a
    batch) waits for the next one. With several ranks each takes its share of the global batch.

    Raises:
        GenlabError: fewer examples than one batch, or a batch that the ranks cannot share equally.
    """

    def __init__(
        self, examples: Examples, batch_size: int, seed: int, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        self.streams = examples.streams()
        for stream in self.streams:
            if len(stream) < batch_size:
                names = "" if len(self.streams) == 1 else f" of domain {next(iter(stream.rows))}"
                raise GenlabError(
                    f"{len(stream)} training {examples.unit}{names} do not fill a batch of {batch_size}; lower "
                    "training.batch_size"
                )
        if batch_size % world:
            raise GenlabError(
                f"training.batch_size={batch_size} cannot be shared by {world} devices; use a multiple of {world}"
            )
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self.share = slice(rank * batch_size // world, (rank + 1) * batch_size // world)
        self.steps_per_epoch = len(examples) // batch_size  # of the longest stream
        stores = {name: learned_from(store) for stream in self.streams for name, (store, _) in stream.rows.items()}
        self.resident: dict[str, Tensor] = {}  # images that lie on a GPU; on a CPU they stay memory-mapped
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
        if sum(store.nbytes for store in stores.values()) < RESIDENT_SHARE * free:
            self.resident = {name: torch.from_numpy(store.all()).to(device) for name, store in stores.items()}
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def rows(self, step: int, stream: int = 0) -> np.ndarray:
        """The rows of a stream that this rank takes at `step`."""
        count = len(self.streams[stream])
        epoch, place = divmod(step, count // self.batch_size)
        if self._orders.get(stream, (-1,))[0] != epoch:
            seed = (self.seed, epoch) if stream == 0 else (self.seed, epoch, stream)
            self._orders[stream] = (epoch, np.random.default_rng(seed).permutation(count))
        start = place * self.batch_size
        return self._orders[stream][1][start : start + self.batch_size][self.share]

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        batch = {}
        for number, stream in enumerate(self.streams):
            rows = self.rows(step, number)
            for name, (store, places) in stream.rows.items():
                stored = self._stored(name, learned_from(store), places[rows])
                x = medium_named(store.medium).to_model_range(stored)
                batch[name] = x if store.shades is None else self._black_and_white(x, step)
            for name, values in stream.values.items():
                batch[name] = torch.from_numpy(values[rows]).to(self.device, non_blocking=True)
        return batch

    def _black_and_white(self, x: Float[Tensor, "b c *axes"], step: int) -> Float[Tensor, "b c *axes"]:
        """Each value as 1 or -1 at random, with its own mean. All ranks together draw what one would."""
        mixed = np.random.SeedSequence((self.seed, step), spawn_key=(0,))  # not what the model draws from in this step
        chosen = torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))
        chance = torch.rand((self.batch_size, *x.shape[1:]), generator=chosen)
        return torch.where(chance[self.share].to(x.device) < (x + 1) / 2, 1.0, -1.0)

    def _stored(self, name: str, store: ImageStore, places: np.ndarray) -> Shaped[Tensor, "b *axes c"]:
        if name in self.resident:
            return self.resident[name][torch.from_numpy(places).to(self.device, non_blocking=True)]
        pixels = torch.from_numpy(store.take(places))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()
        return pixels.to(self.device, non_blocking=True)
