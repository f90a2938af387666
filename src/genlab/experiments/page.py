"""The leaderboard as one HTML file that needs nothing else: sortable tables, pictures beside the numbers.

`page.html.jinja` says how it looks. Jinja escapes all that a run can say: names, labels, tags.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd

from genlab.experiments.leaderboard import (
    ARROWS,
    SHOWN,
    Leaderboard,
    best_rows,
    better,
    kind,
    main_metrics,
    number,
    numeric,
    protocol_line,
    summarise,
    title,
)


@dataclass(frozen=True)
class Number:
    """A cell with a number, or without one."""

    value: float | None
    text: str = ""
    kind: str = ""  # "exact, computed", "bound, estimated" ...
    interval: str = ""
    best: bool = False
    detail: bool = False  # shown where asked for


def draw_page(board: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]]) -> str:
    """The page; `pictures` are each run's PNGs by name. A run without any is said to have none."""
    loader = jinja2.PackageLoader("genlab.experiments", "")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"base64": lambda png: b64encode(png).decode()}
    tables = [table for _, table in board.table.groupby("group", sort=False)]
    return environment.get_template("page.html.jinja").render(
        sections=[_section(table) for table in tables], skipped=board.skipped, pictures=pictures, better=better,
        arrow=lambda name: ARROWS[better(name)],
    )  # fmt: skip


def _section(table: pd.DataFrame) -> dict[str, Any]:
    """What the template wants to know of a group."""
    main, every = main_metrics(table), numeric(table)
    means = summarise(table) if table["seed"].nunique() > 1 else table[:0]
    shown = [name for name in SHOWN if name == "model" or table[name].astype(bool).any()]
    return {
        "title": title(table),
        "protocols": protocol_line(table),
        "shown": shown,
        "metrics": main,
        "means": _rows(means, main, main, [*shown, "seeds"]),
        "columns": [(name, name not in main) for name in every],
        "runs": _rows(table, every, main, [*shown, "seed"]),
    }


def _rows(table: pd.DataFrame, names: Sequence[str], main: Sequence[str], told: Sequence[str]) -> list[dict[str, Any]]:
    best = {name: best_rows(table, name) if name in main else set() for name in names}
    return [
        {
            "run": row,
            "told": [row[name] for name in told],
            "numbers": [_number(row, name, index in best[name], name not in main) for name in names],
        }
        for index, row in table.iterrows()
    ]


def _number(row: "pd.Series[Any]", name: str, best: bool, detail: bool) -> Number:
    if pd.isna(row[name]):
        return Number(None, detail=detail)
    low, high, width = (row.get(f"{name}_{end}", float("nan")) for end in ("low", "high", "interval"))
    interval = f"± {width:.2g}" if width > 0 else ""
    if pd.notna(low) and pd.notna(high):
        interval = f"{number(low)} to {number(high)}"
    return Number(float(row[name]), number(row[name]), kind(row, name), interval, best, detail)
