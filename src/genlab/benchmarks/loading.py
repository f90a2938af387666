"""Training batches from the image store against torchvision's ImageFolder and DataLoader doing the same per sample.

    python -m genlab.benchmarks.loading --folder ../shared/data/facades

Both read every image once, at `--size` pixels, flip half of them at random and make float batches in [-1, 1]. The store
was made before, as it is before training; ImageFolder decodes and resizes in each epoch, with two worker processes.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from genlab.data.arrange.pairs import PairedImages, pair_by_id
from genlab.data.batches import ExampleBatches
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.media.pictures.augment import jitter_and_mirror
from genlab.training.machine import keep_freed_memory

logger = logging.getLogger("genlab.benchmarks.loading")


def from_store(folder: Path, size: int, batch_size: int, work: Path) -> ExampleBatches:
    """Batches of all pairs of a folder, whatever their split."""
    settings = DataSettings(source=str(folder), image_size=size, fit="stretch")
    stored = ingest(list_source(work, settings), settings, work / "images")
    a, b = stored["a"], stored["b"]
    return ExampleBatches(PairedImages(pair_by_id(a.table, b.table), a, b), batch_size, 0, torch.device("cpu"))


def epoch_from_store(batches: ExampleBatches, epoch: int) -> Iterator[Tensor]:
    """Both sides of each batch, flipped."""
    for place in range(batches.steps_per_epoch):
        batch = batches[epoch * batches.steps_per_epoch + place]
        yield from jitter_and_mirror(batch, jitter=1.0, mirror=True).values()


def image_folder(folder: Path, size: int, batch_size: int) -> DataLoader:
    """What most people write."""
    per_sample = transforms.Compose([
        transforms.Resize((size, size), transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ])  # fmt: skip
    dataset = ImageFolder(str(folder), per_sample)
    return DataLoader(dataset, batch_size, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True)


def images_per_second(batches: Iterator[Tensor]) -> float:
    """The speed at which batches come."""
    start, count = time.perf_counter(), 0
    for batch in batches:
        count += len(batch)
    return count / (time.perf_counter() - start)


def main() -> None:
    """Read the command line and measure; the best epoch of each counts, after one to warm up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="trainA, trainB, testA, testB, as facades")
    parser.add_argument("--size", type=int, default=128, help="H = W in pixels that both resize to")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    keep_freed_memory()  # as training does
    with tempfile.TemporaryDirectory() as work:
        batches = from_store(arguments.folder, arguments.size, arguments.batch_size, Path(work))
        loader = image_folder(arguments.folder, arguments.size, arguments.batch_size)
        store, folder = [], []
        for epoch in range(arguments.epochs + 1):
            store.append(images_per_second(epoch_from_store(batches, epoch)))
            folder.append(images_per_second(images for images, _ in loader))
    logger.info(
        "%dx%d, batches of %d: store %.0f images/s, ImageFolder + DataLoader(2 workers) %.0f images/s: %.1f times as "
        "fast", arguments.size, arguments.size, arguments.batch_size, max(store[1:]), max(folder[1:]),
        max(store[1:]) / max(folder[1:]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
