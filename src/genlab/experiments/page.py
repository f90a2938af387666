"""The leaderboard as one HTML file that needs nothing else: sortable tables, pictures beside the numbers."""

import base64
import html
from collections.abc import Mapping
from typing import Any

import pandas as pd

from genlab.experiments.leaderboard import (
    Leaderboard,
    best_rows,
    better,
    kind,
    main_metrics,
    number,
    numeric,
    summarise,
    title,
)

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 2.2rem 0 .4rem; overflow-wrap: anywhere }
p, caption { color: #57606a } caption { text-align: left; padding: .3rem 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; margin-bottom: 1rem }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #d0d7de; text-align: left; vertical-align: top }
th { background: #f6f8fa; cursor: pointer; white-space: nowrap; user-select: none }
th[aria-sort=ascending]::after { content: " ▲" } th[aria-sort=descending]::after { content: " ▼" }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.best { font-weight: 700 } .interval { display: block; color: #57606a; font-size: .8em; font-weight: 400 }
.kind { font-size: .75em; padding: 0 .4em; border-radius: .6em; background: #ddf4ff; color: #0550ae; font-weight: 400 }
.kind.bound { background: #fff8c5; color: #7d4e00 } .kind.estimate { background: #fbefff; color: #6639ba }
.detail { display: none } .all .detail { display: table-cell }
.strip { display: flex; width: 420px; overflow-x: auto; gap: 4px }
img { height: 84px; flex: none; cursor: zoom-in }
img.large { height: auto; max-width: 640px; cursor: zoom-out; image-rendering: pixelated }
.id { font-family: ui-monospace, monospace; font-size: .85em }
"""

SCRIPT = """
for (const header of document.querySelectorAll('th[data-column]')) header.addEventListener('click', () => {
  const table = header.closest('table'), column = header.cellIndex;
  const up = header.getAttribute('aria-sort') !== 'ascending';
  const rows = [...table.tBodies[0].rows];
  const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const missing = text => text === '' ? 1 : 0;
  rows.sort((one, other) => {
    const x = value(one), y = value(other);
    if (missing(x) !== missing(y)) return missing(x) - missing(y);
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : Number(x) - Number(y);
    return up ? order : -order;
  });
  table.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
  header.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  table.tBodies[0].append(...rows);
});
document.addEventListener('click', event => {
  if (event.target.tagName === 'IMG') event.target.classList.toggle('large');
});
document.getElementById('all').addEventListener('change', event =>
  document.body.classList.toggle('all', event.target.checked));
"""


def draw_page(board: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]]) -> str:
    """The page; `pictures` are each run's PNGs by name, and a run without any is said to have none."""
    sections = [
        _section(table, pictures) for _, table in board.table.groupby("group", sort=False)
    ]  # each may be compared within itself
    left_out = "".join(f"<li>{html.escape(line)}</li>" for line in board.skipped)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Genlab: leaderboard</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>
<h1>Leaderboard</h1>
<p>A table for each set of data and protocols: numbers of different tables cannot be compared. A click on a heading
sorts, a click on a picture enlarges it. Grey intervals are 95 %: over test images in the runs, over seeds in the means.
<label><input type="checkbox" id="all"> show intervals, controls and costs</label></p>
{"".join(sections)}
{f"<h2>Left out</h2><ul>{left_out}</ul>" if left_out else ""}
<script>{SCRIPT}</script></body></html>
"""


def _section(table: pd.DataFrame, pictures: Mapping[str, Mapping[str, bytes]]) -> str:
    parts = [f"<h2>{html.escape(title(table))}</h2>"]
    if table["seed"].nunique() > 1:
        parts.append(_means(summarise(table), main_metrics(table)))
    parts.append(_runs(table, pictures))
    return f"<section>{''.join(parts)}</section>"


def _heading(name: str, detail: bool = False) -> str:
    way = f' title="{better(name)} is better"' if better(name) else ""
    arrow = {"higher": " ↑", "lower": " ↓", "": ""}[better(name)]
    return f"<th data-column{way}{' class=detail' if detail else ''}>{html.escape(name)}{arrow}</th>"


def _text(value: Any, css: str = "") -> str:
    return f"<td{f' class={css}' if css else ''}>{html.escape(str(value))}</td>"


def _number(row: "pd.Series[Any]", name: str, best: bool, interval: str, detail: bool = False) -> str:
    if pd.isna(row.get(name)):
        return f'<td class="number{" detail" if detail else ""}" data-value=""></td>'
    what = kind(row, name)
    badge = f' <span class="kind {html.escape(what)}">{html.escape(what)}</span>' if what else ""
    css = f"number{' best' if best else ''}{' detail' if detail else ''}"
    return (f'<td class="{css}" data-value="{float(row[name])!r}">{number(row[name])}{badge}'
            f' <span class="interval">{interval}</span></td>')  # fmt: skip


def _means(summary: pd.DataFrame, names: list[str]) -> str:
    best = {name: best_rows(summary, name) for name in names}
    head = "".join(_heading(name) for name in ("model", "variant", "environment", "seeds", *names))
    body = []
    for index, row in summary.iterrows():
        cells = [_text(row[name]) for name in ("model", "variant", "environment", "seeds")]
        for name in names:
            width = row[f"{name}_interval"]
            cells.append(_number(row, name, index in best[name], f"± {width:.2g}" if width > 0 else ""))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return _table("mean over seeds", head, body)


def _runs(table: pd.DataFrame, pictures: Mapping[str, Mapping[str, bytes]]) -> str:
    main, every = main_metrics(table), numeric(table)
    best = {name: best_rows(table, name) for name in every}
    columns = [(name, name not in main) for name in every]
    head = "<th>pictures</th>" + "".join(_heading(name) for name in ("model", "variant", "environment", "seed"))
    head += "".join(_heading(name, detail) for name, detail in columns)
    head += "".join(_heading(name) for name in ("started", "run"))
    body = []
    for index, row in table.iterrows():
        cells = [f'<td><div class="strip">{_images(pictures.get(row["run_id"], {}))}</div></td>']
        cells += [_text(row[name]) for name in ("model", "variant", "environment", "seed")]
        for name, detail in columns:
            low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
            interval = "" if low is None or pd.isna(low) or pd.isna(high) else f"{number(low)} to {number(high)}"
            cells.append(_number(row, name, index in best[name] and not detail, interval, detail))
        cells += [_text(row["started"]), f'<td class="id" title="{html.escape(row["run_id"])}">'
                  f"{html.escape(row['name'])}<br>{html.escape(row['run_id'])}</td>"]  # fmt: skip
        body.append(f"<tr>{''.join(cells)}</tr>")
    return _table("runs", head, body)


def _images(pictures: Mapping[str, bytes]) -> str:
    if not pictures:
        return "no picture: its figures are not in MLflow"
    return "".join(
        f'<img alt="{html.escape(name)}" title="{html.escape(name)}"'
        f' src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for name, png in pictures.items()
    )


def _table(caption: str, head: str, body: list[str]) -> str:
    return (f'<div class="wide"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(body)}</tbody></table></div>")  # fmt: skip
