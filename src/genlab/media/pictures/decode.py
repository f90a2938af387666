"""One file's bytes -> pixels: PNG, JPEG, WebP, TIFF, BMP, NPY, and every other format that Pillow reads.

Pixels are (H, W, C), uint8 or uint16, with as many channels as the file has. Palettes and CMYK become RGB, alpha is
composited on a background, and a picture is turned as its metadata say.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from genlab.media.base import Settings, Source, UnreadableFileError
from genlab.media.pictures.alpha import LUMINANCE, composite, turn
from genlab.media.pictures.integers import largest, to_integers
from genlab.media.pictures.recognise import FORMATS, NPY_SIGNATURE
from genlab.media.pictures.settings import Fit
from genlab.media.pictures.tiff import SIGNATURES as TIFF_SIGNATURES
from genlab.media.pictures.tiff import decode_tiff

DECODER = 2
"""A number that grows when the same bytes give other pixels. Stores of an older number are made anew."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow refuses larger pictures: a few bytes can claim them
TURNING = (b"Exif", b"eXIf", b"Raw profile type", b"tiff:Orientation", b"XML:com.adobe.xmp")
"""One of these stands in a JPEG or PNG that says how it is turned."""
SAFE_SIGNATURES = (PNG_SIGNATURE, JPEG_SIGNATURE, NPY_SIGNATURE, b"BM", b"GIF8")
MOST_CHANNELS = 16  # last axis of an NPY array that is taken for channels, if H and W are far larger


@dataclass(frozen=True)
class Decoded:
    """Pixels, and what the file had."""

    pixels: np.ndarray  # (H, W, C) uint8 or uint16
    mode: str  # Pillow's name of the mode, or e.g. "TIFF, 5 channels"


def decode_examples(
    source: Source, halves: Sequence[str], settings: Settings
) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """The pictures in a file or an array, fitted as the settings say; see `genlab.media.base.Medium.decode`."""
    if isinstance(source, np.ndarray):
        pixels = source if source.ndim == 3 else source[:, :, None]
        decoded = Decoded(pixels, "array")
    else:
        data = source.read_bytes() if isinstance(source, Path) else source
        decoded = decode(data, settings["background"], settings["axes"])
    decoded = Decoded(stretch_to_white(decoded.pixels, settings["white"]), decoded.mode)
    found = []
    for half in halves:
        pixels = cut_half(decoded.pixels, half, settings["square_halves"]) if half else decoded.pixels
        bits = max(1, int(pixels.max()).bit_length())
        about = {"height": pixels.shape[0], "width": pixels.shape[1], "mode": decoded.mode, "bits": bits}
        pixels = fit_image(pixels, settings["image_size"], settings["fit"])
        if settings["channels"] != "auto":
            pixels = to_channels(pixels, settings["channels"])
        found.append((pixels, about))
    return found


def is_safe(source: bytes | Path) -> bool:
    """Whether no damage to these bytes brings the decoder down: common formats, by Pillow, simplejpeg and numpy."""
    return isinstance(source, bytes) and source.startswith(SAFE_SIGNATURES)


def stretch_to_white(pixels: np.ndarray, white: int | None) -> np.ndarray:
    """Pixels whose value `white` has become the largest; they stay as they are where their type cannot hold it.

    Raises:
        UnreadableFileError: a value is larger.
    """
    top = largest(pixels.dtype)
    if white is None or white > top:
        return pixels
    if pixels.max() > white:
        raise UnreadableFileError(f"has values up to {pixels.max()}, above data.white={white}; raise it")
    return ((pixels.astype(np.uint64) * top + white // 2) // white).astype(pixels.dtype)


def cut_half(pixels: np.ndarray, half: str, square: bool) -> np.ndarray:
    """The "left" or "right" half of (H, W, C).

    Raises:
        UnreadableFileError: the halves are not equally wide, or not square where they should be `square`.
    """
    h, w, _ = pixels.shape
    if w % 2:
        raise UnreadableFileError(
            f"has an odd number of columns ({w}) and cannot be cut into halves; make both sides equally wide"
        )
    if square and w != 2 * h:
        raise UnreadableFileError(
            f"has halves of {w // 2}x{h} pixels where those of the other files are square; a and b must have the same "
            "size"
        )
    return pixels[:, : w // 2] if half == "left" else pixels[:, w // 2 :]


def decode(data: bytes, background: tuple[int, int, int], axes: str | None = None) -> Decoded:
    """The image in a file's bytes; its content decides on the format, not its name. `axes` are those of an NPY array.

    Raises:
        UnreadableFileError: says what is wrong with the file and what to do.
    """
    if not data:
        raise UnreadableFileError("is empty (0 bytes); fetch it again or delete it")
    try:
        if data.startswith(NPY_SIGNATURE):
            return _decode_npy(data, axes)
        if _is_deep_png(data):
            return _decode_deep_png(data, background)
        if data.startswith(TIFF_SIGNATURES):
            pixels = decode_tiff(data, background)
            return Decoded(pixels, f"TIFF, {pixels.shape[2]} channels")
        if data.startswith(JPEG_SIGNATURE) and not any(mark in data for mark in TURNING):
            decoded = _decode_jpeg(data)
            if decoded is not None:
                return decoded
        with Image.open(io.BytesIO(data), formats=(*FORMATS, "TGA")) as image:
            return _decode_pillow(image, background)
    except UnidentifiedImageError as error:
        raise UnreadableFileError(
            "is not an image of any known format; give it the right ending or delete it"
        ) from error
    except Image.DecompressionBombError as error:
        raise UnreadableFileError(f"is too large to be decoded safely ({error}); make it smaller") from error
    except UnreadableFileError:
        raise
    except (OSError, EOFError, SyntaxError, RuntimeError) as error:
        raise UnreadableFileError(f"is truncated or damaged ({error}); fetch it again or delete it") from error
    except (ValueError, IndexError, KeyError) as error:
        raise UnreadableFileError(f"cannot be decoded ({error}); save it anew, as PNG or uncompressed TIFF") from error


def _decode_pillow(image: Image.Image, background: tuple[int, int, int]) -> Decoded:
    mode = image.mode
    ImageOps.exif_transpose(image, in_place=True)
    if mode.startswith("I;16"):
        return Decoded(np.asarray(image).astype(np.uint16)[:, :, None], mode)
    if mode in ("I", "F", "LAB", "HSV"):
        kind = "32-bit samples" if mode in "IF" else "colours of another kind than RGB and CMYK"
        raise UnreadableFileError(f"has {kind} (mode {mode}); save it as RGB or grey, with 8 or 16 bits per sample")
    grey = mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        pixels = composite(np.asarray(image.convert("LA" if grey else "RGBA")), background)
    else:
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return Decoded(pixels if pixels.ndim == 3 else pixels[:, :, None], mode)


def _decode_jpeg(data: bytes) -> Decoded | None:
    """The pixels of a grey or RGB JPEG. None for others, such as CMYK: Pillow reads those.

    The pixels are Pillow's. Several threads decode at once here, while Pillow holds Python's lock as it copies pixels.
    """
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("Gray", "YCbCr", "RGB") or height * width > MOST_PIXELS:
            return None
        mode, name = ("L", "GRAY") if colours == "Gray" else ("RGB", "RGB")
        return Decoded(simplejpeg.decode_jpeg(data, name), mode)
    except ValueError:  # it is strict; Pillow refuses a file that is really damaged
        return None


def _is_deep_png(data: bytes) -> bool:
    """Whether it has 16 bits in several channels."""
    return data.startswith(PNG_SIGNATURE) and data[24:25] == b"\x10" and data[25:26] in (b"\2", b"\4", b"\6")


def _decode_deep_png(data: bytes, background: tuple[int, int, int]) -> Decoded:
    """The pixels of such a PNG. Pillow keeps 8 of 16 bits: the upper ones, or the lower ones if told another order.

    Grey with alpha is told to be four bytes. torchvision keeps 16 bits, but one changed byte crashes it.
    """
    parts = []
    for order in "BL":
        with Image.open(io.BytesIO(data)) as image:
            grey = any(tile.args == "LA;16B" for tile in image.tile)
            image.tile = [tile._replace(args="RGBA" if grey else f"{image.mode};16{order}") for tile in image.tile]
            parts.append(np.asarray(image).astype(np.uint16))
    pixels = (parts[0][:, :, ::2] << 8) + parts[0][:, :, 1::2] if grey else (parts[0] << 8) + parts[1]
    mode = {2: "LA;16", 3: "RGB;16", 4: "RGBA;16"}[pixels.shape[2]]
    pixels = pixels if mode == "RGB;16" else composite(pixels, background)
    return Decoded(turn(pixels, _orientation(data)), mode)


def _orientation(data: bytes) -> int:
    """How a PNG is to be held, 1 to 8 as EXIF counts."""
    if not any(mark in data for mark in TURNING):
        return 1
    with Image.open(io.BytesIO(data)) as image:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _decode_npy(data: bytes, axes: str | None) -> Decoded:
    pixels = np.load(io.BytesIO(data), allow_pickle=False)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise UnreadableFileError(
            f"holds an array of shape {pixels.shape}; an image has (H, W), (H, W, C) or (C, H, W)"
        )
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableFileError(f"holds {pixels.dtype} samples; save them as uint8 or uint16")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    elif (axes or _guessed_axes(pixels.shape)) == "CHW":
        pixels = np.moveaxis(pixels, 0, 2)
    return Decoded(np.ascontiguousarray(pixels), f"NPY, {pixels.shape[2]} channels")


def _guessed_axes(shape: tuple[int, ...]) -> str:
    """HWC or CHW, where one axis is so short that it can only be the channels.

    Raises:
        UnreadableFileError: none is, or both are.
    """
    first, middle, last = shape
    is_last = last <= MOST_CHANNELS and 4 * last <= min(first, middle)
    is_first = first <= 4 and 4 * first <= min(middle, last)  # more may be a stack of pictures
    if is_last == is_first:
        raise UnreadableFileError(
            f"holds an array of shape {shape}, and it is unclear which axis is the channels; set data.axes=HWC or CHW, "
            "and save each picture of a stack in a file of its own"
        )
    return "HWC" if is_last else "CHW"


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(H, W, C) with C grey or RGB -> (H, W, `channels`): grey as RGB, or RGB as its luminance.

    Raises:
        UnreadableFileError: there are other numbers of channels than 1 and 3 on one of the two sides.
    """
    have = pixels.shape[-1]
    if have == channels:
        return pixels
    if (have, channels) == (1, 3):
        return np.repeat(pixels, 3, axis=-1)
    if (have, channels) == (3, 1):
        return ((pixels.astype(np.uint32) @ LUMINANCE + 500) // 1000).astype(pixels.dtype)[..., None]
    raise UnreadableFileError(
        f"has {have} channels where {channels} are wanted; keep such images in a folder of their own, with "
        "data.channels=auto"
    )


def fit_image(pixels: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """(H, W, C) -> (size, size, C), by one of the rules that `Fit` describes; bicubic where it scales.

    Raises:
        UnreadableFileError: an image to be padded is larger than `size`.
    """
    h, w = scaled_size(pixels.shape[0], pixels.shape[1], size, fit)
    pixels = resize(pixels, h, w)
    if fit == "crop":
        top, left = (h - size) // 2, (w - size) // 2
        return pixels[top : top + size, left : left + size]
    spare = (size - h, size - w)
    if min(spare) < 0:
        raise UnreadableFileError(
            f"has {h}x{w} pixels and does not fit into data.image_size={size} by padding; set data.fit=fit or a "
            "larger data.image_size"
        )
    return np.pad(pixels, [(n // 2, n - n // 2) for n in spare] + [(0, 0)])


def scaled_size(height: int, width: int, size: int, fit: Fit) -> tuple[int, int]:
    """The height and width to which `fit_image` scales, before it cuts the middle out or adds bars."""
    if fit == "pad":
        return height, width
    if fit == "stretch":
        return size, size
    scale = size / (min(height, width) if fit == "crop" else max(height, width))
    least = size if fit == "crop" else 1
    return max(least, round(height * scale)), max(least, round(width * scale))


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, C) -> (height, width, C), bicubic, smoothed where it shrinks; any channels, uint8 or uint16."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3):
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)).reshape(height, width, -1)
    planes = [
        Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        for plane in np.moveaxis(pixels, 2, 0)
    ]
    return to_integers(np.stack([np.asarray(plane) for plane in planes], axis=2), pixels.dtype)
