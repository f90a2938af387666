"""Which mean and variance batch normalisation uses when a model draws. B batch, C channels.

A drawing should not depend on the pictures that share its batch. The running statistics keep to that. So do a picture's
own, which is how a model saw every picture that it was trained on one by one.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Statistics = Literal["own", "fixed", "batch"]
"""own: each picture's, over its axes. fixed: those that the model holds. batch: those of the batch that is drawn."""


def set_statistics(model: nn.Module, statistics: Statistics) -> None:
    """Have a model use these statistics in evaluation mode from now on. Training mode stays as it is.

    A layer whose input has one number per picture and channel cannot use a picture's own. It uses the fixed.
    """
    if statistics != "fixed":
        for norm in batch_norms(model).values():
            norm.register_forward_hook(_by_picture if statistics == "own" else _by_batch)


def batch_norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The layers that normalise by the batch, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, _BatchNorm)}


def _by_picture(norm: _BatchNorm, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    (h,) = inputs  # (B, C, *axes)
    if norm.training or h.shape[2:].numel() == 1:
        return output
    return F.instance_norm(h, weight=norm.weight, bias=norm.bias, eps=norm.eps)


def _by_batch(norm: _BatchNorm, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    if norm.training:
        return output
    return F.batch_norm(inputs[0], None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
