"""What the table of a store knows of its recordings, and what the data report says of it."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("samples", "seconds", "rate", "channels", "bits", "peak", "clipped", "silent")
"""samples: of the stored recording, without padding · seconds: of the file · rate (Hz), channels, bits: of the file; 0
bits where it is compressed with losses · peak: the loudest stored value, 1 is full scale · clipped: share of the values
at full scale in the part of the file that is stored · silent: share of the stored recording that is silence."""

SILENCE = 33  # of 32,768: 60 dB below full scale
PIECE = 0.01  # seconds: a piece without a louder value is silence
MANY_CLIPPED = 0.001  # a share above this is named in the report


def share_of_silence(samples: np.ndarray, rate: int) -> float:
    """The share of pieces of 10 ms in (T,) int16 that have no value above SILENCE."""
    starts = np.arange(0, len(samples), max(1, round(PIECE * rate)))
    return float((np.maximum.reduceat(np.abs(samples), starts) < SILENCE).mean())


def count_sounds(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """`durations` in seconds; `rates`, `channels` and `bits`: how many files; `peaks` in dB, the median by group."""
    seconds = table["seconds"]
    durations = {"shortest": seconds.min(), "median": seconds.median(), "longest": seconds.max(), "all": seconds.sum()}
    peaks = 20 * np.log10(table["peak"].clip(lower=1 / 32767))
    by_group = peaks.groupby(table["group"]).median()
    return {
        "durations": {name: round(float(value), 2) for name, value in durations.items()},
        "rates": _counts(table["rate"]),
        "channels": _counts(table["channels"]),
        "bits": _counts(table["bits"]),
        "peaks": {str(name) or "no group": round(float(value), 1) for name, value in by_group.items()},
    }


def doubt_sounds(table: "pd.DataFrame", rate: int) -> list[str]:
    """A sentence each on recordings that are cut, clipped, or silent. `rate` is that of the store, in Hz."""
    kept = table["samples"] / rate
    seconds, behind = table["seconds"], (table["seconds"] - kept).clip(lower=0).sum()
    said = {
        f"that are longer than data.seconds; {behind:.1f} s behind it are left out": seconds > kept,
        f"that look clipped, with more than {MANY_CLIPPED:.1%} of their values at full scale": table["clipped"]
        > MANY_CLIPPED,
        "that are silent, with nothing above -60 dB": table["silent"] == 1,
    }
    return [
        f"have {where.sum()} {words}; the first: {table['source'][where].iloc[0]}"
        for words, where in said.items()
        if where.any()
    ]


def _counts(values: "pd.Series[Any]") -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    return {str(value): int(count) for value, count in values.value_counts().items()}
