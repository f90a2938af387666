"""The running average of a network's weights."""

import torch
from torch import Tensor, nn
from torch.func import functional_call


class RunningAverage(nn.Module):
    """theta' <- decay theta' + (1 - decay) theta, as buffers: it is in every snapshot and nobody trains it.

    Averages the network's floating-point buffers, such as means of batch normalisation, as well as its parameters.
    Early on the decay is smaller, (1 + step) / (forget + step), so that the average is of about the last 1 / forget of
    all steps and the first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float, forget: float = 10.0) -> None:
        super().__init__()
        self.decay, self.forget = decay, forget
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.register_buffer(name.replace(".", "__"), value.detach().clone())

    def averaged(self) -> dict[str, Tensor]:
        """The averages by the names of the network's `state_dict`."""
        return {name.replace("__", "."): value for name, value in self.named_buffers()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the network's present weights, after training step `step`, counted from 0."""
        current, averaged = network.state_dict(), self.averaged()
        share = 1 - min(self.decay, (1 + step) / (self.forget + step))
        torch._foreach_lerp_(list(averaged.values()), [current[name] for name in averaged], share)

    def apply_to(self, network: nn.Module, x: Tensor) -> Tensor:
        """What `network` gives for `x` with the averaged weights in place of its own."""
        return functional_call(network, self.averaged(), (x,))
