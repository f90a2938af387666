"""How fast images are ingested, and how much memory ingesting and training on many of them takes.

    python -m genlab.benchmarks.ingest speed --folder ../shared/data/facades     # against a single-threaded Pillow loop
    python -m genlab.benchmarks.ingest memory --images 50000                     # generated JPEGs of 256 x 256 pixels

Both use a folder that is deleted at the end; `memory` needs 0.3 MB of disk per image.
"""

import argparse
import io
import logging
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from genlab.benchmarks.speed import peak_memory
from genlab.data.arrange.derive import derive, pair_sides, sides
from genlab.data.arrange.pairs import PairedImages
from genlab.data.arrange.view import view
from genlab.data.batches import ExampleBatches
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import find_images
from genlab.data.sources.listing import list_source
from genlab.media.base import PICTURES, medium_named
from genlab.media.pictures.settings import PairSettings
from genlab.models.pix2pix import Pix2Pix
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training

logger = logging.getLogger("genlab.benchmarks.ingest")

CPU = torch.device("cpu")


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


def compare(folder: Path, size: int, repeats: int, work: Path) -> None:
    """Ingest a folder and run the Pillow loop over the same files, in turns; the best time of each counts."""
    files, _ = find_images(folder, medium_named(PICTURES))
    settings = DataSettings(source=str(folder), image_size=size, fit="stretch")
    loops, ingests = [], []
    for repeat in range(repeats):
        loops.append(pillow_loop(files, size, work / "loop.bin"))
        start = time.perf_counter()
        ingest(list_source(work, settings), settings, work / f"set{repeat}")
        ingests.append(time.perf_counter() - start)
    logger.info(
        "%d files to %dx%d: Pillow loop %.2f s (%.0f images/s), ingest %.2f s (%.0f images/s): %.2f times as fast",
        len(files), size, size, min(loops), len(files) / min(loops), min(ingests), len(files) / min(ingests),
        min(loops) / min(ingests),
    )  # fmt: skip


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


def measure_memory(images: int, size: int, steps: int, work: Path) -> None:
    """Ingest generated images, derive pairs, serve an epoch of batches and train some steps; peak memory after each.

    The network is a quarter as wide as the paper's, whose weights and moments alone take 0.9 GB.
    """
    generate(work / "raw", images, size)
    logger.info("%d files generated: peak %.2f GB", images, peak_memory(CPU))
    settings = DataSettings(source=str(work / "raw"), image_size=size, pairs=PairSettings(kind="grey"))
    start = time.perf_counter()
    stored = view(ingest(list_source(work, settings), settings, work / "images"), settings)
    logger.info("ingested in %.0f s: peak %.2f GB", time.perf_counter() - start, peak_memory(CPU))
    start = time.perf_counter()
    derived = derive(stored, settings, work / "derived")
    logger.info("pairs derived in %.0f s: peak %.2f GB", time.perf_counter() - start, peak_memory(CPU))
    pairs = PairedImages(pair_sides(stored, derived, settings), *sides(stored, derived)).split("train")
    training = TrainingSettings.of(Pix2Pix.recipe, {"accelerator": "cpu", "report_every": steps})
    batches = ExampleBatches(pairs, 16, 0, CPU)
    start = time.perf_counter()
    for step in range(batches.steps_per_epoch):
        batches[step]
    logger.info("an epoch of %d pairs served in %.0f s: peak %.2f GB", len(pairs), time.perf_counter() - start,
                peak_memory(CPU))  # fmt: skip
    model = Pix2Pix(image_size=size, channels_a=1, generator_width=16, discriminator_width=16)
    for progress in Training(
        model, ExampleBatches(pairs, training.batch_size, 0, CPU), training, 0, steps, open_machine(training)
    ).run():
        logger.info("%d training steps of a narrow pix2pix: peak %.2f GB", progress.step, peak_memory(CPU))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--folder", type=Path, help="speed: the images to decode; without it they are generated")
    parser.add_argument("--images", type=int, default=50_000, help="how many to generate")
    parser.add_argument("--size", type=int, default=256, help="H = W in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="speed: of both, in turns")
    parser.add_argument("--steps", type=int, default=5, help="memory: training steps")
    parser.add_argument("--work", type=Path, help="where the temporary folder is made")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        if arguments.what == "memory":
            measure_memory(arguments.images, arguments.size, arguments.steps, Path(work))
        else:
            folder = arguments.folder or Path(work, "raw")
            if arguments.folder is None:
                generate(folder, arguments.images, arguments.size)
            compare(folder, arguments.size, arguments.repeats, Path(work))


if __name__ == "__main__":
    main()
