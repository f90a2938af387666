"""TIFF: any bits, bands, photometric interpretation and orientation; what cannot be read as it is meant is refused.

Pixels are (H, W, C), uint8 or uint16. Extra samples that are no alpha are bands: they are kept.
"""

import io
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from genlab.media.base import UnreadableFileError
from genlab.media.pictures.alpha import composite, turn
from genlab.media.pictures.integers import largest

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
"""Samples of a pixel that say its colour, by photometric interpretation."""
BITS = (1, 2, 4, 8, 12, 16)
PREMULTIPLIED, ALPHA = 1, 2  # kinds of extra samples; all others are bands


@dataclass(frozen=True)
class Page:
    """What the tags of a page say, and its place in the file."""

    tags: tifffile.TiffPage
    number: int
    photometric: int
    bits: int
    alpha: int  # PREMULTIPLIED, ALPHA, or 0


def decode_tiff(data: bytes, background: tuple[int, int, int]) -> np.ndarray:
    """The only picture in a TIFF.

    Raises:
        UnreadableFileError: there are several, or its samples are such that they cannot be kept.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage)]
        if any(page.is_mask for page in pages):
            raise UnreadableFileError("has its transparency in a page of its own; save it with an alpha channel")
        full = [number for number, page in enumerate(pages) if not page.is_reduced] or [0]  # without thumbnails
        series = file.series[0]
        if (file.is_imagej or file.is_ome) and series.axes == "CYX":
            return _bands(series, _checked(pages[full[0]], full[0]))
        if len(full) > 1:
            raise UnreadableFileError(f"holds {len(full)} pictures; save each in a file of its own")
        if file.is_imagej and series.axes not in ("YX", "YXS"):
            raise UnreadableFileError(f"is a stack with the axes {series.axes}; save each picture in a file of its own")
        page = _checked(pages[full[0]], full[0])
        try:
            return _by_tifffile(page, background)
        except (ValueError, NotImplementedError):  # a compression, or bits, that it leaves to a package of codecs
            return _by_pillow(data, page, background)


def _checked(page: tifffile.TiffPage, number: int) -> Page:
    """What a page's tags say.

    Raises:
        UnreadableFileError: its pixels could not be kept as they are meant.
    """
    bits, kind = page.bitspersample, int(page.sampleformat)
    photometric, samples = int(page.photometric), page.samplesperpixel
    if kind not in (1, 4):  # 4: undefined
        name = {2: "signed", 3: "floating point"}.get(kind, "complex")
        raise UnreadableFileError(f"holds {name} samples of {bits} bits; save them as uint8 or uint16")
    if bits not in BITS:
        raise UnreadableFileError(f"holds samples of {bits} bits; save it with 8 or 16 bits per sample")
    if photometric not in COLOURS:
        name = getattr(page.photometric, "name", str(photometric))
        raise UnreadableFileError(f"has colours as {name}, which Genlab does not read; save it as RGB or grey")
    extra = samples - COLOURS[photometric]
    kinds = [int(one) for one in page.extrasamples][:extra]
    alphas = [one for one in kinds if one in (PREMULTIPLIED, ALPHA)]
    if extra < 0 or (extra and photometric in (PALETTE, YCBCR)):
        raise UnreadableFileError(f"has {samples} samples, which do not go with its colours; save it as RGB or grey")
    if alphas and extra > 1:
        raise UnreadableFileError("has an alpha channel and further bands; save it without the alpha channel")
    if photometric == CMYK and (extra > len(alphas) or int(page.tags.valueof(332, default=1)) != 1):
        raise UnreadableFileError("has inks beside cyan, magenta, yellow and black; save it as RGB")
    return Page(page, number, photometric, int(bits), alphas[0] if alphas else 0)


def _bands(series: tifffile.TiffPageSeries, page: Page) -> np.ndarray:
    """The channels of a file of microscopy, one for each page, as bands (H, W, C)."""
    if page.bits not in (8, 16) or page.photometric != BLACK_IS_ZERO:
        raise UnreadableFileError("holds channels that are not grey of 8 or 16 bits; save them so")
    return np.moveaxis(series.asarray(), 0, 2)


def _by_tifffile(page: Page, background: tuple[int, int, int]) -> np.ndarray:
    tags = page.tags
    if page.photometric == YCBCR or page.bits in (2, 4, 12):
        raise NotImplementedError
    pixels = tags.asarray()
    if pixels.ndim == 3 and int(tags.planarconfig) == 2:
        pixels = np.moveaxis(pixels, 0, 2)  # (C, H, W) -> (H, W, C)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if page.bits == 1:
        pixels = pixels.astype(np.uint8) * (1 if page.photometric == PALETTE else 255)
    colours, extra = np.split(pixels, [COLOURS[page.photometric]], axis=2)
    if page.photometric == WHITE_IS_ZERO:
        colours = largest(colours.dtype) - colours
    if page.photometric == PALETTE:
        table = np.asarray(tags.colormap).T  # (N, 3), 16 bits, unless a writer forgot it
        table = (table >> 8).astype(np.uint8) if page.bits <= 8 and table.max() > 255 else table
        colours = table.astype(np.uint8 if page.bits <= 8 else np.uint16)[colours[:, :, 0]]
    if page.photometric == CMYK:
        colours = _without_ink(colours)
    pixels = np.concatenate([colours, extra], axis=2)
    if page.alpha:
        pixels = composite(pixels, background, premultiplied=page.alpha == PREMULTIPLIED)
    return turn(pixels, int(tags.tags.valueof(274, default=1)))


def _by_pillow(data: bytes, page: Page, background: tuple[int, int, int]) -> np.ndarray:
    """The same by Pillow, which knows more compressions, fewer samples, and turns the picture by itself."""
    tags, in_planes = page.tags, int(page.tags.planarconfig) == 2
    how = f"compressed as {tifffile.COMPRESSION(tags.compression).name}{', plane by plane' if in_planes else ''}"
    refused = UnreadableFileError(
        f"holds {tags.samplesperpixel} samples of {page.bits} bits, {how}, which Genlab cannot read; save it with 8 or "
        "16 bits per sample, uncompressed or as deflate"
    )
    if in_planes or (page.bits != 8 and (tags.samplesperpixel > 1 or (page.photometric == PALETTE and page.bits > 8))):
        raise refused
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            image.seek(page.number)
            mode = image.mode
            if mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I;16", "I;16B"):
                raise refused
            pixels = np.asarray(image.convert({"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}.get(mode, mode)))
    except UnidentifiedImageError:  # it knows no such samples
        raise refused from None
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if pixels.shape[2] != (3 if mode in ("P", "CMYK") else tags.samplesperpixel):
        raise refused
    if page.bits > 8:
        pixels = pixels.astype(np.uint16)
        if page.bits == 12:
            pixels = ((pixels.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
        if page.photometric == WHITE_IS_ZERO:
            pixels = 65535 - pixels
    return composite(pixels, background) if page.alpha else pixels


def _without_ink(pixels: np.ndarray) -> np.ndarray:
    """Cyan, magenta, yellow, black (H, W, 4) -> RGB of the same type, as Pillow does it."""
    top = largest(pixels.dtype)
    paper = top - pixels.astype(np.uint64)
    return ((paper[:, :, :3] * paper[:, :, 3:] + top // 2) // top).astype(pixels.dtype)
