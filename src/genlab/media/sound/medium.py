"""Sound as a medium: what `genlab.media.base.Medium` asks, answered by the files beside this one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genlab.errors import GenlabError
from genlab.media.base import Derivation, Medium, Settings, Shapes
from genlab.media.sound.decode import decode_examples, samples_of
from genlab.media.sound.log_mel import LogMel
from genlab.media.sound.recorded import Recorded
from genlab.media.sound.settings import STORED, SoundSettings
from genlab.media.sound.spectrogram import draw_log_mel, draw_sound
from genlab.media.sound.write import rate_of, read_sound, write_sound

if TYPE_CHECKING:
    from torch import Tensor

RATE: int = SoundSettings.model_fields["rate"].default


class Sound(Recorded):
    """A store has (T, 1) int16, a model (1, T) in [-1, 1]. Torch is imported when needed.

    Behind the end of a recording a store has -32768 and a model NaN: what scores padding by mistake gives NaN. The full
    name is "sound:<rate in Hz>". With `data.view=log_mel` it is that of `LogMel`, which takes over.
    """

    kind = "sound"
    unit = "recordings"
    number = "sample"
    dtypes: tuple[np.dtype, ...] = (np.dtype(np.int16),)
    suffixes: tuple[str, ...] = (".wav",)
    stored: tuple[str, ...] = STORED
    derivations: Mapping[str, Derivation] = {}
    decode = staticmethod(decode_examples)
    read = staticmethod(read_sound)

    def __init__(self, rate: int) -> None:
        self.rate = rate  # Hz

    def named(self, settings: Settings) -> str:
        if settings["binarise"]:
            raise GenlabError("data.binarise draws pictures in black and white; leave it out for sound")
        name = f"sound:{settings['rate']}"
        return name if settings["view"] == "samples" else f"{name}:{settings['view']}:{samples_of(settings)}"

    def named_in(self, path: Path) -> str:
        return f"sound:{rate_of(path)}"

    def sharing(self, shared: str) -> Medium:
        rate, *view = shared.split(":")
        if view:
            return LogMel(int(rate), int(view[1]))
        return Sound(int(rate))

    def common(self, one: np.ndarray, other: np.ndarray) -> tuple[int, np.dtype]:
        return 1, self.dtypes[0]

    def widen(self, example: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
        return example

    def binarise(self, example: np.ndarray, name: str) -> np.ndarray:
        raise GenlabError("data.binarise draws pictures in black and white; leave it out for sound")

    def shape(self, channels: int, settings: Settings) -> tuple[int, ...]:
        return 1, samples_of(settings)

    def to_model_range(self, stored: "Tensor") -> "Tensor":
        from genlab.media.sound.levels import to_model_range

        return to_model_range(stored)

    def from_model_range(self, x: "Tensor", dtype: np.dtype | type) -> np.ndarray:
        from genlab.media.sound.levels import to_samples

        return to_samples(x)

    def augment(self, batch: Mapping[str, "Tensor"], settings: Settings) -> dict[str, "Tensor"]:
        if settings["mirror"] or settings["jitter"] != 1:
            raise GenlabError("training.mirror and training.jitter change pictures; leave them out for sound")
        return dict(batch)

    def as_pictures(self, stored: np.ndarray) -> np.ndarray:
        return draw_log_mel(stored, self.rate)

    def arguments(self, shapes: Shapes) -> dict[str, int]:
        return {"samples": list(shapes.values())[-1][-1], "rate": self.rate}

    def extent(self, axes: Sequence[int]) -> str:
        return f"{axes[0]:,} samples at {self.rate:,} Hz"

    def describe(self, shapes: Shapes) -> str:
        _, *axes = list(shapes.values())[-1]
        return f"recordings of {self.extent(axes)}"

    def write(self, path: Path, example: np.ndarray) -> None:
        write_sound(path, example, self.rate)

    def show(self, example: np.ndarray) -> np.ndarray:
        return draw_sound(example, self.rate)


MEDIUM = Sound(RATE)
