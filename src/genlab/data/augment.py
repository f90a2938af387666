"""Random changes of the training images, per sample, the same for both sides of a pair, in batches on the device."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def jitter_and_mirror(
    batch: Mapping[str, Float[Tensor, "b _c h w"]], jitter: float, mirror: bool
) -> dict[str, Float[Tensor, "b _c h w"]]:
    """Enlarge by the factor `jitter` (bilinear), crop back to (H, W) at a random place, flip half of them if `mirror`.

    The random jitter of Isola et al. 2017, section 6.2, as one bilinear reading of the original per sample: the same
    numbers as enlarging and cropping at whole pixels, without the enlarged copy. Draws from torch's global generator.
    """
    if jitter == 1.0 and mirror:
        first = next(iter(batch.values()))
        mirrored = torch.rand(len(first), 1, 1, 1, device=first.device) < 0.5
        return {name: torch.where(mirrored, y := x.flip(3), x, out=y) for name, x in batch.items()}
    if jitter == 1.0 and not mirror:
        return dict(batch)
    b, _, h, w = next(iter(batch.values())).shape
    device = next(iter(batch.values())).device
    sides = torch.tensor([round(h * jitter), round(w * jitter)], device=device)  # of the enlarged image
    spare = sides - torch.tensor([h, w], device=device)
    corner = (torch.rand(b, 2, device=device) * (spare + 1)).floor()  # top, left: whole pixels of the enlarged image
    flip = torch.where(torch.rand(b, device=device) < 0.5, -1.0, 1.0) if mirror else torch.ones(b, device=device)
    scale = torch.tensor([h, w], device=device) / sides  # what of the original the crop shows
    centre = (2 * corner + torch.tensor([h, w], device=device)) / sides - 1  # (B, 2) in [-1, 1], y then x
    affine = torch.zeros(b, 2, 3, device=device)
    affine[:, 0, 0] = scale[1] * flip
    affine[:, 1, 1] = scale[0]
    affine[:, 0, 2] = centre[:, 1]
    affine[:, 1, 2] = centre[:, 0]
    grid = F.affine_grid(affine, [b, 1, h, w], align_corners=False)  # (B, H, W, 2)
    return {
        name: F.grid_sample(x, grid.to(x.dtype), mode="bilinear", padding_mode="border", align_corners=False)
        for name, x in batch.items()
    }
