"""What files say beside their pixels: axes, order of bytes, the value of white, how a picture is to be held."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.report import describe_set, warnings
from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import list_folder
from genlab.data.store import ImageSet
from genlab.media.base import UnreadableFileError
from genlab.media.pictures.decode import decode, stretch_to_white
from tests.data.fuzz import deep_png

WHITE = (255, 255, 255)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((64, 48), None), ((64, 48, 3), None), ((3, 64, 48), None), ((1, 64, 48), None), ((64, 64, 13), None),
     ((5, 64, 48), "CHW"), ((64, 48, 20), "HWC"), ((3, 4, 5), "CHW"), ((64, 48), "CHW")],
)  # fmt: skip
def test_arrays_are_read_along_their_axes(kind: str, shape: tuple[int, ...], axes: str | None) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape).astype(kind)
    wanted = array[:, :, None] if array.ndim == 2 else array
    wanted = np.moveaxis(wanted, 0, 2) if (axes == "CHW" and array.ndim == 3) or shape[0] < 4 else wanted
    found = decode(npy(array), WHITE, axes).pixels
    assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert np.array_equal(found, wanted)
    assert np.array_equal(decode(npy(np.asfortranarray(array)), WHITE, axes).pixels, wanted)


@pytest.mark.parametrize("shape", [(5, 64, 48), (64, 48, 20), (3, 64, 3), (3, 4, 5), (64, 64, 64)])
def test_arrays_whose_axes_are_unclear_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableFileError, match=r"unclear which axis is the channels; set data.axes=HWC or CHW"):
        decode(npy(np.zeros(shape, np.uint8)), WHITE)


@pytest.mark.parametrize("array", [np.zeros((2, 8, 8, 3), np.uint8), np.zeros(8, np.uint8), np.zeros((8, 8), np.int64),
                                   np.zeros((8, 8)), np.zeros((8, 8), bool), np.zeros((0, 8), np.uint8)])  # fmt: skip
def test_arrays_that_are_no_picture_are_refused(array: np.ndarray) -> None:
    with pytest.raises(UnreadableFileError, match=r"array of shape|samples; save them as uint8 or uint16"):
        decode(npy(array), WHITE)


# The value of white


def read(root: Path, values: np.ndarray, **settings: object) -> ImageSet:
    root.mkdir(exist_ok=True)
    for number in range(3):
        Image.fromarray(values).save(root / f"{number}.png")
    checked = DataSettings(source=str(root), image_size=8, layout="labels", **settings)
    return view(ingest(list_folder(root, checked), checked, root.parent / checked.set_name()), checked)


@pytest.mark.parametrize(("kind", "bits"), [("u2", 12), ("u2", 10), ("u2", 14), ("u1", 1)])
def test_data_that_use_few_of_their_bits_are_named_and_can_be_stretched(tmp_path: Path, kind: str, bits: int) -> None:
    white, top = 2**bits - 1, np.iinfo(kind).max
    values = np.arange(64).reshape(8, 8) % 2 * white
    dark = read(tmp_path / "raw", values.astype(kind))
    [warning] = warnings(describe_set(dark, DataSettings()))[:1]
    assert f"values of {bits} bits in {8 * np.dtype(kind).itemsize}, up to {white} of {top}" in warning
    assert f"data.white={white}" in warning
    bright = read(tmp_path / "raw", values.astype(kind), white=white)
    assert np.array_equal(bright["images"].images[0][:, :, 0], values // white * top)
    assert not [text for text in warnings(describe_set(bright, DataSettings())) if "bits" in text]


def test_white_says_nothing_about_types_that_cannot_hold_it_and_refuses_what_is_brighter() -> None:
    pixels = np.array([[[0], [255]]], np.uint8)
    assert np.array_equal(stretch_to_white(pixels, 4095), pixels)
    with pytest.raises(UnreadableFileError, match=r"values up to 5000, above data.white=4095"):
        stretch_to_white(np.array([[[5000]]], np.uint16), 4095)


# How a picture is to be held


def scene() -> np.ndarray:
    """(16, 24, 3): bright above, red to the left."""
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8], pixels[:, :12, 0] = 128, 255
    return pixels


def held(pixels: np.ndarray, kind: str, exif: Image.Exif) -> bytes:
    """A file of this kind that says in its metadata how to hold it."""
    file = io.BytesIO()
    if kind == "PNG 16":
        data = deep_png(pixels.astype(np.uint16) * 257)
        Image.fromarray(pixels).save(file, "PNG", exif=exif)
        first = file.getvalue()
        start = first.index(b"eXIf") - 4
        chunk = first[start : start + 12 + int.from_bytes(first[start : start + 4], "big")]
        return data[:33] + chunk + data[33:]
    if kind == "PNG grey 16":
        Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257).save(file, "PNG", exif=exif)
    elif kind == "JPEG XMP":
        xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="{exif[0x0112]}"/></x:xmpmeta>'
        Image.fromarray(pixels).save(file, "JPEG", quality=100, subsampling=0, xmp=xmp.encode())
    else:
        lossless = {
            "WEBP": {"lossless": True},
            "JPEG": {"quality": 100, "subsampling": 0},
            "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        }
        image = Image.fromarray(pixels).convert("RGBA" if kind == "PNG alpha" else "RGB")
        image.save(file, kind.split()[0], exif=exif, **lossless.get(kind, {}))
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind", ["JPEG", "JPEG XMP", "PNG", "PNG alpha", "PNG 16", "PNG grey 16", "WEBP", "AVIF", "TIFF"]
)
def test_a_picture_of_any_format_is_turned_as_its_metadata_say(kind: str, orientation: int) -> None:
    upright = scene()
    turned = {1: upright, 2: upright[:, ::-1], 3: np.rot90(upright, 2), 4: upright[::-1]}
    turned |= {5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 8: np.rot90(upright, -1)}
    turned[7] = np.rot90(turned[5], 2)  # the pixels in the file, for each way to hold it
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(held(np.ascontiguousarray(turned[orientation]), kind, exif), WHITE).pixels
    found = (found >> 8).astype(np.uint8) if found.dtype == np.uint16 else found
    assert found.shape[:2] == upright.shape[:2]
    assert abs(found.astype(int) - upright[:, :, : found.shape[2]]).max() < 12
