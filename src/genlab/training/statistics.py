"""Statistics of batch normalisation, taken once from training images for the weights that draw."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from genlab.models.base import Batch, Model
from genlab.nn.statistics import batch_norms

IMAGES = 2000  # about so many are looked at


class _Passes(nn.Module):
    """Calls the networks of a model as one training step does; no player moves."""

    def __init__(self, model: Model, step: int) -> None:
        super().__init__()
        self.model, self.step = model, step

    @torch.enable_grad()  # for gradient penalties
    def forward(self, batch: Batch) -> None:
        for _ in self.model.turns(batch, self.step):
            pass


def measure_statistics(model: Model, batches: Iterable[Batch], step: int) -> dict[str, Tensor]:
    """The means and variances of batch normalisation over some training batches, by name, on the CPU.

    Every batch counts the same. A layer that no batch reaches is left out. The model may change, so give it a copy.
    """
    update_bn(batches, _Passes(model, step))
    return {
        f"{name}.{key}": value.cpu()
        for name, norm in batch_norms(model).items() if norm.num_batches_tracked
        for key, value in norm.named_buffers()
    }  # fmt: skip
