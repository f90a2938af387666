"""What capabilities mean, shown by models that can be checked by adding up."""

import numpy as np
import pytest
import torch

from genlab.nn.noise import Chance
from tests.models.toys import EVERY, Raster

IMAGES = torch.from_numpy(EVERY).float()


def by_hand(pair: float = 0.7, alone: float = -0.4) -> np.ndarray:
    """The probability of each image, as a product of four."""
    found = []
    for image in EVERY.reshape(-1, 4):
        p, before = 1.0, 0.0
        for x in image:
            white = 1 / (1 + np.exp(-2 * (pair * before + alone)))
            p *= white if x > 0 else 1 - white
            before = x
        found.append(p)
    return np.array(found)


def test_probabilities_are_a_product_and_sum_to_one() -> None:
    with torch.no_grad():
        ours = Raster().log_prob(IMAGES, Chance.of(0, range(16)), 1).exp().numpy()
    assert ours.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ours, by_hand(), rtol=1e-5)


def test_the_last_state_is_the_drawing_and_drawings_have_the_model_s_probabilities() -> None:
    model = Raster()
    with torch.no_grad():
        drawn = model.sample(4000, Chance.of(0, range(4000)))
        states = list(model.steps(4000, Chance.of(0, range(4000)), None, 3))
    assert len(states) == 3
    assert torch.equal(states[-1], drawn)
    assert (states[0].flatten(1)[:, 1:] == 0).all(), "the first state holds one pixel"
    share = (drawn == IMAGES[:, None]).flatten(2).all(dim=2).float().mean(dim=1)
    np.testing.assert_allclose(share, by_hand(), atol=0.03)


def test_completions_keep_what_is_known_and_have_the_conditional_probabilities() -> None:
    model, n = Raster(), 4000
    known = torch.zeros(n, 1, 2, 2, dtype=torch.bool)
    known[:, :, 0] = True
    x = torch.tensor([[1.0, -1.0], [0.0, 0.0]]).expand(n, 1, 2, 2)
    with torch.no_grad():
        drawn = model.complete(x, known, Chance.of(0, range(n)))
    assert torch.equal(drawn[known], x[known])
    fits = (EVERY[:, 0, 0] == [1.0, -1.0]).all(axis=1)
    wanted = by_hand()[fits] / by_hand()[fits].sum()
    share = (drawn == IMAGES[fits][:, None]).flatten(2).all(dim=2).float().mean(dim=1)
    np.testing.assert_allclose(share, wanted, atol=0.03)
