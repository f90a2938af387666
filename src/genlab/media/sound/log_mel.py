"""Sound as pictures for models that draw pictures: `data.view=log_mel`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.errors import GenlabError
from genlab.media.base import Settings, Source
from genlab.media.pictures.medium import Pictures
from genlab.media.sound.decode import decode_examples
from genlab.media.sound.recorded import Recorded
from genlab.media.sound.settings import STORED
from genlab.media.sound.spectrogram import draw_log_mel, hear_log_mel
from genlab.media.sound.write import write_sound

if TYPE_CHECKING:
    from torch import Tensor


class LogMel(Recorded, Pictures):
    """Pictures that are the log-mel spectrograms of sound; H = W = `data.image_size`. Files are those of sound.

    A drawing is written as a PNG, and beside it is the sound that it stands for. The full name is
    "sound:<rate in Hz>:log_mel:<samples of a recording>".
    """

    unit = "spectrograms"
    dtypes: tuple[np.dtype, ...] = (np.dtype(np.uint8),)
    stored: tuple[str, ...] = (*STORED, "image_size")

    def __init__(self, rate: int, samples: int) -> None:
        self.rate, self.samples = rate, samples

    def named(self, settings: Settings) -> str:
        return f"sound:{self.rate}:log_mel:{self.samples}"

    def decode(
        self, source: Source, halves: Sequence[str], settings: Settings
    ) -> list[tuple[np.ndarray, dict[str, Any]]]:
        found = decode_examples(source, halves, settings)
        return [(draw_log_mel(x[None], self.rate, settings["image_size"])[0], about) for x, about in found]

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        return 1, settings["image_size"], settings["image_size"]

    def augment(self, batch: Mapping[str, "Tensor"], settings: Settings) -> dict[str, "Tensor"]:
        if settings["mirror"]:
            raise GenlabError("training.mirror would turn time round; leave it out for data.view=log_mel")
        return super().augment(batch, settings)

    def write(self, path: Path, example: np.ndarray) -> None:
        super().write(path, example)
        write_sound(path, hear_log_mel(example, self.rate, self.samples), self.rate)
