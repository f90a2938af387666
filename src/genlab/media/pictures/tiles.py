"""Grids: images in rows and columns. Every picture that Genlab makes of several images is laid out here."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 4  # pixels between images
SHEET_WIDTH = 1000  # pixels, of a preview
HEADING = 22  # pixels for the headings
SEEN = 64  # pixels: smaller images are enlarged to about this size


def to_rgb8(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) of uint8 or uint16 -> (N, H, W, 3) uint8: the first three channels, or the first one as grey."""
    if images.dtype == np.uint16:
        images = (images >> 8).astype(np.uint8)
    return np.repeat(images[:, :, :, :1], 3, axis=3) if images.shape[3] < 3 else images[:, :, :, :3]


def lay_out(
    rows: Sequence[Sequence[np.ndarray]], size: tuple[int, int], *, names: Sequence[str] = (),
    headings: Sequence[str] = (), gap: int = GAP, together: int = 1, apart: int = 10**6,
) -> np.ndarray:  # fmt: skip
    """Images (H, W, C) in rows, on white, (H, W, 3) uint8. Enlarged pixels stay square.

    Args:
        rows: of images; they need not be equally long.
        size: height and width that each image gets.
        names: to the left of each row.
        headings: above each column.
        gap: pixels between images.
        together: so many rows touch one another; a double gap follows.
        apart: so many columns belong together; a double gap follows.
    """
    (h, w), across = size, max(map(len, rows))
    margin, space = max([8 * len(name) + 8 for name in names], default=0), gap if together == 1 else 2 * gap
    lefts = [margin + gap + c * (w + gap) + c // apart * 2 * gap for c in range(across)]
    tops = [(HEADING if headings else gap) + r * h + r // together * space for r in range(len(rows))]
    sheet = Image.new("RGB", (lefts[-1] + w + gap, tops[-1] + h + gap), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for left, heading in zip(lefts, headings, strict=bool(headings)):
        pen.text((left + w / 2, HEADING / 2), heading, fill="black", font=font, anchor="mm")
    for top, name in zip(tops, names, strict=bool(names)):
        pen.text((4, top + h / 2), name, fill="black", font=font, anchor="lm")
    for top, row in zip(tops, rows, strict=True):
        for left, image in zip(lefts, row, strict=False):
            how = Image.Resampling.NEAREST if image.shape[0] < h else Image.Resampling.BICUBIC
            sheet.paste(Image.fromarray(to_rgb8(image[None])[0]).resize((w, h), how), (left, top))
    return np.asarray(sheet)


def enlarged(image: np.ndarray) -> tuple[int, int]:
    """The height and width of an image of which every pixel has become a square, so that it can be seen."""
    scale = max(1, SEEN // image.shape[0])
    return image.shape[0] * scale, image.shape[1] * scale


def draw_grid(columns: Mapping[str, np.ndarray], blocks: int | None = None) -> np.ndarray:
    """One column per heading, one row per image; (H, W, 3) uint8.

    Args:
        columns: heading -> (N, H, W, C) pixels, all N alike.
        blocks: the rows fold into so many blocks side by side, fewer where there are fewer images; None: as many as a
            screen holds.
    """
    size, n = enlarged(next(iter(columns.values()))[0]), len(next(iter(columns.values())))
    blocks = min(n, blocks or max(1, min(4, 1024 // (len(columns) * size[1]))))
    height = -(-n // blocks)
    rows = [[images[i] for i in range(row, n, height) for images in columns.values()] for row in range(height)]
    return lay_out(rows, size, headings=list(columns) * blocks, apart=len(columns))


def draw_tiles(
    strips: Sequence[np.ndarray],
    *,
    across: int | None = None,
    names: Sequence[str] = (),
    strip_names: Sequence[str] = (),
) -> np.ndarray:
    """Images in rows of at most `across`, (H, W, 3) uint8; small ones enlarged.

    Args:
        strips: arrays (N, H, W, C) of equal length; image i of the second stands under image i of the first.
        across: images in a row; None: twelve, or four of images that are wider than high, such as those of sound.
        names: a name to the left of each row.
        strip_names: a name for each of the strips, to the left of it in every row.
    """
    height, width = strips[0].shape[1:3]
    across = across or (12 if height >= width else 4)
    starts = range(0, len(strips[0]), across)
    rows = [list(images[start : start + across]) for start in starts for images in strips]
    named = names or list(strip_names) * len(starts)
    return lay_out(rows, enlarged(strips[0][0]), names=named, together=len(strips))


def _pad(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, C) -> (height, width, 3) uint8, with white below and to the right."""
    h, w, _ = picture.shape
    return np.pad(to_rgb8(picture[None])[0], ((0, height - h), (0, width - w), (0, 0)), constant_values=255)


def stack_pictures(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) uint8 one under the other, on white."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate([_pad(picture, picture.shape[0], width) for picture in pictures])


def preview(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W, C) pictures of any sizes in rows of about 1000 pixels, (H, W, 3) uint8; one white pixel where none are."""
    if not pictures:
        return np.full((1, 1, 3), 255, np.uint8)
    size = max(p.shape[0] for p in pictures), max(p.shape[1] for p in pictures)
    across = max(1, SHEET_WIDTH // (size[1] + GAP))
    filled = [_pad(picture, *size) for picture in pictures]
    return lay_out([filled[start : start + across] for start in range(0, len(filled), across)], size)
