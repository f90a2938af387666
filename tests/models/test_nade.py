"""What Larochelle and Murray 2011 and Uria et al. 2014 say, transcribed; test_fully_visible.py has what is for all."""

import itertools
import math

import numpy as np
import pytest
import torch

from genlab.errors import GenlabError
from genlab.models.nade import NADE, RunningSum
from genlab.nn.noise import Chance
from genlab.nn.orders import to_rows


def black_and_white(n: int, size: int) -> torch.Tensor:
    return 2.0 * torch.randint(2, (n, 1, size, size), generator=torch.Generator().manual_seed(0)).double() - 1


def test_it_is_the_papers_recursion() -> None:
    """Algorithm 1 of 2011, for one image, one number after the other."""
    model = NADE(image_size=4, width=7).double()
    with torch.no_grad():
        model.output_bias.normal_()
        model.bias.normal_()
    w, v, c, b = model.weight, model.output[:, 0], model.bias, model.output_bias[:, 0]
    images = black_and_white(6, 4)
    theirs = []
    for x in (images.flatten(1) + 1) / 2:
        a, total = c.clone(), 0.0
        for d in range(16):
            h = 1 / (1 + torch.exp(-a))
            white = 1 / (1 + torch.exp(-(b[d] + v[d] @ h)))
            total += torch.log(white if x[d] == 1 else 1 - white).item()
            a = a + w[d] * x[d]
        theirs.append(total)
    with torch.no_grad():
        ours = model.log_prob(images, Chance.of(0, range(6)), 1)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_the_sum_undone_has_the_gradients_of_finite_differences(activation: str) -> None:
    torch.manual_seed(0)
    shapes = ((3, 5), (4,), (5, 4), (5, 4), (5, 2, 4))  # x, c, W, U, V
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda *given: RunningSum.apply(*given, activation), inputs)


def test_the_sum_undone_forgets_nothing_over_many_numbers() -> None:
    """784 numbers in float32 against the same sum that autograd keeps whole, in float64."""
    torch.manual_seed(0)
    model, rows = NADE(width=20), to_rows(black_and_white(10, 28))
    next(model.turns({"images": rows.float().view(-1, 1, 28, 28)}, 0)).terms["nll"].backward()
    weight, output = (p.detach().double().requires_grad_() for p in (model.weight, model.output))
    x = (rows + 1) / 2
    sums = torch.cumsum(x.unsqueeze(2) * weight, dim=1)
    a = model.bias.detach().double() + torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], dim=1)
    logits = (torch.sigmoid(a) * output[:, 0]).sum(dim=2)
    (torch.nn.functional.softplus(logits) - logits * x).sum(dim=1).mean().backward()
    for ours, theirs in ((model.weight, weight), (model.output, output)):
        assert (ours.grad - theirs.grad).abs().max() < 1e-5 * theirs.grad.abs().max()


def test_orderless_training_is_unbiased_for_the_mean_of_all_orders() -> None:
    """Of 2 x 2 pixels there are 24 orders, each a likelihood by `forward`."""
    torch.manual_seed(0)
    model, rows = NADE(image_size=2, width=5, orderless=True).double(), to_rows(black_and_white(3, 2))
    with torch.no_grad():
        model.output *= 4
        orders = [torch.tensor(order) for order in itertools.permutations(range(4))]
        exact = torch.stack([model.log_prob_by(rows, order) for order in orders]).mean(dim=0)
        drawn = torch.stack([model.orderless_log_prob(rows) for _ in range(1500)])
        of_one = torch.stack([model.log_prob_by(rows, order) for order in orders]).std(dim=0)
    error = drawn.std(dim=0) / math.sqrt(len(drawn))
    assert ((drawn.mean(dim=0) - exact).abs() < 4 * error).all()
    assert (of_one > 4 * error).any(), "orders differ by more than what chance could hide"


def test_a_model_for_one_order_has_no_mixture_of_orders() -> None:
    with pytest.raises(GenlabError, match=r"a NADE with 2 orderings .* set model\.orderless=true"):
        NADE(orderings=2)
