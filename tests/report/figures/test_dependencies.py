"""The figure of dependencies, of networks whose blind spot can be counted."""

import numpy as np
import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.pixelcnn import PixelCNN
from genlab.report.figures.dependencies import draw_dependencies, middle_dependencies
from tests.judging import judged


@pytest.mark.parametrize(("network", "blind"), [("plain", 78), ("gated", 0), ("conditional", 0)])
def test_it_shows_what_a_network_sees_of_what_is_before(network: str, blind: int, few_images: LabelledImages) -> None:
    """Of images of 32 x 32. 13 rows up, row r sees up to 2 + r columns further right: 12 + 11 + ... are never seen."""
    model = PixelCNN(image_size=32, channels=1, network=network, pixels="bernoulli", width=6, blocks=14)
    case = judged(model, few_images, split="train")
    seen = (middle_dependencies(case) > 0).flatten()
    before = 16 * 32 + 16
    assert not seen[before:].any()
    assert seen.sum() == before - blind
    picture = draw_dependencies(case)["dependencies"]
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
