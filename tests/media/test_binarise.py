import numpy as np
import pytest

from genlab.media.pictures.binarise import binarise


def test_a_value_is_white_with_its_intensity_as_the_probability() -> None:
    grey = np.full((300, 300, 1), 64, dtype=np.uint8)
    drawn = binarise(grey, "a1")
    assert set(np.unique(drawn)) == {0, 255}
    assert (drawn == 255).mean() == pytest.approx(64 / 255, abs=0.006)
    assert np.array_equal(drawn, binarise(grey, "a1"))
    assert not np.array_equal(drawn, binarise(grey, "a2"))
    both = np.array([[[0], [65535]]], dtype=np.uint16)
    assert np.array_equal(binarise(both, "0"), both)
