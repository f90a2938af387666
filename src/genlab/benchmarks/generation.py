"""How fast wavenet draws sound: by queues, against its whole receptive field again for every sample.

    python -m genlab.benchmarks.generation

Ten utterances at once, by networks with their first weights. The slow way is timed by some of its samples.
"""

import logging
import time
from typing import Any

import torch

from genlab.errors import in_one_line
from genlab.models.wavenet import WaveNet
from genlab.nn.dilated import HIDDEN, draw_levels
from genlab.nn.mu_law import NOTHING

logger = logging.getLogger("genlab.benchmarks.generation")

STREAMS, RATE = 10, 8000
SAMPLES, SLOW_SAMPLES = 2 * RATE, 20  # of each utterance; of those that the slow way is timed by
NETWORKS: dict[str, dict[str, Any]] = {
    "the default, a stack of 9, 32 channels": {"layers": 9, "stacks": 1, "width": 32, "skip": 64, "clock": 8},
    "the paper's 3 stacks of 10, 32 channels": {},
}


@in_one_line
def main() -> None:
    """Log samples per second of both ways, and their ratio."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name, arguments in NETWORKS.items():
        model = WaveNet(classes=10, groups=2, **arguments)
        condition = model.one_hot(torch.zeros(STREAMS, 2, dtype=torch.long))
        hidden, uniforms = torch.full((SAMPLES, STREAMS), HIDDEN), torch.rand(SAMPLES, STREAMS)
        start = time.perf_counter()
        with torch.no_grad():
            added = model.clock(condition, torch.arange(SAMPLES)[:, None]) if model.clock else None
        draw_levels(model.network, hidden, condition, added, uniforms, 1.0)
        by_queues = SAMPLES * STREAMS / (time.perf_counter() - start)
        seen = torch.full((model.receptive_field, STREAMS), NOTHING)
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(SLOW_SAMPLES):
                model.network(seen, condition)
            without = SLOW_SAMPLES * STREAMS / (time.perf_counter() - start)
        logger.info(
            "%s: %d utterances at once, %d threads, receptive field %d: %.0f samples/s by queues (%.1f times real time "
            "at %d Hz in all), %.0f without: %.0f times as fast", name, STREAMS, torch.get_num_threads(),
            model.receptive_field, by_queues, by_queues / RATE, RATE, without, by_queues / without,
        )  # fmt: skip


if __name__ == "__main__":
    main()
