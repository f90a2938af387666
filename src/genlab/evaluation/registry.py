"""The measures: what is registered, and which way is better."""

from typing import Literal

from genlab.sampling.registry import Registry

Direction = Literal["higher", "lower"]

measure = Registry("genlab.evaluation.measures")
"""`@measure(needs=Capability, on=Arrangement, better={"fd_lite0": "lower"})`: takes a `Judged`, returns metrics.

`better` says of a metric's name without its endings (`_low`, `_real`, `_a_to_b`) whether a higher or a lower value is
better. A metric that it leaves out is shown without a winner.
"""


def directions() -> dict[str, Direction]:
    """Which way is better, by metric."""
    return {name: way for entry in measure.all for name, way in entry.said.get("better", {}).items()}
