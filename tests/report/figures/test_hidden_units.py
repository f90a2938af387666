"""Pictures of hidden units, of a machine whose units are made by hand."""

import numpy as np
import pandas as pd
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import GAP
from genlab.models.boltzmann import Boltzmann
from genlab.report.figures.hidden_units import draw_activities, draw_filters
from tests.judging import judged
from tests.models.toys import EVERY

CELL = 64


def by_hand() -> Judged:
    """Three units: one likes the first pixel and dislikes the last, one is always on, one likes a white last pixel."""
    images = ((EVERY + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    table = pd.DataFrame({"id": [f"{i:02d}" for i in range(16)], "split": "test", "label": ""})
    store = ImageStore(images, table.assign(checksum=table["id"]))
    model = Boltzmann(image_size=2, hidden=3)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, 0, 0], [0, 0, 0], [0, 0, 0], [-1.0, 0, 40.0]]))
        model.inner_bias.copy_(torch.tensor([-99.0, 99.0, -20.0]))
    return judged(model, LabelledImages(table.assign(row=range(16)), store, ()))


def test_a_filter_is_grey_where_a_weight_is_zero_and_has_a_scale_of_its_own() -> None:
    picture = draw_filters(by_hand())["filters"]
    cells = [picture[GAP : GAP + CELL, GAP + i * (CELL + GAP) :][16::32, 16:64:32, 0] for i in range(3)]
    assert [cell[:2].tolist() for cell in cells] == [
        [[255, 128], [128, 64]],
        [[128, 128]] * 2,
        [[128, 128], [128, 255]],
    ]


def test_activities_have_a_row_for_each_image_and_a_column_for_each_unit() -> None:
    picture = draw_activities(by_hand())["activities"].astype(int)
    assert picture.shape[2] == 3
    inside = picture[60:350, :, 0]
    share = [(inside[:, x] == 255).mean() for x in (170, 390, 620)]  # in the columns of the three units
    assert share[0] == 0
    assert share[1] == 1
    assert 0.4 < share[2] < 0.6, "half of all images have a white last pixel"
