"""Curves: every term of every player, on an axis that shows it."""

import pandas as pd

from genlab.report.curves import draw_curves


def test_each_player_has_a_panel_with_its_terms() -> None:
    history = pd.DataFrame(
        {"step": [1.0, 2.0], "critic/gap": [-1.0, 2.0], "generator/l1": [9.0, 5.0], "generator/fool": [0.1, 0.2],
         "learning_rate": [1.0, 1.0]}
    )  # fmt: skip
    figure = draw_curves(history, "a run")
    traces = {trace.name: trace for trace in figure.data}
    assert set(traces) == {"gap", "l1", "fool"}
    assert list(traces["l1"].y) == [9.0, 5.0]
    assert list(traces["l1"].x) == [1.0, 2.0]
    assert traces["l1"].yaxis == traces["fool"].yaxis != traces["gap"].yaxis
    assert [note.text for note in figure.layout.annotations] == ["critic", "generator"]
    assert figure.layout.yaxis.type != "log", "what can be negative has no logarithm"
    assert figure.layout.yaxis2.type == "log"
