"""The latent space as a picture: one point for each image, coloured by its label. N images, Z latents."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from genlab.report.plots import as_text, new_axes, render

NO_LABEL = (0.45, 0.45, 0.45)  # grey


def principal_plane(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, Z) codes -> their first two principal components (N, 2), and the share of the variance that these keep.

    Codes of two numbers come back as they are; of one, with zeros beside it. The largest entry of each component's
    direction is positive, so that a picture is not mirrored by chance.
    """
    if codes.shape[1] <= 2:
        return np.pad(codes, ((0, 0), (0, 2 - codes.shape[1]))), 1.0
    centred = codes - codes.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
    variance = np.square(lengths)
    return centred @ directions[:2].T, float(variance[:2].sum() / max(variance.sum(), np.finfo(float).tiny))


def scatter(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    classes: Sequence[str] = (),
    *,
    behind: np.ndarray | None = None,
    behind_name: str = "prior",
    title: str = "",
    axis_names: tuple[str, str] = ("z1", "z2"),
    size: tuple[int, int] = (760, 640),
) -> np.ndarray:
    """Points of the plane, coloured by label, with a legend: (H, W, 3) uint8.

    Points are drawn in a random but fixed order, so that no class lies on top of the others.

    Args:
        points: (N, 2).
        labels: (N,) numbers from 0 up, negative for no label; None where nobody has one.
        classes: names of the labels by their number.
        behind: (M, 2) points in pale grey behind them, such as draws from the prior.
        behind_name: what the legend calls those.
        title: above the axes.
        axis_names: of the horizontal and the vertical axis.
        size: width and height of the picture in pixels.
    """
    axes = new_axes(*size)
    if behind is not None:
        axes.scatter(behind[:, 0], behind[:, 1], s=6, color=(0.82, 0.82, 0.82), linewidths=0, label=behind_name)
    labels = np.full(len(points), -1) if labels is None else labels
    palette = colormaps["tab10" if len(classes) <= 10 else "tab20"]
    colours = np.array([palette(label % palette.N)[:3] if label >= 0 else NO_LABEL for label in labels]).reshape(-1, 3)
    order = np.random.default_rng(0).permutation(len(points))
    shuffled = points[order]
    axes.scatter(shuffled[:, 0], shuffled[:, 1], s=9, c=colours[order], alpha=0.75, linewidths=0)
    for number, name in enumerate(classes):
        axes.scatter([], [], s=30, color=palette(number % palette.N), label=as_text(name))
    if classes or behind is not None:
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, markerscale=1.2)
    axes.set(title=title, xlabel=axis_names[0], ylabel=axis_names[1])
    return render(axes)
