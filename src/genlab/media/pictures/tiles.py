"""Grids: images in rows and columns."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 4  # pixels between images
SHEET_WIDTH = 1000  # pixels, of a preview
HEADING = 22  # pixels for the headings


def to_rgb8(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) of uint8 or uint16 -> (N, H, W, 3) uint8: the first three channels, or the first one as grey."""
    if images.dtype == np.uint16:
        images = (images >> 8).astype(np.uint8)
    return np.repeat(images[:, :, :, :1], 3, axis=3) if images.shape[3] < 3 else images[:, :, :, :3]


def paste(sheet: Image.Image, pixels: np.ndarray, place: tuple[int, int], size: tuple[int, int]) -> None:
    """Put (H, W, 3) uint8 on a sheet at `place` (left, top), at `size` (width, height); enlarged pixels stay square."""
    how = Image.Resampling.NEAREST if pixels.shape[0] < size[1] else Image.Resampling.BICUBIC
    sheet.paste(Image.fromarray(pixels).resize(size, how), place)


def draw_grid(columns: Mapping[str, np.ndarray], *, scale: int = 1, blocks: int = 1) -> Image.Image:
    """One column per heading, one row per image; the rows fold into `blocks` side by side.

    Args:
        columns: heading -> (N, H, W, C) pixels, all N alike.
        scale: every pixel becomes scale x scale, so that small images can be seen.
        blocks: how many times the headings stand side by side; fewer where there are fewer images.
    """
    pictures = {heading: to_rgb8(images) for heading, images in columns.items()}
    n, h, w, _ = next(iter(pictures.values())).shape
    blocks = min(blocks, n)
    rows, cell_h, cell_w = -(-n // blocks), h * scale + GAP, w * scale + GAP
    block_width = len(pictures) * cell_w + 2 * GAP
    grid = Image.new("RGB", (blocks * block_width, HEADING + rows * cell_h), "white")
    pen, font = ImageDraw.Draw(grid), ImageFont.load_default(13)
    for block in range(blocks):
        for column, (heading, images) in enumerate(pictures.items()):
            left = block * block_width + column * cell_w + GAP
            pen.text((left + w * scale / 2, HEADING / 2), heading, fill="black", font=font, anchor="mm")
            for row, pixels in enumerate(images[block * rows : (block + 1) * rows]):
                paste(grid, pixels, (left, HEADING + row * cell_h), (w * scale, h * scale))
    return grid


def draw_tiles(
    strips: Sequence[np.ndarray], *, across: int = 12, names: Sequence[str] | None = None, scale: int | None = None,
    strip_names: Sequence[str] | None = None,
) -> np.ndarray:  # fmt: skip
    """Images in rows of at most `across`, (H, W, 3) uint8; small ones enlarged.

    Args:
        strips: arrays (N, H, W, C) of equal length; image i of the second stands under image i of the first.
        across: images in a row.
        names: a name to the left of each row.
        scale: every pixel becomes scale x scale; None enlarges to about 64 pixels.
        strip_names: a name for each of the strips, to the left of it in every row.
    """
    pictures = [to_rgb8(images) for images in strips]
    n, h, w, _ = pictures[0].shape
    scale = scale or max(1, 64 // h)
    across, margin = min(across, n), 8 * max(map(len, [*(names or ()), *(strip_names or ()), ""]))
    margin += 8 if margin else 0
    rows, cell_h, cell_w = -(-n // across), h * scale, w * scale
    row_height = len(pictures) * cell_h + (GAP if len(pictures) == 1 else 2 * GAP)
    grid = Image.new("RGB", (margin + across * (cell_w + GAP) + GAP, rows * row_height + GAP), "white")
    pen, font = ImageDraw.Draw(grid), ImageFont.load_default(13)
    for number in range(n):
        row, column = divmod(number, across)
        for strip, images in enumerate(pictures):
            place = (margin + GAP + column * (cell_w + GAP), GAP + row * row_height + strip * cell_h)
            paste(grid, images[number], place, (cell_w, cell_h))
    for row in range(rows if strip_names else 0):
        for strip, name in enumerate(strip_names or ()):
            top = GAP + row * row_height + strip * cell_h
            pen.text((4, top + cell_h / 2), name, fill="black", font=font, anchor="lm")
    for row, name in enumerate(names or ()):
        pen.text((4, GAP + row * row_height + cell_h / 2), name, fill="black", font=font, anchor="lm")
    return np.asarray(grid)


def stack_pictures(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) uint8 one under the other, on white."""
    width = max(picture.shape[1] for picture in pictures)
    filled = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(filled)


def paste_side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W, C) pictures of any sizes in rows of about 1000 pixels, (H, W, 3) uint8; one white pixel where none are."""
    images = [Image.fromarray(to_rgb8(pixels[None])[0]) for pixels in pictures]
    images = images or [Image.new("RGB", (1, 1), "white")]
    cell = (max(image.width for image in images) + GAP, max(image.height for image in images) + GAP)
    columns = max(1, min(len(images), SHEET_WIDTH // cell[0]))
    sheet = Image.new("RGB", (columns * cell[0], -(-len(images) // columns) * cell[1]), "white")
    for number, image in enumerate(images):
        sheet.paste(image, (number % columns * cell[0], number // columns * cell[1]))
    return np.asarray(sheet)
