"""Small sets of recordings made by hand."""

import io
import zipfile
from collections.abc import Sequence

import numpy as np
import pandas as pd
import soundfile

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.media.sound.integers import LOUDEST, pad
from tests.conftest import PROJECT

RATE = 8000


def embedded(name: str) -> np.ndarray:
    """(T,) int16 of a recording of the embedded set."""
    with zipfile.ZipFile(PROJECT / "data/01_raw/spoken_digits_small/recordings.zip") as archive:
        return soundfile.read(io.BytesIO(archive.read(f"{name}.flac")), dtype="int16")[0]


def sounds(
    recordings: Sequence[np.ndarray], splits: Sequence[str], labels: Sequence[str] = (), groups: Sequence[str] = (),
    length: int = 0,
) -> LabelledImages:  # fmt: skip
    """Recordings (T,) in [-1, 1] of any lengths, at 8 kHz, padded to the longest or to `length`."""
    count, longest = len(recordings), max(length, *map(len, recordings))
    stored = [pad(np.rint(one * LOUDEST).astype(np.int16), longest) for one in recordings]
    names = [f"{number:03d}" for number in range(count)]
    table = pd.DataFrame({
        "id": names, "split": splits, "label": labels or [""] * count, "group": groups or [""] * count,
    })  # fmt: skip
    store = ImageStore(np.stack(stored), table.assign(checksum=names), f"sound:{RATE}")
    classes, known = (tuple(sorted(set(table[column]) - {""})) for column in ("label", "group"))
    return LabelledImages(table.assign(row=np.arange(count)), store, classes, groups=known)


def tones(each: int, splits: Sequence[str] = ("train", "test"), seed: int = 0) -> LabelledImages:
    """Noisy tones: labels are pitches, groups are loudnesses. `each` of every kind in each split, of many lengths."""
    rng, made = np.random.default_rng(seed), []
    for split in splits:
        for label, pitch in (("high", 2500), ("low", 400)):
            for group, loud in (("loud", 0.5), ("quiet", 0.05)):
                for _ in range(each):
                    time = np.arange(rng.integers(600, 1200)) / RATE
                    tone = loud * (np.sin(2 * np.pi * pitch * time) + 0.1 * rng.standard_normal(len(time)))
                    made.append((tone.clip(-1, 1), split, label, group))
    return sounds(*zip(*made, strict=True), length=1200)
