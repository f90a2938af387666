"""What the table of a store knows of its pictures, and what the data report says of it."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("height", "width", "mode", "bits")
"""height, width: pixels before fitting · mode: of the file · bits: that its largest value needs."""

SIZES = 20  # sizes that the histogram names; the others are counted together


def count_pictures(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """`sizes` ("HxW"), `modes` and `bits`: how many pictures, the most frequent first."""
    sizes = _counts(table["height"].astype(str) + "x" + table["width"].astype(str))
    rare = dict(list(sizes.items())[SIZES:])
    sizes = {size: count for size, count in sizes.items() if size not in rare} | (
        {"other": sum(rare.values())} if rare else {}
    )
    return {"sizes": sizes, "modes": _counts(table["mode"]), "bits": _counts(table["bits"])}


def doubt_pictures(table: "pd.DataFrame", dtype: np.dtype) -> list[str]:
    """A sentence where the brightest value is below a quarter of what the type can hold."""
    depth, used = 8 * dtype.itemsize, int(table["bits"].max())
    if used > depth - 2:
        return []
    reached = 2**used - 1
    return [f"have values of {used} bits in {depth}, up to {reached} of {2**depth - 1}, and are almost black; set "
            f"data.white={reached} if this is white"]  # fmt: skip


def _counts(values: "pd.Series[Any]") -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    return {str(value): int(count) for value, count in values.value_counts().items()}
