import numpy as np
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.glow import Glow
from genlab.report.figures import directions
from genlab.report.figures.directions import draw_directions, label_directions
from tests.judging import judged


def test_a_direction_leads_from_the_others_to_the_class() -> None:
    codes = np.array([[0.0, 1], [2, 1], [1, 5], [1, 7], [9, 9]])
    labels = np.array([0, 0, 2, 2, -1])
    found = label_directions(codes, labels, 3)
    assert set(found) == {0, 2}
    np.testing.assert_allclose(found[0], [0, -5])
    np.testing.assert_allclose(found[2], [0, 5])
    assert label_directions(codes[:2], labels[:2], 3) == {}, "one class has no others"


def test_the_middle_of_a_row_is_the_image_itself(few_images: LabelledImages, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = Glow(image_size=32, channels=1, **{**Glow.small(), "width": 8})
    drawn: list[np.ndarray] = []
    monkeypatch.setattr(directions, "draw_tiles", lambda columns, **_: drawn.append(columns[0]) or columns[0])
    found = draw_directions(judged(model, few_images, split="train"))
    assert set(found) == {"directions"}
    rows = drawn[0].reshape(10, directions.STEPS, 32, 32, 1)
    assert np.array_equal(rows[:, directions.STEPS // 2], few_images.spread(10).pixels)
    assert (rows[:, 0] != rows[:, -1]).any()
