"""Plots as pictures: axes to draw into, and what becomes of them. matplotlib without its windows and global state."""

from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DOTS_PER_INCH = 100


def new_axes(width: int = 640, height: int = 480) -> Axes:
    """Empty axes on a white figure of so many pixels."""
    figure = Figure((width / DOTS_PER_INCH, height / DOTS_PER_INCH), DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def as_text(name: str) -> str:
    """A name as matplotlib shows it as it is: $ begins no formula, and _ hides nothing from a legend."""
    return f"{' ' * name.startswith('_')}{name}".replace("$", r"\$")


def render(axes: Axes) -> np.ndarray:
    """The figure around the axes, (H, W, 3) uint8."""
    canvas = cast(FigureCanvasAgg, axes.figure.canvas)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
