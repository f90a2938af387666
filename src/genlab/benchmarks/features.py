"""How fast EfficientNet-Lite0's features come, and how fast when they are kept.

    python -m genlab.benchmarks.features

10,000 random images of 32 x 32; the second time their features are read from the cache.
"""

import logging
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from genlab.errors import in_one_line
from genlab.evaluation.features.cache import Cache
from genlab.evaluation.features.lite0 import Lite0

logger = logging.getLogger("genlab.benchmarks.features")


@in_one_line
def main() -> None:
    """Log images per second, first and second time, and the processor's seconds that each took."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    images = np.random.default_rng(0).integers(0, 256, (10_000, 32, 32, 1), dtype=np.uint8)
    extract = Lite0()
    extract(images[:64])
    with tempfile.TemporaryDirectory() as work:
        cache = Cache(Path(work))
        for time_of in ("first", "second"):
            start, busy = time.perf_counter(), time.process_time()
            cache.features(extract, images)
            seconds, processor = time.perf_counter() - start, time.process_time() - busy
            logger.info(
                "%s time: %d images, %d threads: %.1f s, %.0f images/s, %.1f CPU seconds", time_of, len(images),
                torch.get_num_threads(), seconds, len(images) / seconds, processor,
            )  # fmt: skip


if __name__ == "__main__":
    main()
