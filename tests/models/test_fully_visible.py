"""What holds for every model whose pixels are drawn one after the other, each by those before it.

Tiny images, of which all that there are can be added up.
"""

from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab.errors import GenlabError
from genlab.models.base import Autoregressive, Completes, ScoresDensity, ShowsSteps, Validates
from genlab.models.made import MADE
from genlab.models.nade import NADE
from genlab.nn.noise import Chance
from genlab.nn.orders import to_images, to_rows
from genlab.nn.pixels import PIXELS, PixelName

Build = Callable[..., MADE | NADE]

MODELS: dict[str, Build] = {
    "made": lambda **given: MADE(width=60, activation="tanh", masks=1, order="raster", **given),
    "made, no direct": lambda **given: MADE(
        width=200, activation="tanh", direct=False, masks=1, order="raster", **given
    ),
    "made, no hidden": lambda **given: MADE(layers=0, masks=1, order="raster", **given),
    "made, 3 random orders": lambda **given: MADE(width=60, layers=1, activation="tanh", masks=3, **given),
    "made, 2 connectivities": lambda **given: MADE(width=60, activation="tanh", masks=2, order="raster", **given),
    "nade": lambda **given: NADE(width=6, **given),
    "nade, orderless": lambda **given: NADE(width=6, orderless=True, orderings=3, **given),
}


def build(name: str, image_size: int = 3, channels: int = 1, **given: object) -> MADE | NADE:
    """The model with weights that are not small, so that what a pixel depends on can be seen."""
    torch.manual_seed(0)
    model = MODELS[name](image_size=image_size, channels=channels, **given).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def every_image(size: int) -> Tensor:
    """All black and white images, (2^(size^2), 1, size, size)."""
    return torch.tensor(list(product([-1.0, 1.0], repeat=size**2)), dtype=torch.float64).view(-1, 1, size, size)


def log_prob(model: MADE | NADE, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.log_prob(x, Chance.of(0, range(len(x))), 1)


def one_order(model: MADE | NADE, k: int) -> int | Tensor:
    return k if isinstance(model, MADE) else model.place[k]


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_can_do_what_the_rest_of_genlab_asks_for(name: str) -> None:
    for capability in (Autoregressive, ShowsSteps, Completes, ScoresDensity, Validates):
        assert isinstance(build(name), capability)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pixels", ["bernoulli", "logistic_mixture"])
def test_a_number_depends_on_all_before_it_and_on_nothing_else(name: str, channels: int, pixels: PixelName) -> None:
    model = build(name, channels=channels, pixels=pixels)
    x = torch.rand(4, 9 * channels, dtype=torch.float64) * 2 - 1
    for k, place in enumerate(model.place):
        depends = torch.zeros(len(place), len(place), dtype=torch.float64)
        for number in range(len(place)):
            rows = x.clone().requires_grad_()
            model(rows, one_order(model, k))[:, :, number].square().sum().backward()
            depends[number] = torch.zeros(len(place)) if rows.grad is None else rows.grad.abs().sum(dim=0)
        assert torch.equal(depends > 0, place[:, None] > place[None])


def test_predictions_stand_where_their_pixels_are(name: str) -> None:
    model = build(name, channels=2, pixels="discretised_logistic")
    x = torch.rand(4, 2, 3, 3, dtype=torch.float64) * 2 - 1
    theirs = PIXELS["discretised_logistic"](2).log_prob(model.predict(x, None), x)
    torch.testing.assert_close(theirs, model.log_prob_by(to_rows(x), one_order(model, 0)))


def test_the_raster_is_row_by_row_and_the_channels_of_a_pixel_are_together() -> None:
    x = torch.arange(12.0).view(1, 3, 2, 2)
    assert to_rows(x).tolist() == [[0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]
    assert torch.equal(to_images(to_rows(x), (3, 2, 2)), x)


def test_the_probabilities_of_all_images_sum_to_one(name: str) -> None:
    assert log_prob(build(name), every_image(3)).exp().sum().item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "pixels"), [("made, 3 random orders", "discretised_logistic"), ("nade", "logistic_mixture")]
)
def test_the_probabilities_of_all_grey_images_of_two_numbers_sum_to_one(name: str, pixels: PixelName) -> None:
    model = build(name, image_size=1, channels=2, pixels=pixels)
    level = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    x = torch.cartesian_prod(level, level).view(-1, 2, 1, 1)
    assert sum(log_prob(model, part).exp().sum().item() for part in x.split(4096)) == pytest.approx(1.0, abs=1e-6)


def test_drawings_follow_the_models_own_distribution(name: str) -> None:
    model, n = build(name, image_size=2), 8000
    drawn = model.sample(n, Chance.of(0, range(n)))
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    expected = n * log_prob(model, every_image(2)).exp().numpy()
    found = np.bincount(((drawn.flatten(1) + 1) / 2).long().numpy() @ (2 ** np.arange(4)[::-1]), minlength=16)
    assert stats.chisquare(found, expected, sum_check=False).pvalue > 0.001


def test_completions_follow_the_conditional_distribution(name: str) -> None:
    """Of the raster's orders: what is known comes first in them, so that the chain rule says what is left."""
    model, n = build(name, image_size=2), 6000
    if model.order == "random":
        model.place, model.order = torch.arange(4).expand_as(model.place).clone(), "raster"
    if isinstance(model, MADE) and model.masks > 1:
        pytest.skip("a mixture knows from the half that is given which of its parts it is of")
    x, known = torch.ones(n, 1, 2, 2), torch.tensor([True, True, False, False]).view(1, 1, 2, 2).expand(n, -1, -1, -1)
    drawn = model.complete(x.double(), known, Chance.of(0, range(n)))
    assert (drawn[:, :, 0] == 1).all()
    images = every_image(2)
    given = images[(images[:, 0, 0] == 1).all(dim=1)]
    share = log_prob(model, given).softmax(dim=0).numpy()
    found = np.bincount(((drawn.flatten(1)[:, 2:] + 1) / 2).long().numpy() @ np.array([2, 1]), minlength=4)
    assert stats.chisquare(found, n * share).pvalue > 0.001


@pytest.mark.parametrize("pixels", ["bernoulli", "categorical", "logistic_mixture"])
def test_fast_drawing_equals_a_forward_pass_for_every_number(name: str, pixels: PixelName) -> None:
    model, rng = build(name, pixels=pixels, channels=2), Chance.of(0, range(5))
    drawn = to_rows(model.sample(5, rng))
    again = Chance.of(0, range(5))
    which = again.integers(len(model.place), (), drawn)
    uniforms = again.uniform((18, model.pixels.uniforms), drawn)
    for row, k in enumerate(which.tolist()):
        slow = torch.zeros(1, 18, dtype=torch.float64)
        for number in model.place[k].argsort().tolist():
            with torch.no_grad():
                given = model(slow, one_order(model, k))[:, :, number, None, None]
            slow[:, number] = model.pixels.draw(given, uniforms[row : row + 1, number, :, None, None])[:, 0, 0, 0]
        assert torch.equal(slow[0], drawn[row])


def test_random_orders_complete_by_all_that_is_known() -> None:
    """The last row decides the first where orders are random; in the raster's order it cannot."""
    for name, sees in (("made, 3 random orders", True), ("nade, orderless", True), ("nade", False), ("made", False)):
        model = build(name, image_size=4)
        known = torch.zeros(40, 1, 4, 4, dtype=torch.bool)
        known[:, :, 3] = True
        drawn = [model.complete(torch.full((40, 1, 4, 4), v).double(), known, Chance.of(0, range(40))) for v in (-1, 1)]
        assert torch.equal(drawn[0][:, :, :3], drawn[1][:, :, :3]) != sees, name


def test_steps_show_the_pixels_in_the_order_of_their_drawing(name: str) -> None:
    model = build(name)
    frames = list(model.steps(4, Chance.of(3, range(4)), None, 9))
    assert [(frame != 0).flatten(1).sum(dim=1).tolist() for frame in frames] == [[i] * 4 for i in range(1, 10)]
    for before, after in pairwise(frames):
        assert torch.equal(after[before != 0], before[before != 0])


def test_a_low_temperature_draws_what_is_more_probable(name: str) -> None:
    model, n = build(name), 200
    cold, warm = (model.sample(n, Chance.of(0, range(n)), temperature=t) for t in (0.2, 1.0))
    assert log_prob(model, cold).mean() > log_prob(model, warm).mean()


def test_a_mixture_averages_probabilities() -> None:
    x = every_image(3)[::7]
    for name in ("made, 3 random orders", "nade, orderless"):
        model = build(name)
        with torch.no_grad():
            each = [model.log_prob_by(to_rows(x), one_order(model, k)).exp() for k in range(3)]
        assert not torch.allclose(each[0], each[1])
        torch.testing.assert_close(log_prob(model, x).exp(), torch.stack(each).mean(dim=0))


def test_what_is_known_must_have_a_value_for_each_pixel() -> None:
    x = torch.zeros(2, 1, 3, 3)
    for known in (torch.ones(2, 1, 3, 2), torch.ones(2, 3, 3), torch.ones(1, 1, 3, 3)):
        with pytest.raises(GenlabError, match=r"mask of known pixels is \(.*need \(2, 1, 3, 3\)"):
            build("made, 3 random orders").check_known(x, known.bool())
