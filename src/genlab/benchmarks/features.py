"""How fast EfficientNet-Lite0's features come, and how fast when they are kept.

    python -m genlab.benchmarks.features

Random images, of which every pixel is new; the second time they are read from the cache.
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.lite0 import Lite0

logger = logging.getLogger("genlab.benchmarks.features")


def main() -> None:
    """Log images per second, first and second time, and the processor's seconds that the first took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=32, help="pixels of the images")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--feature-size", type=int, default=96, help="pixels that the network sees")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shape = (arguments.images, arguments.size, arguments.size, arguments.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    extract = Lite0(arguments.feature_size)
    extract(images[:64])
    with tempfile.TemporaryDirectory() as work:
        cache = Cache(Path(work))
        for time_of in ("first", "second"):
            start, busy = time.perf_counter(), time.process_time()
            cache.features(extract, images)
            seconds, processor = time.perf_counter() - start, time.process_time() - busy
            logger.info(
                "%s time: %d images of %d pixels, seen at %d, %d threads: %.1f s, %.0f images/s, %.1f CPU seconds",
                time_of, arguments.images, arguments.size, arguments.feature_size, torch.get_num_threads(), seconds,
                arguments.images / seconds, processor,
            )  # fmt: skip


if __name__ == "__main__":
    main()
