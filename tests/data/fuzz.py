"""Damaged files, by a seed: pictures and sounds of every kind that `decode` reads, and random damage."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import soundfile
import tifffile
from PIL import Image

MANY = int(os.environ.get("GENLAB_FUZZ", "0"))
"""Files for each kind in `make fuzz`; 0: the few of `make test`."""


def deep_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits in several channels, which Pillow cannot write."""
    h, w, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", w, h, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def pictures() -> dict[str, bytes]:
    """A good picture of each kind, 20 x 24 pixels."""
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (20, 24, 4), dtype=np.uint8)
    rgba[4:16] //= 8  # something to compress
    deep = rgba.astype(np.uint16) * 257
    rgb = Image.fromarray(rgba[:, :, :3])
    turned = Image.Exif()
    turned[0x0112] = 6
    grey, alpha, exif = rgb.convert("L"), Image.fromarray(rgba), {"exif": turned}
    pillow = {
        "png": (rgb, "PNG", {}), "png grey": (grey, "PNG", {}), "png alpha": (alpha, "PNG", {}),
        "png palette": (rgb.quantize(8), "PNG", {}), "png bits": (rgb.convert("1"), "PNG", {}),
        "png grey 16": (Image.fromarray(deep[:, :, 0]), "PNG", {}), "png turned": (rgb, "PNG", exif),
        "jpeg": (rgb, "JPEG", {}), "jpeg grey": (grey, "JPEG", {}), "jpeg turned": (rgb, "JPEG", exif),
        "jpeg cmyk": (rgb.convert("CMYK"), "JPEG", {}), "jpeg progressive": (rgb, "JPEG", {"progressive": True}),
        "webp": (rgb, "WEBP", {}), "webp lossless": (alpha, "WEBP", {"lossless": True}),
        "bmp": (rgb, "BMP", {}), "gif": (rgb, "GIF", {}), "ppm": (rgb, "PPM", {}),
        "tiff": (rgb, "TIFF", {}), "tiff lzw": (rgb, "TIFF", {"compression": "tiff_lzw"}),
        "tiff jpeg": (rgb, "TIFF", {"compression": "jpeg"}),
    }  # fmt: skip
    found = {name: _written(lambda file, one=one: one[0].save(file, one[1], **one[2])) for name, one in pillow.items()}
    found |= {f"png {channels} x 16": deep_png(deep[:, :, :channels]) for channels in (2, 3, 4)}
    found["tiff 16"] = _written(lambda file: tifffile.imwrite(file, deep[:, :, :3], photometric="rgb"))
    found["tiff zlib"] = _written(
        lambda file: tifffile.imwrite(file, deep[:, :, :3], photometric="rgb", compression="zlib")
    )
    found["tiff channels"] = _written(
        lambda file: tifffile.imwrite(file, np.moveaxis(deep, 2, 0), imagej=True, metadata={"axes": "CYX"})
    )
    found["npy"] = _written(lambda file: np.save(file, deep))
    return found


def sounds() -> dict[str, bytes]:
    """A good sound of each kind, a quarter of a second."""
    kinds = {
        "wav": ("WAV", "PCM_16", 8000), "wav 8": ("WAV", "PCM_U8", 8000), "wav 24": ("WAV", "PCM_24", 44_100),
        "wav float": ("WAV", "FLOAT", 16_000), "adpcm": ("WAV", "IMA_ADPCM", 8000), "law": ("WAV", "ULAW", 8000),
        "flac": ("FLAC", "PCM_16", 8000), "ogg": ("OGG", "VORBIS", 22_050), "opus": ("OGG", "OPUS", 48_000),
        "mp3": ("MP3", "MPEG_LAYER_III", 16_000), "aiff": ("AIFF", "PCM_16", 8000), "caf": ("CAF", "PCM_16", 8000),
    }  # fmt: skip
    rng, found = np.random.default_rng(0), {}
    for name, (form, coding, rate) in kinds.items():
        samples = rng.normal(0, 0.1, (rate // 4, 1 if name == "wav" else 2)).clip(-1, 1)
        found[name] = _written(
            lambda file, x=samples, r=rate, c=coding, f=form: soundfile.write(file, x, r, c, format=f)
        )
    return found


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Files with one to three random changes: to bits, bytes, lengths and order; every second in the first 64 bytes."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(0, min(len(changed), 64) if number % 2 else len(changed)))
            length = int(rng.integers(1, 9))
            match rng.integers(7):
                case 0 | 1:
                    changed[place] ^= 1 << rng.integers(8)
                case 2:
                    changed[place] = rng.choice([0, 1, 127, 128, 255])
                case 3:
                    changed[place : place + length] = rng.bytes(length)
                case 4:
                    del changed[place : place + length]
                case 5:
                    changed[place:place] = rng.bytes(length)
                case 6:
                    del changed[max(place, 1) :]
        yield bytes(changed) or b"\0"
