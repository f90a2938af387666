"""What Bengio et al. 2014 say of their networks, on images so small that all of them can be counted."""

from itertools import islice, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.base import Completes, HasChain, Samples, ShowsSteps
from genlab.models.gsn import GSN, STARTS, salt_and_pepper
from genlab.nn.noise import Chance

EVERY = torch.tensor(list(product([-1.0, 1.0], repeat=4))).view(-1, 1, 2, 2)
"""All images of 2 x 2 black or white pixels."""


def make(**arguments: Any) -> GSN:
    torch.manual_seed(1)
    return GSN(**{"image_size": 2, "width": 8, "walkback": 3, **arguments}).double()


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def test_it_can_do_what_the_rest_of_genlab_asks_for() -> None:
    for capability in (Samples, ShowsSteps, HasChain, Completes):
        assert isinstance(make(), capability), capability


def test_corruption_hides_its_share_of_the_pixels_half_in_black_and_half_in_white() -> None:
    x = torch.full((1, 100_000), 0.3)
    noisy = salt_and_pepper(x, 0.4, chance(1))
    for value, share in ((0.0, 0.2), (1.0, 0.2), (0.3, 0.6)):
        assert (noisy == value).float().mean().item() == pytest.approx(share, abs=0.01)


def by_hand(model: GSN, x: Tensor, steps: int) -> list[Tensor]:
    """P(X|H_t) of two hidden layers, written out: one layer after another, with the same random numbers in order."""
    (w1, w2), (b0, b1, b2), found = model.weights, model.biases, []
    h2 = torch.zeros(len(x), len(b2), dtype=x.dtype)
    for _ in range(steps):
        u = torch.rand(x.shape, dtype=x.dtype)
        corrupted = x * (u >= model.corruption) + (u < model.corruption / 2)
        h1 = torch.tanh(corrupted @ w1.T + h2 @ w2 + b1)
        found.append(1 / (1 + torch.exp(-(h1 @ w1 + b0))))
        a = h1 @ w2.T + b2 + model.noise * torch.randn(h2.shape, dtype=x.dtype)
        h2 = torch.tanh(a) + model.noise * torch.randn(h2.shape, dtype=x.dtype)
        x = (torch.rand(x.shape, dtype=x.dtype) < found[-1]).to(x.dtype) if model.binary else found[-1]
    return found


@pytest.mark.parametrize("binary", [True, False])
def test_the_unrolled_graph_is_the_loop_written_out(binary: bool) -> None:
    model, batch = make(binary=binary), {"images": EVERY.double() * 0.8}
    x = (batch["images"].flatten(1) + 1) / 2
    torch.manual_seed(5)
    (turn,) = model.turns(batch, 0)
    torch.manual_seed(5)
    wanted = [nn.functional.binary_cross_entropy(p, x) for p in by_hand(model, x, 3)]
    assert turn.terms["reconstruction"].item() == pytest.approx(torch.stack(wanted).sum().item(), rel=1e-12)
    assert turn.metrics["last"].item() == pytest.approx(wanted[-1].item(), rel=1e-12)
    losses = (turn.terms["reconstruction"], torch.stack(wanted).sum())
    ours, theirs = (torch.autograd.grad(loss, list(model.parameters())) for loss in losses)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_a_weight_serves_in_both_directions_and_every_layer_learns(layers: int) -> None:
    model = make(layers=layers, walkback=4)
    assert [tuple(w.shape) for w in model.weights] == [(8, 4), *[(8, 8)] * (layers - 1)]
    (turn,) = model.turns({"images": EVERY.double()}, 0)
    for gradient in torch.autograd.grad(turn.terms["reconstruction"], list(model.parameters())):
        assert gradient.abs().max() > 0


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_gradient_passes_from_step_to_step_through_hidden_layers_and_never_through_a_drawn_pixel(
    layers: int, binary: bool
) -> None:
    """The last reconstruction by the image that the chain starts from: reached by H_2, or by means of pixels."""
    model = make(layers=layers, binary=binary, corruption=0.0)
    x = torch.rand(5, 4, dtype=torch.float64, requires_grad=True)
    last = list(islice(model.unroll(x, chance(5)), 3))[-1]
    passes = last.requires_grad and bool(torch.autograd.grad(last.sum(), x, allow_unused=True)[0] is not None)
    assert passes == (layers > 1 or not binary)


def test_every_step_of_the_walkback_teaches() -> None:
    """The loss is at each of the reconstructions, and each adds a gradient."""
    batch, found = {"images": EVERY.double()}, []
    for steps in (1, 2, 3):
        model = make(walkback=steps)
        torch.manual_seed(5)
        (turn,) = model.turns(batch, 0)
        loss = turn.terms["reconstruction"]
        found.append((loss.item(), torch.autograd.grad(loss, model.biases[0])[0]))
    assert found[0][0] < found[1][0] < found[2][0]
    assert not torch.allclose(found[0][1], found[1][1])


def distribution(side: int) -> tuple[Tensor, Tensor]:
    """All images of so many pixels, and a probability for each: neighbours like to be equal, and more are black."""
    x = torch.tensor(list(product([-1.0, 1.0], repeat=side**2))).view(-1, 1, side, side)
    pairs = (x[..., 1:, :] * x[..., :-1, :]).sum(dim=(1, 2, 3)) + (x[..., 1:] * x[..., :-1]).sum(dim=(1, 2, 3))
    return x, torch.softmax(0.4 * pairs - 0.3 * x.sum(dim=(1, 2, 3)), dim=0)


@torch.no_grad()
def total_variation(model: GSN, every: Tensor, probabilities: Tensor) -> float:
    """Between the data and chains from one image. A state is the means of its pixels: each image has a share of it."""
    states = torch.cat(list(islice(model.chain(every[-1:].expand(50, -1, -1, -1), chance(50)), 40, 100)))
    means, bits = ((x.flatten(1) + 1) / 2 for x in (states, every))
    shares = torch.where(bits > 0, means[:, None], 1 - means[:, None]).prod(dim=2).mean(dim=0)
    return 0.5 * (shares - probabilities).abs().sum().item()


@pytest.mark.parametrize(
    ("side", "arguments"),
    [
        (2, {"layers": 1, "walkback": 1, "corruption": 0.1}),  # moves so small that pixels need not move together
        (1, {"layers": 2, "walkback": 4, "corruption": 0.4}),  # one pixel has no others: a move may be large
    ],
)
def test_the_stationary_distribution_of_the_chain_becomes_that_of_the_data(side: int, arguments: dict) -> None:
    """Theorem 1, where P(X|H), in which pixels are independent, can be what it ought to be."""
    every, probabilities = distribution(side)
    torch.manual_seed(0)
    model = GSN(image_size=side, width=8, **arguments)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    distances = [total_variation(model, every, probabilities)]
    for steps in (20, 300):
        for _ in range(steps):
            batch = {"images": every[torch.multinomial(probabilities, 200, replacement=True)]}
            optimizer.zero_grad()
            next(model.turns(batch, 0)).terms["reconstruction"].backward()
            optimizer.step()
        distances.append(total_variation(model, every, probabilities))
    assert distances[0] > 0.1, distances
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 0.06


def test_chains_start_from_images_of_the_first_batch_and_from_nothing_else() -> None:
    model = make()
    batch = {"images": EVERY[3:7].double()}
    model.prepare(batch)
    assert model.starts.shape == (STARTS, 1, 2, 2)
    assert {tuple(start.flatten().tolist()) for start in model.starts} == {
        tuple(((image + 1) * 127.5).flatten().tolist()) for image in EVERY[3:7]
    }


def test_frames_are_one_step_apart_and_the_last_ones() -> None:
    model, n = make(), 6
    model.prepare({"images": EVERY.double()})
    frames = list(model.steps(n, chance(n), None, 4, burn_in=9))
    every = list(model.steps(n, chance(n), None, 100, burn_in=9))
    assert (len(frames), len(every)) == (4, 9)
    assert all(torch.equal(one, other) for one, other in zip(frames, every[-4:], strict=True))
    streams = chance(n)
    start = model.starts[streams.integers(STARTS, (), model.starts)].double() / 127.5 - 1
    assert all(torch.equal(one, other) for one, other in zip(every, model.chain(start, streams), strict=False))


@pytest.mark.parametrize("binary", [True, False])
def test_the_corrupted_image_keeps_what_is_known(binary: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the known pixels before each corruption: the image; elsewhere something else each time."""
    from genlab.models import gsn

    seen: list[Tensor] = []
    corrupt = gsn.salt_and_pepper

    def remember(x: Tensor, *others: Any) -> Tensor:
        seen.append(x.clone())
        return corrupt(x, *others)

    monkeypatch.setattr(gsn, "salt_and_pepper", remember)
    model, known = make(binary=binary), torch.tensor([[[True, False], [False, True]]]).expand(16, 1, 2, 2)
    drawn = model.complete(EVERY.double(), known, chance(16), burn_in=5)
    assert torch.equal(drawn[known], EVERY.double()[known])
    assert len(seen) == 5
    for state in seen:
        assert torch.equal(2 * state.view(16, 1, 2, 2)[known] - 1, EVERY.double()[known])
    assert len({tuple(state.view(16, 1, 2, 2)[~known].tolist()) for state in seen}) > 1


def test_what_cannot_be_is_refused() -> None:
    model, x = make(), EVERY.double()
    with pytest.raises(GenlabError, match=r"mask of known pixels is \(16, 2, 2\), but .* need \(16, 1, 2, 2\)"):
        model.complete(x, torch.zeros(16, 2, 2, dtype=torch.bool), chance(16))
    with pytest.raises(GenlabError, match="draws without being told what"):
        model.sample(2, chance(2), torch.zeros(2, dtype=torch.long))
