"""The atlas as one HTML file that needs nothing else. The template `atlas.html.jinja` says how it looks."""

import io
from collections.abc import Mapping
from functools import partial

from PIL import Image

from genlab.experiments.atlas import ABILITIES, TOLD, Atlas, caption
from genlab.experiments.page import duration, family_colours, number, open_template
from genlab.report.chart import HEIGHT, WIDTH
from genlab.report.curves import COLOURS

LARGEST = 10_000_000  # bytes of the page, at most
SIZES = (640, 480, 320, 160)  # pixels of a picture: as many as the page has room for


def draw_atlas(atlas: Atlas, pages: Mapping[str, str]) -> str:
    """The page. `pages` are the addresses of the models' pages, of those that have one."""
    template = open_template("atlas.html.jinja", autoescape=True, lstrip_blocks=True)
    for size in SIZES:
        page = template.render(
            atlas=atlas, pages=pages, abilities=[*ABILITIES, TOLD], caption=caption, colours=family_colours(),
            families={leaf.model: leaf.family for leaf in atlas.leaves}, lines=COLOURS, width=WIDTH, height=HEIGHT,
            duration=duration, number=number, webp=partial(to_webp, size=size),
        )  # fmt: skip
        if len(page.encode()) < LARGEST:
            break
    return page


def to_webp(png: bytes, size: int) -> bytes:
    """A picture of at most so many pixels a side, much smaller than the PNG."""
    image, buffer = Image.open(io.BytesIO(png)), io.BytesIO()
    image.thumbnail((size, size))
    image.save(buffer, "WEBP", quality=82)
    return buffer.getvalue()
