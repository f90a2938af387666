"""A pool of past drawings for a critic. Shrivastava et al. 2017, arXiv:1612.07828, section 2.3."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Past drawings in buffers, so that snapshots hold them. B batch, C channels, H = W image size.

    A pool that is not full keeps every drawing and gives it back. A full pool tosses a coin for each new drawing. It
    gives the drawing back, or it gives back a random one of its own, whose place the new one takes. The authors of
    CycleGAN do the same, image by image. The coins are of the device's global generator, and nothing waits for the
    device.
    """

    images: Tensor  # (size, C, H, W)
    filled: Tensor  # how many drawings there are, a whole number

    def __init__(self, size: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.size = size  # 0: no pool
        self.register_buffer("images", torch.zeros(size, channels, image_size, image_size))
        self.register_buffer("filled", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def exchange(self, drawn: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """As many drawings as it is given, new or past ones."""
        if self.size == 0:
            return drawn.detach()
        seen = drawn.detach().clone()
        chance = torch.rand(2, len(seen), device=seen.device)
        for image, toss, place in zip(seen.split(1), *(row.split(1) for row in chance), strict=True):
            full = self.filled >= self.size
            slot = torch.where(full, (place * self.size).long().clamp(max=self.size - 1), self.filled)
            slot = slot.clamp(max=self.size - 1)
            old = self.images.index_select(0, slot)
            swap = full & (toss > 0.5)
            self.images.index_copy_(0, slot, torch.where(full & ~swap, old, image.to(old.dtype)))
            image.copy_(torch.where(swap, old, image))  # into `seen`
            self.filled += (~full).long()
        return seen
