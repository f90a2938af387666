"""Random changes of the training images, per sample, the same for both sides of a pair, in batches on the device.

B batch, C channels, H, W pixels; images in [-1, 1]. Each function takes batches by name and changes all of them alike.
All chance comes from torch's global generator. A change that is off draws no random number.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Images = Float[Tensor, "b _c h w"]
Batches = Mapping[str, Images]


def augment(
    batch: Batches, *, jitter: float, mirror: bool, crop: float, brightness: float, saturation: float, contrast: float,
    translation: float, cutout: float,
) -> dict[str, Images]:  # fmt: skip
    """All changes to the training images, in the order of the arguments; see the functions below for each."""
    moved = crop_at_random(jitter_and_mirror(batch, jitter, mirror), crop)
    coloured = jitter_colour(moved, brightness, saturation, contrast)
    return cut_out(translate(coloured, translation), cutout)


def differentiable_augment(
    batch: Batches, *, brightness: float = 0.5, saturation: float = 1.0, contrast: float = 0.5,
    translation: float = 0.125, cutout: float = 0.5,
) -> dict[str, Images]:  # fmt: skip
    """DiffAugment: colour, translation, cutout, through which gradients pass; Zhao et al. 2020, arXiv:2006.10738.

    It changes all images that a discriminator sees, real and drawn. If it changed the real ones alone, a generator
    would learn to draw the changes. The defaults are those of the authors' code. Values may leave [-1, 1].
    """
    return cut_out(translate(_change_colour(batch, brightness, saturation, contrast), translation), cutout)


def jitter_and_mirror(batch: Batches, jitter: float, mirror: bool) -> dict[str, Images]:
    """Enlarge by the factor `jitter` (bilinear), crop back to (H, W) at a random place, flip half of them if `mirror`.

    The random jitter of Isola et al. 2017, section 6.2, as one bilinear reading of the original per sample: the same
    numbers as enlarging and cropping at whole pixels, without the enlarged copy. Draws from torch's global generator.
    """
    if jitter == 1.0 and mirror:
        first = next(iter(batch.values()))
        return _flip_some(batch, torch.rand(len(first), device=first.device) < 0.5)
    if jitter == 1.0 and not mirror:
        return dict(batch)
    b, h, w, device = _shape(batch)
    sides = torch.tensor([round(h * jitter), round(w * jitter)], device=device)  # of the enlarged image
    spare = sides - torch.tensor([h, w], device=device)
    corner = (torch.rand(b, 2, device=device) * (spare + 1)).floor()  # top, left: whole pixels of the enlarged image
    flip = torch.where(torch.rand(b, device=device) < 0.5, -1.0, 1.0) if mirror else torch.ones(b, device=device)
    scale = torch.tensor([h, w], device=device) / sides  # what of the original the crop shows
    centre = (2 * corner + torch.tensor([h, w], device=device)) / sides - 1  # (B, 2) in [-1, 1], y then x
    return _read_window(batch, centre, scale.expand(b, 2), flip)


def _flip_some(batch: Batches, chosen: Bool[Tensor, " b"]) -> dict[str, Images]:
    """Flip the chosen samples left and right."""
    if chosen.device.type != "cpu":  # reading `chosen` would wait for the device
        return {name: torch.where(chosen[:, None, None, None], x.flip(3), x) for name, x in batch.items()}
    flipped = {name: x.clone() for name, x in batch.items()}
    for x in flipped.values():
        for sample in chosen.nonzero().flatten().tolist():  # a third of the time of `where`, which reads all twice
            x[sample] = x[sample].flip(2)
    return flipped


def crop_at_random(batch: Batches, crop: float) -> dict[str, Images]:
    """Show a window with sides of `crop` to 1 of the image's, at a random place, enlarged to the full size (bilinear).

    Jitter shows all things at one size; this changes their size. `crop` 1 is off.
    """
    if crop == 1.0:
        return dict(batch)
    b, _, _, device = _shape(batch)
    share = crop + (1 - crop) * torch.rand(b, 1, device=device)
    centre = (2 * torch.rand(b, 2, device=device) - 1) * (1 - share)  # the window stays inside
    return _read_window(batch, centre, share.expand(b, 2), torch.ones(b, device=device))


def jitter_colour(batch: Batches, brightness: float, saturation: float, contrast: float) -> dict[str, Images]:
    """Add up to +-`brightness` to values in [-1, 1]; multiply saturation and contrast by factors in 1 +- theirs.

    Values are clipped to [-1, 1]. Leave this off where colours have a meaning, as in a label map.
    """
    if not (brightness or saturation or contrast):
        return dict(batch)
    return {name: x.clamp(-1, 1) for name, x in _change_colour(batch, brightness, saturation, contrast).items()}


def translate(batch: Batches, translation: float) -> dict[str, Images]:
    """Move by whole pixels, up to the share `translation` of each side, in any direction; grey (0) moves in."""
    if not translation:
        return dict(batch)
    b, h, w, device = _shape(batch)
    rows, columns = (
        torch.arange(side, device=device)
        - (torch.rand(b, 1, device=device) * (2 * int(translation * side + 0.5) + 1)).floor().long()
        + int(translation * side + 0.5)
        for side in (h, w)
    )  # (B, H), (B, W): where each pixel comes from
    inside = _box((rows >= 0) & (rows < h), (columns >= 0) & (columns < w))
    sample = torch.arange(b, device=device)[:, None, None]
    rows, columns = rows.clamp(0, h - 1)[:, :, None], columns.clamp(0, w - 1)[:, None, :]
    return {name: x[sample, :, rows, columns].permute(0, 3, 1, 2) * inside for name, x in batch.items()}


def cut_out(batch: Batches, cutout: float) -> dict[str, Images]:
    """Put grey (0) into a box with sides of the share `cutout` of the image's; its centre is anywhere in the image."""
    if not cutout:
        return dict(batch)
    b, h, w, device = _shape(batch)
    within = []
    for side in (h, w):
        length = int(cutout * side + 0.5)
        start = (torch.rand(b, 1, device=device) * (side + 1 - length % 2)).floor() - length // 2
        place = torch.arange(side, device=device)
        within.append((place >= start) & (place < start + length))
    kept = ~_box(*within)
    return {name: x * kept for name, x in batch.items()}


def _shape(batch: Batches) -> tuple[int, int, int, torch.device]:
    first = next(iter(batch.values()))
    b, _, h, w = first.shape
    return b, h, w, first.device


def _box(rows: Bool[Tensor, "b h"], columns: Bool[Tensor, "b w"]) -> Bool[Tensor, "b 1 h w"]:
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _read_window(
    batch: Batches, centre: Float[Tensor, "b 2"], share: Float[Tensor, "b 2"], flip: Float[Tensor, " b"]
) -> dict[str, Images]:
    """The content of a window at the full size: centre in [-1, 1], share of the sides, y then x; flip is -1 or 1."""
    b, h, w, device = _shape(batch)
    affine = torch.zeros(b, 2, 3, device=device)
    affine[:, 0, 0] = share[:, 1] * flip
    affine[:, 1, 1] = share[:, 0]
    affine[:, 0, 2] = centre[:, 1]
    affine[:, 1, 2] = centre[:, 0]
    grid = F.affine_grid(affine, [b, 1, h, w], align_corners=False)  # (B, H, W, 2)
    return {
        name: F.grid_sample(x, grid.to(x.dtype), mode="bilinear", padding_mode="border", align_corners=False)
        for name, x in batch.items()
    }


def _change_colour(batch: Batches, brightness: float, saturation: float, contrast: float) -> dict[str, Images]:
    """Brightness, then saturation around each pixel's grey, then contrast around each image's mean; not clipped."""
    b, _, _, device = _shape(batch)
    change = 2 * torch.rand(3, b, 1, 1, 1, device=device) - 1  # (3, B, 1, 1, 1) in [-1, 1]
    changed = {}
    for name, x in batch.items():
        lighter = x + brightness * change[0].to(x.dtype)
        grey = lighter.mean(dim=1, keepdim=True)
        richer = grey + (lighter - grey) * (1 + saturation * change[1].to(x.dtype))
        mean = richer.mean(dim=(1, 2, 3), keepdim=True)
        changed[name] = mean + (richer - mean) * (1 + contrast * change[2].to(x.dtype))
    return changed
