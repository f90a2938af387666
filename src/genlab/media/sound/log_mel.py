"""Sound as pictures for models that draw pictures: `data.view=log_mel`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.errors import GenlabError
from genlab.media.base import Row, Settings, Source
from genlab.media.pictures.medium import Pictures
from genlab.media.sound.decode import DECODER, decode_examples
from genlab.media.sound.facts import COLUMNS, count_sounds, doubt_sounds
from genlab.media.sound.recognise import ENDINGS, is_sound
from genlab.media.sound.settings import STORED
from genlab.media.sound.spectrogram import draw_log_mel, hear_log_mel
from genlab.media.sound.write import write_sound

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class LogMel(Pictures):
    """Pictures that are the log-mel spectrograms of sound; H = W = `data.image_size`. Files are those of sound.

    A drawing is written as a PNG, and beside it is the sound that it stands for. The full name is
    "sound:<rate in Hz>:log_mel:<samples of a recording>".
    """

    unit = "spectrograms"
    columns: tuple[str, ...] = COLUMNS
    dtypes: tuple[np.dtype, ...] = (np.dtype(np.uint8),)
    endings = ENDINGS
    stored: tuple[str, ...] = (*STORED, "image_size")
    streams = True
    recognises = staticmethod(is_sound)
    counts = staticmethod(count_sounds)

    def __init__(self, rate: int, samples: int) -> None:
        self.rate, self.samples = rate, samples

    def named(self, settings: Settings) -> str:
        return f"sound:{self.rate}:log_mel:{self.samples}"

    def decoding(self, settings: Settings) -> dict[str, Any]:
        return {"decoder": DECODER, **{name: settings[name] for name in self.stored}}

    def holds_two(self, files: Sequence[Path]) -> bool:
        return False

    def is_safe(self, source: bytes | Path) -> bool:
        return False

    def decode(
        self, source: Source, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        found = decode_examples(source, halves, settings)
        return [(draw_log_mel(x[None], self.rate, settings["image_size"])[0], about) for x, about in found]

    def doubts(self, table: "pd.DataFrame", dtype: np.dtype) -> list[str]:
        return doubt_sounds(table, self.rate)

    def size(self, one: Row) -> str:
        return f"{one['seconds']:.2f} s"

    def same_frame(self, one: Row, other: Row, how: Settings) -> bool:
        return True

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        return 1, settings["image_size"], settings["image_size"]

    def augment(self, batch: Mapping[str, "Tensor"], settings: Settings) -> dict[str, "Tensor"]:
        if settings["mirror"]:
            raise GenlabError("training.mirror would turn time round; leave it out for data.view=log_mel")
        return super().augment(batch, settings)

    def write(self, path: Path, example: np.ndarray) -> None:
        super().write(path, example)
        write_sound(path, hear_log_mel(example, self.rate, self.samples), self.rate)
