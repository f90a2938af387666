"""Losses over time, as an interactive plot."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")


def names_by_player(history: pd.DataFrame) -> dict[str, list[str]]:
    """The columns "player/term" of each player."""
    found: dict[str, list[str]] = {}
    for name in history.columns:
        if "/" in name:
            found.setdefault(name.partition("/")[0], []).append(name)
    return found


def is_positive(curves: pd.DataFrame) -> bool:
    """Whether all that is known is positive: an axis is logarithmic then, since terms differ by orders of magnitude."""
    return bool(((curves > 0) | curves.isna()).all(axis=None))


def draw_curves(history: pd.DataFrame, title: str) -> go.Figure:
    """One panel per player with its terms over the steps, logarithmic where all are positive; a click hides a curve.

    Args:
        history: a row per report, with `step` and a column "player/term" for each curve.
    """
    names = names_by_player(history)
    players, curves = list(names), [name for name in history.columns if "/" in name]
    figure = make_subplots(rows=len(players), shared_xaxes=True, subplot_titles=players, vertical_spacing=0.08)
    for number, name in enumerate(curves):
        player, _, term = name.partition("/")
        known = history[["step", name]].dropna()  # scores are not taken at every report
        figure.add_trace(
            go.Scatter(
                x=known["step"], y=known[name], name=term, mode="lines", line_color=COLOURS[number % len(COLOURS)]
            ),
            row=players.index(player) + 1,
            col=1,
        )
    figure.update_layout(title=title, hovermode="x unified", template="plotly_white", height=220 * len(players) + 160)
    figure.update_xaxes(title_text="training step", row=len(players), col=1)
    figure.update_yaxes(title_text="mean since the last report")
    for row, player in enumerate(players, start=1):
        if is_positive(history[names[player]]):
            figure.update_yaxes(type="log", row=row, col=1)
    return figure
