"""How fast pixelcnn draws: features are kept, against the whole image again for every number.

    python -m genlab.benchmarks.drawing

64 black and white images of 28 x 28, as of MNIST, by networks with their first weights. The slow way is timed by some
of its passes and multiplied.
"""

import logging
import time
from typing import Any

import torch

from genlab.errors import in_one_line
from genlab.models.pixelcnn import PixelCNN
from genlab.nn.noise import Chance

logger = logging.getLogger("genlab.benchmarks.drawing")

IMAGES, SIDE = 64, 28
PASSES = 2  # of the slow way that are timed: one of the large network takes most of a minute
NETWORKS: dict[str, dict[str, Any]] = {
    "plain, 7 blocks, 24 features": {"network": "plain", "blocks": 7, "width": 24},
    "gated, 15 layers, 2 x 128 features": {"network": "gated", "blocks": 15, "width": 128},
}


@in_one_line
def main() -> None:
    """Log the seconds of both ways, and their ratio."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name, arguments in NETWORKS.items():
        model = PixelCNN(image_size=SIDE, channels=1, pixels="bernoulli", **arguments)
        rng, x = Chance.of(0, range(IMAGES)), torch.zeros(IMAGES, 1, SIDE, SIDE)
        start = time.perf_counter()
        model.sample(IMAGES, rng)
        kept = time.perf_counter() - start
        with torch.no_grad():
            start = time.perf_counter()
            for _ in range(PASSES):
                model.predict(x)
        again = (time.perf_counter() - start) / PASSES * SIDE**2
        logger.info(
            "%s: %d images, %d threads: %.1f s with kept features, %.0f s without: %.0f times as fast", name, IMAGES,
            torch.get_num_threads(), kept, again, again / kept,
        )  # fmt: skip


if __name__ == "__main__":
    main()
