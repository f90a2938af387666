"""Reconstructed sound by its spectrogram."""

import numpy as np
import pytest
from torch import Tensor

from genlab.evaluation.measures.spectra import compare_spectra
from genlab.media.base import medium_named
from genlab.models.base import Reconstructs
from tests.judging import judged
from tests.models.toys import Toy
from tests.sounds import tones


class Repeats(Toy, Reconstructs):
    def reconstruct(self, x: Tensor) -> Tensor:
        return x


def test_a_phase_does_not_count_and_another_recording_is_the_control() -> None:
    heard = tones(5)
    test = heard.split("test")
    drawings = {f"reconstructions/{name}": one for name, one in zip(test.table["id"], test.pixels, strict=True)}
    found = compare_spectra(judged(Repeats(), heard, drawings))
    assert found["log_mel_l1"] == 0
    pictures = medium_named("sound:8000").as_pictures(test.pixels) / 255
    wanted = np.abs(pictures - np.roll(pictures, 1, axis=0)).mean()
    assert found["log_mel_l1_another_recording"] == pytest.approx(wanted, rel=1e-3)
    turned = {name: np.where(one > -32768, -one, one).astype(np.int16) for name, one in drawings.items()}
    assert compare_spectra(judged(Repeats(), heard, turned))["log_mel_l1"] == 0
    flat = {name: np.where(one > -32768, 0, one).astype(np.int16) for name, one in drawings.items()}
    assert compare_spectra(judged(Repeats(), heard, flat))["log_mel_l1"] == pytest.approx(pictures.mean(), rel=1e-3)
