"""What Germain et al. 2015 say, against scikit-learn and a transcription; test_fully_visible.py has what is for all."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.models.made import MADE, make_degrees
from genlab.nn.noise import Chance


@pytest.fixture(scope="module")
def bags(fashion: LabelledImages) -> torch.Tensor:
    """Garments seen at 4 x 4 pixels, black and white: (600, 1, 4, 4)."""
    grey = fashion.split("train").pixels[:600, 6:30:7, 6:30:7, 0] / 255
    white = np.random.default_rng(0).random(grey.shape) < 0.1 + 0.8 * grey  # no pixel is always black
    return torch.from_numpy(2.0 * white - 1).unsqueeze(1)


def test_without_hidden_layers_it_is_a_logistic_regression_for_each_pixel(bags: torch.Tensor) -> None:
    model = MADE(image_size=4, layers=0, masks=1, order="raster").double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = next(model.turns({"images": bags}, 0)).terms["nll"]
        loss.backward()
        return loss

    optimizer.step(closure)
    x = ((bags.flatten(1) + 1) / 2).numpy()
    theirs = np.zeros(len(x))
    for pixel in range(16):
        if pixel == 0:
            white = np.full(len(x), x[:, 0].mean())
        else:
            fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(x[:, :pixel], x[:, pixel])
            white = fit.predict_proba(x[:, :pixel])[:, 1]
            np.testing.assert_allclose(model.output.weight.detach()[pixel, :pixel], fit.coef_[0], atol=0.02)
        theirs += np.log(np.where(x[:, pixel] == 1, white, 1 - white))
    with torch.no_grad():
        ours = model.log_prob(bags, Chance.of(0, range(len(bags))), 1)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=0.02)
    assert ours.mean().item() == pytest.approx(theirs.mean(), abs=1e-5)


def test_it_is_what_the_paper_says(bags: torch.Tensor) -> None:
    """Masks one by one, with the paper's m(d) from 1, set to zero in copies of the weights."""
    torch.manual_seed(0)
    model = MADE(image_size=4, layers=2, width=20, masks=3, activation="tanh").double()
    x = ((bags[:5].flatten(1) + 1) / 2).numpy()
    for k in range(3):
        m0, (m1, m2) = model.place[k].numpy() + 1, model.degree[k].numpy()
        w1, w2 = (layer.weight.detach().numpy().copy() for layer in model.hidden)
        v = model.output.weight.detach().numpy().copy()
        for unit in range(20):
            w1[unit, [d for d in range(16) if not m1[unit] >= m0[d]]] = 0
            w2[unit, [j for j in range(20) if not m2[unit] >= m1[j]]] = 0
        for d in range(16):
            v[d, [j for j in range(20) if not m0[d] > m2[j]]] = 0
            v[d, [20 + e for e in range(16) if not m0[d] > m0[e]]] = 0
        h1 = np.tanh(x @ w1.T + model.hidden[0].bias.detach().numpy())
        h2 = np.tanh(h1 @ w2.T + model.hidden[1].bias.detach().numpy())
        logits = np.concatenate([h2, x], axis=1) @ v.T + model.output.bias.detach().numpy()
        white = 1 / (1 + np.exp(-logits))
        theirs = np.log(np.where(x == 1, white, 1 - white)).sum(axis=1)
        ours = model.log_prob_by(bags[:5].flatten(1), k)
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-9)


def test_masks_are_never_written_into_the_weights(bags: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = MADE(image_size=4, layers=1, width=20, masks=2, order="raster", activation="tanh").double()
    before = model.output.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(2):
        next(model.turns({"images": bags}, step)).terms["nll"].backward()
        optimizer.step()
    model.log_prob(bags, Chance.of(0, range(len(bags))), 1)
    hidden = torch.stack([model.place[k][:, None] < model.degree[k, 0] for k in range(2)]).all(dim=0)
    direct = model.place[0][:, None] <= model.place[0]
    masked = torch.cat([hidden, direct], dim=1)
    assert 0 < masked.sum() < masked.numel()
    assert (before != 0).all()
    assert torch.equal(model.output.weight[masked], before[masked])
    assert (model.output.weight[~masked] != before[~masked]).float().mean() > 0.9


def test_degrees_are_drawn_evenly_from_the_least_below() -> None:
    degree = make_degrees(10, 2, 5000, 3)
    assert not torch.equal(degree[0], degree[1])
    for one in degree:
        assert one[0].unique().tolist() == list(range(1, 10))
        assert (one[0].bincount()[1:] - 5000 / 9).abs().max() < 120
    few = make_degrees(1000, 2, 3, 20)
    assert (few[:, 1].amin(dim=1) >= few[:, 0].amin(dim=1)).all()


def test_each_step_trains_the_next_mask(bags: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = MADE(image_size=4, width=20, masks=3).double()
    terms = [next(model.turns({"images": bags}, step)).terms["nll"].item() for step in range(6)]
    assert terms[:3] == terms[3:]
    assert len(set(terms)) == 3


def test_nothing_to_see_is_refused() -> None:
    with pytest.raises(GenlabError, match=r"has direct connections only: set model\.direct=true"):
        MADE(layers=0, direct=False)
