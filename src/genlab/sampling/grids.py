"""Grids: images in rows and columns, with a heading over each column."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 4  # pixels between images
HEADING = 22  # pixels for the headings


def to_rgb8(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) of uint8 or uint16 -> (N, H, W, 3) uint8: the first three channels, or the first one as grey."""
    if images.dtype == np.uint16:
        images = (images >> 8).astype(np.uint8)
    return np.repeat(images[:, :, :, :1], 3, axis=3) if images.shape[3] < 3 else images[:, :, :, :3]


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
                image = Image.fromarray(pixels).resize((w * scale, h * scale), Image.Resampling.NEAREST)
                grid.paste(image, (left, HEADING + row * cell_h))
    return grid
