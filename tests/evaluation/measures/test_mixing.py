"""How fast chains mix, by chains whose mixing is known."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.evaluation.measures.mixing import autocorrelation, classes_visited, evaluate_mixing
from genlab.media.pictures.tiles import GAP
from genlab.models.base import HasChain
from genlab.nn.noise import Chance
from genlab.report.figures.chains import CHAINS, STEPS, draw_chains
from tests.judging import judged
from tests.models.toys import EVERY, Raster


def test_a_process_of_first_order_forgets_by_its_factor() -> None:
    rng, states = np.random.default_rng(0), [np.random.default_rng(1).standard_normal((400, 3))]
    for _ in range(99):
        states.append(0.9 * states[-1] + np.sqrt(1 - 0.9**2) * rng.standard_normal((400, 3)))
    chains = np.stack(states, axis=1) + 5
    for lag in (1, 10, 50):
        assert autocorrelation(chains, lag) == pytest.approx(0.9**lag, abs=0.05)


def test_chains_that_stand_still_do_not_look_as_if_they_mixed() -> None:
    still = np.repeat(np.random.default_rng(0).random((20, 1, 4)), 100, axis=1)
    assert autocorrelation(still + 1e-6 * np.random.default_rng(1).random(still.shape), 50) == pytest.approx(
        1, abs=1e-3
    )


def test_classes_are_counted_chain_by_chain() -> None:
    assert classes_visited(np.array([[3, 3, 3, 3], [1, 2, 1, 5]])) == 2


class Flips(Raster, HasChain):
    """In each step one pixel after another turns over with this probability."""

    probability = 0.1

    def chain(self, x: Tensor, rng: Chance) -> Iterator[Tensor]:
        while True:
            x = torch.where(rng.uniform(x.shape[1:], x) < self.probability, -x, x)
            yield x


@pytest.fixture
def examples() -> LabelledImages:
    images = ((EVERY + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    table = pd.DataFrame({"id": [f"{i:02d}" for i in range(16)], "split": "test", "label": ""})
    return LabelledImages(table.assign(row=range(16)), ImageStore(images, table.assign(checksum=table["id"])), ())


def test_a_model_is_measured_beside_independent_images(examples: LabelledImages) -> None:
    """A pixel that turns over with probability p keeps (1 - 2p) of its correlation in each step."""
    found = evaluate_mixing(judged(Flips(), examples))
    assert found["chain_autocorrelation_1"] == pytest.approx(0.8, abs=0.03)
    assert found["chain_autocorrelation_10"] == pytest.approx(0.8**10, abs=0.06)
    assert found["chain_autocorrelation_1_real"] == pytest.approx(0, abs=0.06)
    assert "classes_per_100_steps" not in found, "these images have no labels"


def test_a_row_is_an_image_and_the_states_behind_it(examples: LabelledImages) -> None:
    model, cell = Flips(), 64 + GAP
    model.probability = 1.0
    picture = draw_chains(judged(model, examples))["chains"]
    assert picture.shape == (CHAINS * cell + GAP, (1 + STEPS) * cell + GAP, 3)
    starts = examples.spread(CHAINS).pixels[..., 0]
    for row, column in ((0, 0), (3, 1), (7, 2)):
        tile = picture[GAP + row * cell :, GAP + column * cell :, 0][16:64:32, 16:64:32]
        assert np.array_equal(tile, starts[row] if column % 2 == 0 else 255 - starts[row])
