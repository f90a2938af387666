"""Between the integers of a store and the numbers inside a model, [-1, 1]. B recordings, T samples.

A store has -32768 behind the end of a recording, a model NaN. Sound itself is in -32767..32767.
"""

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor

from genlab.media.sound.integers import ENDED, LOUDEST


def to_model_range(stored: Int16[Tensor, "b t 1"]) -> Float[Tensor, "b 1 t"]:
    """Stored samples as float32 in [-1, 1], channels first; NaN behind the end."""
    x = stored.transpose(1, 2).to(torch.float32).div_(LOUDEST)
    return x.masked_fill_(x < -1, torch.nan)


def to_samples(x: Float[Tensor, "b 1 t"]) -> Int16[np.ndarray, "b t 1"]:
    """Sound in [-1, 1] as int16, rounded, values outside clipped; -32768 where it is NaN."""
    x = x.float()
    scaled = (x.clamp(-1, 1) * LOUDEST).round().masked_fill(x.isnan(), ENDED)
    return scaled.transpose(1, 2).cpu().numpy().astype(np.int16)
