"""TIFF: every combination of bits, bands, colours, planes, orientation and pages is right, or refused."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from genlab.media.base import UnreadableFileError
from genlab.media.pictures.decode import decode
from tests.media.tiffs import Page, tiff

BACKGROUND = (10, 100, 200)
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4}  # samples that say the colour; 0: white is zero, 3: palette, 5: CMYK
EXTRA = [(), (0,), (1,), (2,), (0, 0), (2, 0)]  # 0: a band, 1: alpha, premultiplied, 2: alpha


def meant(page: Page) -> np.ndarray | None:
    """The picture in [0, 1] that TIFF 6.0 says this is; None where no picture of uint8 or uint16 can hold it."""
    count = COLOURS[page.photometric]
    values = page.samples / (2**page.bits - 1)
    colour, rest = values[:, :, :count], values[:, :, count:]
    has_alpha = bool(page.extra) and page.extra[0] > 0
    if (has_alpha and len(page.extra) > 1) or (page.photometric == 3 and page.extra):
        return None
    if page.photometric == 5 and 0 in page.extra:
        return None
    if page.photometric == 0:
        colour = 1 - colour
    elif page.photometric == 3:
        assert page.colours is not None
        colour = page.colours[page.samples[:, :, 0]] / 65535
    elif page.photometric == 5:
        colour = (1 - colour[:, :, :3]) * (1 - colour[:, :, 3:])
    if has_alpha:
        behind = np.array(BACKGROUND) / 255
        behind = behind if colour.shape[2] == 3 else behind @ [0.299, 0.587, 0.114]
        shown = colour if page.extra == (1,) else colour * rest
        colour, rest = shown + behind * (1 - rest), rest[:, :, 1:]
    whole = np.concatenate([colour, rest], axis=2).clip(0, 1)
    turned = {1: whole, 3: np.rot90(whole, 2), 6: np.rot90(whole, -1), 8: np.rot90(whole, 1)}
    turned |= {2: whole[:, ::-1], 4: whole[::-1], 5: whole.transpose(1, 0, 2)}
    turned[7] = np.rot90(turned[5], 2)
    return turned[page.orientation]


def check(page: Page, order: str) -> str:
    """read, refused, or a reason that is not true; asserts that what is read is right."""
    wanted = meant(page)
    try:
        found = decode(tiff([page], order), BACKGROUND).pixels
    except UnreadableFileError as error:
        untrue = "damaged" in str(error) or "known format" in str(error)
        return str(error) if untrue else "refused"
    assert wanted is not None
    assert found.shape == wanted.shape
    assert found.dtype == (np.uint8 if page.bits <= 8 else np.uint16)
    top = np.iinfo(found.dtype).max
    assert abs(found / top - wanted).max() <= 1.01 / top
    return "read"


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("photometric", COLOURS)
def test_every_kind_of_samples_is_right_or_refused(bits: int, photometric: int) -> None:
    rng = np.random.default_rng(bits)
    for extra, planar, orientation, order in itertools.product(EXTRA, (1, 2), (1, 6), "<>"):
        samples = rng.integers(0, 2**bits, (5, 7, COLOURS[photometric] + len(extra)))
        if extra == (1,):
            samples[:, :, :-1] = np.minimum(samples[:, :, :-1], samples[:, :, -1:])
        colours = rng.integers(0, 65536, (2**bits, 3)) if photometric == 3 else None
        page = Page(samples, bits, photometric, extra, planar, orientation, colours=colours)
        what = check(page, order)
        if bits in (1, 8, 16) or (samples.shape[2] == planar == 1 and (bits < 12 or (photometric, order) == (1, "<"))):
            assert what == ("refused" if meant(page) is None else "read"), page
        assert what in ("read", "refused")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_and_mirrored_as_it_says(bits: int, orientation: int) -> None:
    for count, photometric in ((1, 1), (3, 2)):
        samples = np.random.default_rng(0).integers(0, 2**bits, (5, 7, count))
        assert check(Page(samples, bits, photometric, orientation=orientation), "<") == "read"


GREY = Page(np.arange(35).reshape(5, 7, 1))
SMALL = Page(np.arange(6).reshape(2, 3, 1), subfile=1)
PAGES = {
    "two pictures": ([GREY, GREY], "holds 2 pictures"),
    "three pages that are no colours": ([GREY, GREY, GREY], "holds 3 pictures"),
    "a mask": ([GREY, Page(GREY.samples % 2, 1, 4, subfile=4)], "transparency in a page of its own"),
    "signed": ([Page(GREY.samples, 16, sample_format=2)], "signed samples of 16 bits"),
    "real": ([Page(GREY.samples, 32, sample_format=3)], "floating point samples of 32 bits"),
    "32 bits": ([Page(GREY.samples, 32)], "samples of 32 bits"),
    "CIELAB": ([Page(np.zeros((5, 7, 3), int), 8, 8)], "colours as CIELAB"),
    "a camera's raw": ([Page(GREY.samples, 16, 32803)], "colours as CFA"),
    "too few samples": ([Page(GREY.samples, 8, 2)], "1 samples, which do not go with its colours"),
}


@pytest.mark.parametrize(("pages", "reason"), PAGES.values(), ids=PAGES)
def test_what_is_no_single_picture_is_refused_with_the_true_reason(pages: list[Page], reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        decode(tiff(pages), BACKGROUND)


@pytest.mark.parametrize("pages", [[SMALL, GREY], [GREY, SMALL], [SMALL, SMALL, GREY]])
def test_thumbnails_are_no_pictures(pages: list[Page]) -> None:
    assert np.array_equal(decode(tiff(pages), BACKGROUND).pixels, GREY.samples)


def written(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def test_channels_of_a_microscope_are_bands_and_its_stacks_are_refused() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (4, 5, 7), dtype=np.uint16)
    for kind in ({"imagej": True}, {"ome": True}):
        channels = written(pixels, metadata={"axes": "CYX"}, photometric="minisblack", **kind)
        assert np.array_equal(decode(channels, BACKGROUND).pixels, np.moveaxis(pixels, 0, 2))
        for axes in ("ZYX", "TYX"):
            with pytest.raises(UnreadableFileError, match=r"holds 4 pictures|stack with the axes"):
                decode(written(pixels, metadata={"axes": axes}, photometric="minisblack", **kind), BACKGROUND)
    with pytest.raises(UnreadableFileError, match="holds 4 pictures"):
        decode(written(pixels, photometric="minisblack"), BACKGROUND)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK", "P", "LA", "I;16"])
def test_compressions_change_nothing(compression: str, mode: str) -> None:
    rgba = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8))
    image = rgba.convert("RGB").convert(mode) if mode != "RGBA" else rgba
    if mode == "I;16":
        image = Image.fromarray(np.random.default_rng(0).integers(0, 65536, (5, 7), dtype=np.uint16))
    files = [io.BytesIO(), io.BytesIO()]
    for file, kind in zip(files, (compression, "raw"), strict=True):
        image.save(file, "TIFF", compression=kind)
    packed, raw = (decode(file.getvalue(), BACKGROUND).pixels for file in files)
    assert np.array_equal(packed, raw)


@pytest.mark.parametrize("colours", ["RGB", "L", "YCbCr"])
def test_jpeg_in_a_tiff_has_the_pixels_that_pillow_gives(colours: str) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)).convert(colours)
    file = io.BytesIO()
    image.save(file, "TIFF", compression="jpeg")
    wanted = np.asarray(Image.open(file).convert("L" if colours == "L" else "RGB")).reshape(16, 24, -1)
    assert np.array_equal(decode(file.getvalue(), BACKGROUND).pixels, wanted)
