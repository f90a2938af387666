"""The measures: what is registered, which way is better, and what stands beside it."""

from typing import Literal

from genlab.sampling.registry import Registry

Direction = Literal["higher", "lower"]

measure = Registry("genlab.evaluation.measures")
"""`@measure(needs=Capability, on=Arrangement, better={"fd_lite0": "lower"})`: takes a `Judged`, returns metrics.

`of="pictures"` stands where a measure makes sense of one medium only. The decorator also says of the metrics, by their
names without endings (`_low`, `_real`, `_a_to_b`):

- `better`: whether a higher or a lower value is better; None where neither is;
- `controls`: what `<metric>_<control>` is, in words, by control;
- `protocols`: the names of the protocols that two numbers must share to be compared;
- `papers`: who defines a metric, by metric. A run's note cites them (`experiments/references.bib`).
"""


def directions() -> dict[str, Direction | None]:
    """Which way is better, by metric."""
    return {name: way for entry in measure.all for name, way in entry.said.get("better", {}).items()}


def papers() -> dict[str, str]:
    """Who defines a metric, by metric."""
    return {name: paper for entry in measure.all for name, paper in entry.said.get("papers", {}).items()}


def controls() -> dict[str, str]:
    """The controls in words, by their ending."""
    return {name: words for entry in measure.all for name, words in entry.said.get("controls", {}).items()}
