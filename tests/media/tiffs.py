"""TIFFs of any kind, written tag by tag: no library writes all of them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Page:
    """One picture, as TIFF 6.0 describes it."""

    samples: np.ndarray  # (H, W, S) whole numbers below 2 ** bits
    bits: int = 8
    photometric: int = 1
    extra: tuple[int, ...] = ()
    planar: int = 1
    orientation: int = 1
    subfile: int = 0
    sample_format: int = 1
    colours: np.ndarray | None = None  # (2 ** bits, 3) uint16: a palette
    more: tuple[tuple[int, int, int], ...] = ()  # tag, type, value


def packed(samples: np.ndarray, bits: int, order: str) -> bytes:
    """(H, W, S) as rows of bits, each row from a new byte on."""
    if bits in (8, 16, 32):
        return samples.astype(f"{order}u{bits // 8}").tobytes()
    h, w, count = samples.shape
    places = (samples[..., None].astype(int) >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(h, w * count * bits).astype(np.uint8), axis=1).tobytes()


def tiff(pages: Sequence[Page], order: str = "<") -> bytes:
    """The file."""
    data = bytearray(struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 0))
    link = 4

    def put(kind: str, values: Sequence[int]) -> int:
        place = len(data)
        data.extend(struct.pack(f"{order}{len(values)}{kind}", *values))
        data.extend(b"\0" * (len(data) % 2))
        return place

    for page in pages:
        h, w, count = page.samples.shape
        planes = [page.samples] if page.planar == 1 else [page.samples[:, :, [s]] for s in range(count)]
        strips = []
        for plane in planes:
            strip = packed(plane, page.bits, order)
            strips.append((len(data), len(strip)))
            data.extend(strip + b"\0" * (len(strip) % 2))
        colours = () if page.colours is None else tuple(page.colours.T.ravel().tolist())
        tags: list[tuple[int, str, Sequence[int]]] = [
            (254, "I", [page.subfile]), (256, "I", [w]), (257, "I", [h]), (258, "H", [page.bits] * count),
            (259, "H", [1]), (262, "H", [page.photometric]), (273, "I", [place for place, _ in strips]),
            (274, "H", [page.orientation]), (277, "H", [count]), (278, "I", [h]), (279, "I", [n for _, n in strips]),
            (284, "H", [page.planar]), (320, "H", colours), (338, "H", page.extra),
            (339, "H", [page.sample_format] * count),
        ]  # fmt: skip
        entries = []
        for tag, kind, values in tags:
            if values:
                size = struct.calcsize(f"{order}{len(values)}{kind}")
                packed_values = struct.pack(f"{order}{len(values)}{kind}", *values)
                value = packed_values.ljust(4, b"\0") if size <= 4 else struct.pack(f"{order}I", put(kind, values))
                entries.append(struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values)) + value)
        struct.pack_into(f"{order}I", data, link, len(data))
        data.extend(struct.pack(f"{order}H", len(entries)) + b"".join(entries))
        link = len(data)
        data.extend(bytes(4))
    return bytes(data)
