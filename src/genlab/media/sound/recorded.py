"""What all sound has in common, whether a model hears it (`Sound`) or sees it (`LogMel`): files, and their facts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genlab.media.base import Row, Settings
from genlab.media.sound.decode import DECODER
from genlab.media.sound.facts import COLUMNS, count_sounds, doubt_sounds
from genlab.media.sound.recognise import ENDINGS, is_sound

if TYPE_CHECKING:
    import pandas as pd


class Recorded:
    """The part of `genlab.media.base.Medium` that is about files of sound."""

    rate: int  # Hz, of the store
    stored: tuple[str, ...]
    columns: tuple[str, ...] = COLUMNS
    endings = ENDINGS
    streams = True
    recognises = staticmethod(is_sound)
    counts = staticmethod(count_sounds)

    def decoding(self, settings: Settings) -> dict[str, Any]:
        return {"decoder": DECODER, **{name: settings[name] for name in self.stored}}

    def holds_two(self, files: Sequence[Path]) -> bool:
        return False

    def is_safe(self, source: bytes | Path) -> bool:
        return False  # libsndfile is written in C, for forty formats

    def doubts(self, table: "pd.DataFrame", dtype: np.dtype) -> list[str]:
        return doubt_sounds(table, self.rate)

    def size(self, one: Row) -> str:
        return f"{one['seconds']:.2f} s"

    def same_frame(self, one: Row, other: Row, how: Settings) -> bool:
        return True  # recordings that belong together begin together, and are cut at the same second
