"""The tree of the atlas as a picture, drawn without a browser."""

import io
from functools import cache

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from genlab.experiments.atlas import Atlas, Branch, Leaf
from genlab.experiments.leaderboard import better
from genlab.experiments.page import ARROWS, duration, family_colours, number

WIDTH, MARGIN, GAP = 1500, 20, 10
NAME = (124, 44)  # of a branch
STEP = NAME[0] + 26  # from a branch to the next
CARD = (204, 236)  # of a leaf
SHOWN = (188, 104)  # of its picture, at most
DARK, PALE, LINE = "#1b1f24", "#57606a", "#8c959f"

Place = tuple[int, int]


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The letters that matplotlib brings."""
    return ImageFont.truetype(findfont("DejaVu Sans:bold" if bold else "DejaVu Sans"), size)


def draw_picture(atlas: Atlas) -> np.ndarray:
    """(H, W, 3) uint8: the branches from left to right, the leaves behind them."""
    sheet = Image.new("RGB", (WIDTH, MARGIN + len(atlas.leaves) * (CARD[1] + GAP)), "white")
    bottom = MARGIN
    for name, branch in atlas.tree.branches.items():
        bottom, _ = _draw_branch(sheet, name, branch, 0, bottom)
    return np.asarray(sheet)[: bottom + MARGIN]


def _draw_branch(sheet: Image.Image, name: str, branch: Branch, depth: int, top: int) -> Place:
    """Draw a branch and all behind it below `top`; where it ends, and the middle of its name."""
    pen, left, y, ends = ImageDraw.Draw(sheet), MARGIN + depth * STEP, top, list[int]()
    for behind, more in branch.branches.items():
        y, end = _draw_branch(sheet, behind, more, depth + 1, y)
        ends.append(end)
    across = (WIDTH - MARGIN - left - STEP) // (CARD[0] + GAP)
    for start in range(0, len(branch.leaves), across):
        for column, leaf in enumerate(branch.leaves[start : start + across]):
            _draw_leaf(sheet, leaf, (left + STEP + column * (CARD[0] + GAP), y))
        ends.append(y + CARD[1] // 2)
        y += CARD[1] + GAP
    middle, fork = (ends[0] + ends[-1]) // 2, left + NAME[0] + (STEP - NAME[0]) // 2
    pen.line([(left + NAME[0], middle), (fork, middle)], LINE, 2)
    pen.line([(fork, ends[0]), (fork, ends[-1])], LINE, 2)
    for end in ends:
        pen.line([(fork, end), (left + STEP, end)], LINE, 2)
    box = (left, middle - NAME[1] // 2, left + NAME[0], middle + NAME[1] // 2)
    pen.rounded_rectangle(box, 8, "#eaeef2" if depth else DARK)
    words = name if len(name) < 15 else "\n".join(name.rsplit(" ", 1))
    colour = DARK if depth else "white"
    pen.multiline_text((left + NAME[0] // 2, middle), words, colour, font(12, True), "mm", align="center")
    return y, middle


def _draw_leaf(sheet: Image.Image, leaf: Leaf, place: Place) -> None:
    """Draw a leaf: its pictures, what its density is, its first numbers, what it cost."""
    pen, (left, top), colour = ImageDraw.Draw(sheet), place, family_colours()[leaf.family]
    pen.rounded_rectangle((left, top, left + CARD[0], top + CARD[1]), 8, "white", "#d0d7de")
    pen.rectangle((left + 1, top, left + CARD[0] - 1, top + 4), colour)
    pen.text((left + 8, top + 10), leaf.title, colour, font(15, True))
    y = top + 32
    for png in list(leaf.first_pictures.values())[:1]:
        image = Image.open(io.BytesIO(png)).convert("RGB")
        image.thumbnail(SHOWN)
        sheet.paste(image, (left + (CARD[0] - image.width) // 2, y))
        y += SHOWN[1] + 4
    lines = [(f"density: {leaf.density}", PALE)]
    for one in leaf.first_numbers:
        arrow = ARROWS.get(better(one.column) or "", "")
        lines.append((f"{one.metric.replace('_', ' ')} {arrow} {number(one.row[one.column])}", DARK))
        lines += [(f"{said}: {number(value)}", PALE) for said, value in list(one.controls.items())[:1]]
    if leaf.run is None:
        lines.append(("never run here", DARK))
    elif "train_seconds" in leaf.run.final_metrics:
        lines.append((f"trained {duration(leaf.run.final_metrics['train_seconds'])}", PALE))
    for text, ink in lines:
        pen.text((left + 8, y), text, ink, font(11))
        y += 15
