"""How fast images are ingested and served, and how much memory that takes.

    python -m genlab.benchmarks.data ingest --folder ../shared/data/facades    # against a single-threaded Pillow loop
    python -m genlab.benchmarks.data batches --folder ../shared/data/facades   # against ImageFolder and DataLoader
    python -m genlab.benchmarks.data memory --images 50000                     # of ingesting and training

Without a folder, JPEGs are generated, which need 0.3 MB of disk per image. Everything is written into a folder that is
deleted at the end.
"""

import argparse
import io
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from genlab.benchmarks.speed import peak_memory
from genlab.data.arrange.derive import derive, pair_sides, sides
from genlab.data.arrange.pairs import PairedImages, pair_by_id
from genlab.data.arrange.view import view
from genlab.data.batches import ExampleBatches
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import find_images
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet
from genlab.errors import in_one_line
from genlab.media.base import PICTURES, medium_named
from genlab.media.pictures.augment import jitter_and_mirror
from genlab.media.pictures.settings import PairSettings
from genlab.models.pix2pix import Pix2Pix
from genlab.training.machine import keep_freed_memory, open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training

logger = logging.getLogger("genlab.benchmarks.data")

CPU = torch.device("cpu")
STEPS = 5  # of training, whose memory is measured


def generate(folder: Path, images: int, size: int) -> None:
    """Write JPEGs that differ in content: few pictures, each file with a number behind the end of its picture."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(32):
        coarse = rng.integers(0, 256, (size // 16, size // 16, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        pictures.append(buffer.getvalue())
    folder.mkdir(parents=True)
    for number in range(images):
        (folder / f"{number:06d}.jpg").write_bytes(pictures[number % len(pictures)] + number.to_bytes(8))


def ingested(settings: DataSettings, work: Path, name: str) -> ImageSet:
    """The image set of a folder, made anew."""
    return ingest(list_source(work, settings), settings, work / name)


def pillow_loop(files: list[Path], size: int, target: Path) -> float:
    """Seconds in which one thread decodes all files with Pillow, resizes and writes them one after another."""
    start = time.perf_counter()
    with target.open("wb") as file:
        for path in files:
            with Image.open(path) as image:
                pixels = image.convert("RGB")
            if pixels.size != (size, size):
                pixels = pixels.resize((size, size), Image.Resampling.BICUBIC)
            file.write(np.asarray(pixels).data)
    return time.perf_counter() - start


def compare_ingest(folder: Path, size: int, repeats: int, work: Path) -> None:
    """Ingest a folder and run the Pillow loop over the same files, in turns; the best time of each counts."""
    files = find_images(folder, medium_named(PICTURES)).images
    settings = DataSettings(source=str(folder), image_size=size, fit="stretch")
    loops, ingests = [], []
    for repeat in range(repeats):
        loops.append(pillow_loop(files, size, work / "loop.bin"))
        start = time.perf_counter()
        ingested(settings, work, f"set{repeat}")
        ingests.append(time.perf_counter() - start)
    logger.info(
        "%d files to %dx%d: Pillow loop %.2f s (%.0f images/s), ingest %.2f s (%.0f images/s): %.2f times as fast",
        len(files), size, size, min(loops), len(files) / min(loops), min(ingests), len(files) / min(ingests),
        min(loops) / min(ingests),
    )  # fmt: skip


def epoch_from_store(batches: ExampleBatches, epoch: int) -> Iterator[Tensor]:
    """Both sides of each batch, half of the pairs flipped."""
    for place in range(batches.steps_per_epoch):
        batch = batches[epoch * batches.steps_per_epoch + place]
        yield from jitter_and_mirror(batch, jitter=1.0, mirror=True).values()


def image_folder(folder: Path, size: int, batch_size: int) -> DataLoader:
    """The same batches from torchvision, per sample and with two workers: what most people write."""
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


def compare_batches(folder: Path, size: int, repeats: int, work: Path) -> None:
    """Epochs of the store, made before, and of ImageFolder; the best of each counts, after one to warm up."""
    keep_freed_memory()  # as training does
    stored = ingested(DataSettings(source=str(folder), image_size=size, fit="stretch"), work, "images")
    a, b = stored["a"], stored["b"]
    batches = ExampleBatches(PairedImages(pair_by_id(a.table, b.table), a, b), 16, 0, CPU)
    loader = image_folder(folder, size, 16)
    speeds = [
        (images_per_second(epoch_from_store(batches, epoch)), images_per_second(images for images, _ in loader))
        for epoch in range(repeats + 1)
    ]
    ours, theirs = (max(found) for found in zip(*speeds[1:], strict=True))
    logger.info(
        "%dx%d, batches of 16: store %.0f images/s, ImageFolder + DataLoader(2 workers) %.0f images/s: %.1f times as "
        "fast", size, size, ours, theirs, ours / theirs,
    )  # fmt: skip


def measure_memory(folder: Path, size: int, work: Path) -> None:
    """Ingest images, derive pairs, serve an epoch of batches and train some steps; peak memory after each.

    The network is a quarter as wide as the paper's, whose weights and moments alone take 0.9 GB.
    """
    start = time.perf_counter()

    def say(what: str) -> None:
        logger.info("%s, %.0f s from the start: peak %.2f GB", what, time.perf_counter() - start, peak_memory(CPU))

    say("before")
    settings = DataSettings(source=str(folder), image_size=size, pairs=PairSettings(kind="grey"))
    stored = view(ingested(settings, work, "images"), settings)
    say("ingested")
    derived = derive(stored, settings, work / "derived")
    say("pairs derived")
    pairs = PairedImages(pair_sides(stored, derived, settings), *sides(stored, derived)).split("train")
    batches = ExampleBatches(pairs, 16, 0, CPU)
    for step in range(batches.steps_per_epoch):
        batches[step]
    say(f"an epoch of {len(pairs)} pairs served")
    training = TrainingSettings.of(Pix2Pix.recipe, {"accelerator": "cpu", "report_every": STEPS})
    model = Pix2Pix(image_size=size, channels_a=1, generator_width=16, discriminator_width=16)
    batches = ExampleBatches(pairs, training.batch_size, 0, CPU)
    for _ in Training(model, batches, training, 0, STEPS, open_machine(training)).run():
        say(f"{STEPS} training steps of a narrow pix2pix")


@in_one_line
def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["ingest", "batches", "memory"])
    parser.add_argument("--folder", type=Path, help="batches: trainA, trainB, testA, testB, as facades")
    parser.add_argument("--images", type=int, default=50_000, help="how many to generate")
    parser.add_argument("--size", type=int, default=256, help="H = W in pixels")
    parser.add_argument("--repeats", type=int, default=3, help="of both, in turns")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as work:
        folder, size = arguments.folder or Path(work, "raw"), arguments.size
        if arguments.folder is None:
            generate(folder, arguments.images, size)
        if arguments.what == "memory":
            measure_memory(folder, size, Path(work))
        else:
            compare = compare_ingest if arguments.what == "ingest" else compare_batches
            compare(folder, size, arguments.repeats, Path(work))


if __name__ == "__main__":
    main()
