"""The leaderboard as one HTML file that needs nothing else, with pictures beside the numbers, and as Markdown.

The templates `page.html.jinja` and `page.md.jinja` say how both look. All that a run can say is escaped: names, labels,
tags.
"""

import html
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import jinja2
import pandas as pd

from genlab.experiments.leaderboard import (
    Leaderboard,
    best_rows,
    better,
    kind,
    main_metrics,
    numeric,
    protocol_line,
    summarise,
    title,
)

SHOWN = ["model", "trained_on", "variant", "environment"]  # what a row is called
ARROWS = {"higher": "↑", "lower": "↓"}


def draw_page(board: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]]) -> str:
    """The page; `pictures` are each run's PNGs by name. A run without any is said to have none."""
    return _render("page.html.jinja", board, {"autoescape": True}, pictures=pictures)


def to_markdown(board: Leaderboard) -> str:
    """A table for each group: a line per model and settings, mean ± 95 % interval where there are several seeds."""
    return _render("page.md.jinja", board, {"finalize": escape})


def escape(value: Any) -> str:
    """A text as Markdown shows it: no HTML, no end of a cell, no link, no emphasis."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def number(value: float) -> str:
    """Four significant digits, and whole numbers as such."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def _render(template: str, board: Leaderboard, options: dict[str, Any], **given: Any) -> str:
    loader = jinja2.PackageLoader("genlab.experiments", "")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True, **options
    )
    environment.filters |= {"base64": lambda png: b64encode(png).decode(), "number": number}
    environment.tests["missing"] = pd.isna
    environment.globals |= {"better": better, "arrows": ARROWS, "kind": kind, "interval": interval}
    sections = [_section(table) for table in board.groups()]
    return environment.get_template(template).render(sections=sections, skipped=board.skipped, **given)


def interval(row: "pd.Series[Any]", name: str) -> str:
    """The 95 % interval of a number: over test images for a run, over seeds for a mean; "" for one seed or a count."""
    low, high, width = (row.get(f"{name}_{end}", float("nan")) for end in ("low", "high", "interval"))
    if pd.notna(low) and pd.notna(high):
        return f"{number(low)} to {number(high)}"
    return f"± {width:.2g}" if width > 0 else ""


def _section(table: pd.DataFrame) -> dict[str, Any]:
    """What the templates want to know of a group."""
    main, means = main_metrics(table), summarise(table)
    return {
        "title": title(table),
        "protocols": protocol_line(table),
        "shown": [name for name in SHOWN if name == "model" or table[name].astype(bool).any()],
        "main": main,
        "every": numeric(table),
        "several_seeds": table["seed"].nunique() > 1,
        "means": list(means.iterrows()),
        "best_means": {name: best_rows(means, name) for name in main},
        "runs": list(table.iterrows()),
        "best_runs": {name: best_rows(table, name) for name in main},
    }
