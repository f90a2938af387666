"""The plots of the studies: accuracy against number of labels, error against latent dimension."""

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, ScalarFormatter

from genlab.evaluation.studies.encoder_start import METHODS, summarise
from genlab.report.plots import new_axes, render

WAYS = {
    "fine_tuned": "encoder fine-tuned", "from_scratch": "same network, random weights",
    "frozen": "frozen encoder, linear", "pixels": "logistic regression on pixels",
}  # fmt: skip
COLOURS = {"fine_tuned": "#1f77b4", "from_scratch": "#d62728", "frozen": "#2ca02c", "pixels": "#7f7f7f"}


def draw_accuracies(study: pd.DataFrame, title: str = "") -> np.ndarray:
    """Mean test accuracy with its 95 % interval against the number of labelled images: (H, W, 3) uint8."""
    axes = new_axes(760, 520)
    summary = summarise(study)
    for place, method in enumerate(METHODS):
        own = summary[summary["method"] == method].sort_values("labels")
        beside = own["labels"] * 1.04 ** (place - 1.5)  # or the bars would hide one another
        axes.errorbar(
            beside, own["mean"], yerr=[own["mean"] - own["low"], own["high"] - own["mean"]], label=WAYS[method],
            color=COLOURS[method], marker="o", markersize=4, capsize=3,
        )  # fmt: skip
    counts = sorted(summary["labels"].unique())
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts[:-1]] + [f"all {counts[-1]:,}"])
    axes.minorticks_off()
    axes.set(xlabel="labelled training images", ylabel="test accuracy", title=title)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    return render(axes)


def draw_dimensions(study: pd.DataFrame, title: str = "") -> np.ndarray:
    """Test mse against the latent dimension, both logarithmic, a line for each method of
    `genlab.evaluation.studies.latent_dimension`: (H, W, 3) uint8."""
    axes = new_axes(760, 520)
    for method, own in study.groupby("method", sort=False):
        steps = f", {own['steps'].max():,} steps" if own["steps"].max() else ""
        look = {"marker": "o"} if len(own) > 1 else {"marker": "*", "markersize": 14, "linestyle": "none"}
        axes.plot(own["latent_dim"], own["mse"], label=f"{method}{steps}", **look)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    dimensions = sorted(study["latent_dim"].unique())
    axes.set_xticks(dimensions, [str(dimension) for dimension in dimensions])
    axes.minorticks_off()
    axes.set(xlabel="latent dimension", ylabel="mse of test images, pixels in [0, 1]", title=title)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return render(axes)
