"""The leaderboard as one HTML file that needs nothing else and as Markdown, and a card of one run.

The templates beside this file say how they look. All that a run can say is escaped: names, labels,
tags.
"""

import html
import itertools
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from textwrap import shorten
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from genlab.data.arrange.examples import evenly
from genlab.evaluation.questions import QUESTIONS, base_name
from genlab.experiments.difference import ByImage, compare_sides, sides_of
from genlab.experiments.leaderboard import (
    SAME_BUT_FOR_SEED,
    Leaderboard,
    answers,
    beside,
    best_rows,
    better,
    control_rows,
    controls_of,
    kind,
    main_metrics,
    question_of,
    shared_hashes,
    summarise,
    title,
)
from genlab.models.base import Family, Reconstructs, Samples
from genlab.tracking.runs import FinishedRun

DESCRIBES = {"trained_on": "trained on", "variant": "variant", "environment": "environment", "seeds": "seeds"}
"""What a row is called beside its model, and that in words. What is the same in all rows stands above the table."""
ARROWS = {"higher": "↑", "lower": "↓"}
FIRST = 7  # metrics that a table of the page shows at first
WIDTH = 120  # characters of a table in Markdown, at most
HEARD, ON_A_CARD = 6, 12  # recordings of a run on the page, and on a page of its own, at most
LARGEST = 300_000  # bytes of a WAV on a page: 19 s at 8 kHz
LONGEST = 40  # characters of a word in Markdown
HEADLINE = ("question", "metric", "value", "95 % interval", "beside it")


def draw_page(
    board: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]], by_image: ByImage,
    sounds: Mapping[str, Mapping[str, bytes]] = {},
) -> str:  # fmt: skip
    """The page; `pictures` are each run's PNGs by name, `sounds` its WAVs. A row shows those of its question."""
    return _render(
        "page.html.jinja",
        board,
        {"autoescape": True},
        pictures,
        lambda table: _verdicts(board, table, by_image),
        sounds,
    )


def to_markdown(board: Leaderboard) -> str:
    """The tables as Markdown that a screen holds: of the metrics, the first ones that fit."""
    return _render("page.md.jinja", board, {"finalize": escape}, {}, lambda table: {})


def draw_card(run: FinishedRun) -> str:
    """A page of one run: a few of its drawings, and its headline metrics beside their controls."""
    return open_template("card.html.jinja", autoescape=True).render(
        model=run.tags["model"],
        run=run,
        sounds=few_sounds(run.sounds, ON_A_CARD),
        columns=HEADLINE,
        rows=list(headline(run)),
    )


def headline(run: FinishedRun) -> Iterator[tuple[str, ...]]:
    """The headline metrics of a run, a row of `HEADLINE` each."""
    found = {**run.tags, **run.final_metrics}
    for question in QUESTIONS:
        names = [name for first in question.headline for name in run.final_metrics if base_name(name) == first]
        for name in names if answers(run, question) else ():
            said = [f"{said} {number(value)}" for said, value in controls_of(run.final_metrics, name).items()]
            about = kind(found, name)
            value = f"{number(run.final_metrics[name])}{f' ({about})' * bool(about)}"
            named = f"{name} {ARROWS.get(better(name) or '', '')}".strip()
            yield question.words, named, value, interval(found, name), "; ".join(said)


def escape(value: Any) -> str:
    """A text as Markdown shows it: no HTML, no end of a cell, no link, no emphasis. What is marked safe stays."""
    if isinstance(value, Markup):
        return value
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def number(value: float) -> str:
    """Four significant digits, and whole numbers as such."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time in a unit that suits it."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds / 60:.3g} min"


def family_colours() -> dict[Family, str]:
    """A colour for each family, dark enough for text on white."""
    colours = "#0b5394 #0b7285 #7b2d8b #a61e4d #b3470b #2b6a1f #5c4a00 #4338ca #9a1c1c #4b5563"
    return dict(zip(Family, colours.split(), strict=True))


def _render(
    template: str, board: Leaderboard, options: dict[str, Any], pictures: Mapping[str, Mapping[str, bytes]],
    verdicts: Callable[[pd.DataFrame], dict[str, list[str]]], sounds: Mapping[str, Mapping[str, bytes]] = {},
) -> str:  # fmt: skip
    questions = {
        words: [{**_section(table, pictures, sounds), "verdicts": verdicts(table)} for table in tables]
        for words, tables in board.questions().items()
    }
    return open_template(template, **options).render(questions=questions, skipped=board.skipped)


def open_template(name: str, **options: Any) -> jinja2.Template:
    """A template with what all of them use."""
    loader = jinja2.PackageLoader("genlab.experiments", "")
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True, **options
    )
    environment.filters |= {"base64": lambda picture: b64encode(picture).decode(), "number": number}
    environment.tests["missing"] = pd.isna
    environment.globals |= {"better": better, "arrows": ARROWS, "kind": kind, "interval": interval, "first": FIRST}
    return environment.get_template(name)


def interval(row: "pd.Series[Any] | Mapping[str, Any]", name: str) -> str:
    """The 95 % interval of a number: over test images for a run, over seeds for a mean; "" where there is none."""
    low, high = (row.get(beside(name, end), float("nan")) for end in ("low", "high"))
    return f"{number(low)} to {number(high)}" if pd.notna(low) and pd.notna(high) else ""


def _section(
    table: pd.DataFrame, pictures: Mapping[str, Mapping[str, bytes]], sounds: Mapping[str, Mapping[str, bytes]]
) -> dict[str, Any]:
    """What the templates want to know of a group."""
    main, means, controls = main_metrics(table), summarise(table), control_rows(table)
    differ = [name for name in DESCRIBES if means[name].nunique() > 1]
    shared = {said: means[name].iloc[0] for name, said in DESCRIBES.items() if name not in differ}
    best = {name: best_rows(means, name) for name in main}
    shown = {run_id: _pictures_of(table, pictures.get(run_id, {})) for run_id in means["run_id"]}
    return {
        "title": title(table),
        "shared": ", ".join(f"{said} {value}" for said, value in shared.items() if value not in ("", 1)),
        "hashes": shared_hashes(table),
        "differ": {name: DESCRIBES[name] for name in differ},
        "main": main,
        "rows": list(means.iterrows()),
        "best": best,
        "controls": [pd.Series(row) for row in controls],
        "pictures": shown if any(shown.values()) else {},
        "sounds": {run_id: _sounds_of(table, sounds.get(run_id, {})) for run_id in means["run_id"]},
        "runs": list(table.iterrows()),
        "lines": _lines(title(table), means, controls, differ, main, best),
    }


def _verdicts(board: Leaderboard, table: pd.DataFrame, by_image: ByImage) -> dict[str, list[str]]:
    """What each two rows of a table say of each other, by their numbers."""
    question = question_of(table)
    runs = [
        [board.runs[run_id] for run_id in rows["run_id"]] for _, rows in table.groupby(SAME_BUT_FOR_SEED, sort=False)
    ]
    both = itertools.combinations(enumerate(sides_of(runs, by_image)), 2)
    return {f"{i} {j}": compare_sides(question, one, other) for (i, one), (j, other) in both}


def _pictures_of(table: pd.DataFrame, pictures: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of a run's pictures that show its answer to the question of the table."""
    for start in question_of(table).pictures:
        if found := {name: png for name, png in pictures.items() if name.startswith(start)}:
            return found
    return {}


def _sounds_of(table: pd.DataFrame, sounds: Mapping[str, bytes]) -> dict[str, bytes]:
    """A few of a run's recordings that show its answer to the question of the table."""
    starts = {Samples: "samples/", Reconstructs: "reconstructions/"}
    shown = tuple(start for asked, start in starts.items() if asked in question_of(table).asks)
    return few_sounds({name: wav for name, wav in sounds.items() if name.startswith(shown)}, HEARD)


def few_sounds(sounds: Mapping[str, bytes], most: int) -> dict[str, bytes]:
    """WAVs, evenly spread, that a page can hold: at most `most`, and none of more than LARGEST bytes."""
    small = [name for name, wav in sounds.items() if len(wav) <= LARGEST]
    return {small[place]: sounds[small[place]] for place in evenly(len(small), most)}


def _lines(
    heading: str,
    means: pd.DataFrame,
    controls: list[dict[str, Any]],
    differ: list[str],
    main: list[str],
    best: dict[str, set[Any]],
) -> list[str]:
    """The table under its heading in Markdown, columns padded: the first metric, and of the others those that fit."""

    def column(name: str) -> list[str]:
        arrow = f" {ARROWS[way]}" if (way := better(name)) else ""
        cells = [f"{escape(name)}{arrow}"]
        for index, row in means.iterrows():
            marks, end = "**" * (index in best[name]), interval(row, name)
            said = f" ({escape(kind(row, name))})" if kind(row, name) not in heading else ""
            text = f"{marks}{number(row[name])}{marks}{said}{f' [{end}]' * bool(end)}"
            cells.append("" if pd.isna(row[name]) else text)
        return [*cells, *(number(row[name]) if name in row else "" for row in controls)]

    def described(name: str) -> list[str]:
        texts = (
            [*means[name], *([""] * len(controls))] if name in differ else [*means[name], *(r[name] for r in controls)]
        )
        return [DESCRIBES.get(name, name), *(escape(shorten(str(text), LONGEST, placeholder="…")) for text in texts)]

    columns = [described(name) for name in ("model", *differ)]
    for name in main:
        more = [*columns, column(name)]
        if name == main[0] or sum(max(map(len, cells)) + 3 for cells in more) < WIDTH:
            columns = more
    widths = [max(map(len, cells)) for cells in columns]
    filled = [
        row for row in zip(*columns, strict=True) if any(row[1 + len(differ) :])
    ]  # a control may have no number here
    rows = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in filled]
    return [f"| {' | '.join(row)} |" for row in (rows[0], ["-" * width for width in widths], *rows[1:])]
