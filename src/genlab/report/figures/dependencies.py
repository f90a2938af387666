"""Which pixels a model looks at before it predicts one."""

import numpy as np
import torch
from matplotlib.colors import LogNorm
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.models.base import Autoregressive
from genlab.nn.noise import Chance
from genlab.report.plots import new_axes, render
from genlab.report.registry import figure
from genlab.sampling.draw import spread_condition

IMAGES = 20  # behind the mean of the gradients


def middle_dependencies(case: Judged[Autoregressive, LabelledImages]) -> np.ndarray:
    """How much the prediction of the pixel in the middle changes with each pixel: (H, W), 0 where not at all.

    It is the largest gradient of a number of the prediction's distribution by a channel of the pixel, over some images.
    """
    images = case.shown.spread(IMAGES).pixels

    def call(rng: Chance, x: Tensor, told: Tensor | None) -> Tensor:
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            middle = case.model.predict(x, told)[:, :, x.shape[2] // 2, x.shape[3] // 2]
            (gradient,) = torch.autograd.grad(middle.sum(), x)
        return gradient.abs().amax(dim=1)

    return case.apply(call, range(len(images)), images, spread_condition(case, len(images))).max(axis=0)


@figure(needs=Autoregressive, on=LabelledImages, of="pictures")
def draw_dependencies(case: Judged[Autoregressive, LabelledImages]) -> dict[str, np.ndarray]:
    """`dependencies`: what the prediction of the pixel in the middle depends on; what it does not see stays white."""
    found = middle_dependencies(case)
    seen, (height, width) = found > 0, found.shape
    axes = new_axes(560, 480)
    low, high = (found[seen].min(), found[seen].max()) if seen.any() else (1e-3, 1.0)
    shown = axes.imshow(np.ma.masked_where(~seen, found), cmap="viridis_r", norm=LogNorm(max(low, 1e-6 * high), high))
    axes.figure.colorbar(shown, ax=axes, label="largest gradient", shrink=0.8)
    axes.plot(width // 2, height // 2, "rs", markersize=5)
    axes.set(title=f"{seen.sum()} of {found.size} pixels have a say in the red one", xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    return {"dependencies": render(axes)}
