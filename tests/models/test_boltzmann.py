"""What the papers on Boltzmann machines say, on machines so small that all their states can be added up."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp
from scipy.stats import chisquare
from sklearn.neural_network import BernoulliRBM

from genlab.errors import GenlabError
from genlab.evaluation.measures.energy import doubt
from genlab.models import boltzmann
from genlab.models.boltzmann import Boltzmann
from genlab.nn.boltzmann import anneal, draw, free_energy, log_partition_by_annealing, log_partition_by_enumeration
from genlab.nn.noise import Chance
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training

MACHINES = {"restricted": {}, "deep": {"machine": "deep"}, "centred": {"machine": "deep", "centred": True}}


def bits(count: int) -> np.ndarray:
    """All states of so many units, (2^n, n) of 0 and 1."""
    return np.array(list(product([0.0, 1.0], repeat=count)))


IMAGES = torch.from_numpy(2 * bits(4) - 1).reshape(-1, 1, 2, 2)
"""All images of 2 x 2 pixels, in the order of `bits`."""


def tiny(kind: str = "restricted", scale: float = 1.5, **more: object) -> Boltzmann:
    """Four pixels, three hidden units, two top units, with weights that matter."""
    torch.manual_seed(1)
    model = Boltzmann(image_size=2, hidden=3, top=2, **{"mean_field": 30, **MACHINES[kind], **more}).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    if "centred" in kind:
        model.outer_offset.uniform_()
        model.inner_offset.uniform_()
    return model.requires_grad_(False)


def log_joint(model: Boltzmann) -> np.ndarray:
    """x' W h + b' x + a' h with the offsets as they stand, unit by unit: (2^D, 2^T, 2^J)."""
    w, b, a, c, d = (
        part.numpy()
        for part in (model.weight, model.outer_bias, model.inner_bias, model.outer_offset, model.inner_offset)
    )
    outer, inner = bits(len(b)), bits(len(a))
    found = np.zeros((len(outer), len(inner)))
    for i, x in enumerate(outer):
        for j, h in enumerate(inner):
            found[i, j] = (
                sum((x[k] - c[k]) * w[k, m] * (h[m] - d[m]) for k in range(len(b)) for m in range(len(a)))
                + sum(b * x)
                + sum(a * h)
            )
    return found.reshape(16, -1, len(inner))


def probabilities(model: Boltzmann) -> np.ndarray:
    """Of all 16 images."""
    return np.exp(logsumexp(log_joint(model), axis=(1, 2)) - logsumexp(log_joint(model)))


@pytest.mark.parametrize("kind", MACHINES)
def test_energies_are_those_of_all_hidden_states_or_bound_them(kind: str) -> None:
    model = tiny(kind)
    log_z = log_partition_by_enumeration(model.whole())
    log_p = -model.energy(IMAGES).numpy() - log_z
    exact = np.log(probabilities(model))
    if kind == "restricted":
        np.testing.assert_allclose(log_p, exact, atol=1e-10)
    else:
        assert (log_p <= exact + 1e-12).all()
        assert (log_p < exact - 1e-3).any(), "hidden units that depend on each other leave a gap"
        loose = tiny(kind, mean_field=1)
        assert (model.energy(IMAGES) <= loose.energy(IMAGES) + 1e-9).all(), "mean field makes the bound no looser"
    assert model.density == ("exact" if kind == "restricted" else "bound", "computed")
    [(found, error)] = model.log_partition(Chance.of(0, [0]), 1, 1)
    assert (found, error) == (log_z, 0.0)


@pytest.mark.parametrize(("image_size", "hidden"), [(2, 3), (2, 9), (7, 3)])
def test_log_z_is_added_up_over_the_smaller_side(image_size: int, hidden: int) -> None:
    """No machine can add up over the states of 49 pixels."""
    torch.manual_seed(0)
    model = Boltzmann(image_size=image_size, hidden=hidden).double().requires_grad_(False)
    torch.nn.init.normal_(model.weight)
    torch.nn.init.normal_(model.inner_bias)
    w, a, states = model.weight.numpy(), model.inner_bias.numpy(), bits(hidden)
    by_hand = logsumexp(states @ a + np.log1p(np.exp(states @ w.T)).sum(axis=1))
    assert log_partition_by_enumeration(model.whole()) == pytest.approx(by_hand, abs=1e-10)


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("base", [-0.7, 0.0])
def test_annealing_finds_log_z_within_its_error_and_both_ways_bracket_it(kind: str, base: float) -> None:
    model = tiny(kind, scale=2.0)
    machine, chains = model.whole(), 2000
    exact = log_partition_by_enumeration(machine)
    first = torch.full_like(machine.outer, base)
    found, error = log_partition_by_annealing(machine, first, chains, 50, Chance.of(0, [0]))
    assert 0 < error < 0.1
    assert abs(found - exact) < 3 * error
    # Backwards, from exact samples: the mean logarithm of the weights errs to the other side.
    states, rng = torch.from_numpy(bits(len(machine.outer))), np.random.default_rng(0)
    share = torch.softmax(-free_energy(machine, states), dim=0).numpy()
    drawn = states[torch.from_numpy(rng.choice(len(states), chains, p=share))]
    start = draw(first.expand(chains, -1), Chance.of(1, [0]).uniform((chains, len(first)), first)[0])
    log_base = math.log(2) * 3 + len(first) * math.log1p(math.exp(base))
    betas = np.linspace(0, 1, 6).tolist()
    up, _ = anneal(machine, first, betas, start, Chance.of(2, [0]))
    down, ends = anneal(machine, first, betas[::-1], drawn, Chance.of(3, [0]))
    low, high = log_base + up.mean().item(), log_base - down.mean().item()
    assert low < exact < high
    np.testing.assert_allclose(ends.mean(dim=0), expit(base), atol=0.05)


def test_the_error_is_the_scatter_over_seeds() -> None:
    machine = tiny(scale=2.0).whole()
    runs = [log_partition_by_annealing(machine, torch.zeros(4).double(), 100, 10, Chance.of(s, [0])) for s in range(60)]
    values, errors = np.array(runs).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)


def kernel(model: Boltzmann) -> np.ndarray:
    """The probabilities of a step of the chain from each image to each, (16, 16): h given v, then v given h."""
    w, b, a = model.weight.numpy(), model.outer_bias.numpy(), model.inner_bias.numpy()
    v, h = bits(4), bits(3)
    on, white = expit(v @ w + a), expit(h @ w.T + b)
    h_given_v = np.prod(np.where(h == 1, on[:, None], 1 - on[:, None]), axis=2)
    v_given_h = np.prod(np.where(v == 1, white[:, None], 1 - white[:, None]), axis=2)
    return h_given_v @ v_given_h


def test_the_surrogate_s_gradient_is_that_of_contrastive_divergence_and_comes_nearer_to_the_exact_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each state that a chain can end in is handed to a turn; its gradient counts with the probability of that end."""
    model, steps, data = tiny(learning="contrastive", scale=0.6), kernel(tiny(scale=0.6)), [12, 13, 14, 15]
    gradients = np.zeros((len(data), 16, 4, 3))
    model.requires_grad_(True)
    for row, image in enumerate(data):
        for end in range(16):
            monkeypatch.setattr(boltzmann, "gibbs", lambda machine, x, u, end=end: torch.from_numpy(bits(4)[[end]]))
            turn = next(model.turns({"images": IMAGES[[image]]}, 0))
            assert turn.surrogate
            assert turn.terms["contrast"].isfinite()
            (gradient,) = torch.autograd.grad(turn.terms["contrast"], model.weight)
            gradients[row, end] = gradient.numpy()
    model.requires_grad_(False)
    v = bits(4)
    pairs = v[:, :, None] * expit(v @ model.weight.numpy() + model.inner_bias.numpy())[:, None]  # v_i p(h_j = 1 | v)
    by_data, exact = pairs[data].mean(axis=0), np.einsum("v,vij->ij", probabilities(model), pairs)
    distance = []
    for k in (1, 2, 3, 5, 9):
        ends = np.linalg.matrix_power(steps, k)[data]
        averaged = np.einsum("de,deij->ij", ends, gradients) / len(data)
        formula = -(by_data - np.einsum("e,eij->ij", ends.mean(axis=0), pairs))  # of what is minimised
        np.testing.assert_allclose(averaged, formula, atol=1e-12)
        distance.append(np.abs(averaged + by_data - exact).max())
    assert distance == sorted(distance, reverse=True)
    assert distance[0] > 0.02
    assert distance[-1] < 1e-3 * distance[0]


@pytest.mark.parametrize("kind", MACHINES)
def test_independent_chains_have_the_machine_s_distribution(kind: str) -> None:
    model, n = tiny(kind, scale=1.0), 3000
    drawn = model.sample(n, Chance.of(0, range(n)), burn_in=25)
    counts = (drawn == IMAGES[:, None]).flatten(2).all(dim=2).sum(dim=1).numpy()
    assert chisquare(counts, n * probabilities(model)).pvalue > 1e-3
    before = model.sample(n, Chance.of(0, range(n)), burn_in=1)
    few = (before == IMAGES[:, None]).flatten(2).all(dim=2).sum(dim=1).numpy()
    assert chisquare(few, n * probabilities(model)).pvalue < 1e-3, "one step from tossed coins is too few"


@pytest.mark.parametrize("kind", ["restricted", "deep"])
def test_completions_have_the_conditional_distribution(kind: str) -> None:
    model, n = tiny(kind, scale=1.0), 2000
    known = torch.zeros(n, 1, 2, 2, dtype=torch.bool)
    known[:, :, 0] = True
    x = torch.tensor([[1.0, -1.0], [0.3, 0.3]]).double().expand(n, 1, 2, 2)
    drawn = model.complete(x, known, Chance.of(0, range(n)), burn_in=25)
    fits = (IMAGES[:, 0, 0] == torch.tensor([1.0, -1.0])).all(dim=1).numpy()
    share = probabilities(model)[fits] / probabilities(model)[fits].sum()
    counts = (drawn == IMAGES[fits][:, None]).flatten(2).all(dim=2).sum(dim=1).numpy()
    assert counts.sum() == n
    assert chisquare(counts, n * share).pvalue > 1e-3


def test_a_chain_starts_from_its_image() -> None:
    model = Boltzmann(image_size=2, hidden=4)
    with torch.no_grad():
        model.weight.copy_(20 * torch.eye(4))  # a pixel and its unit hold each other, white or black
        model.outer_bias.fill_(-10)
        model.inner_bias.fill_(-10)
    x = IMAGES.float()
    states = model.chain(x, Chance.of(0, range(16)))
    assert all(torch.equal(next(states), x) for _ in range(5))


def test_hidden_units_are_those_of_scikit_learn() -> None:
    model, theirs = tiny(), BernoulliRBM(n_components=3)
    theirs.components_, theirs.intercept_hidden_ = model.weight.T.numpy(), model.inner_bias.numpy()
    np.testing.assert_allclose(model.units(IMAGES), theirs.transform(bits(4)), atol=1e-12)
    assert torch.equal(model.encode(IMAGES), model.units(IMAGES))
    assert torch.equal(model.filters()[1, 0], model.weight[:, 1].reshape(2, 2))


def test_the_code_of_a_deep_machine_is_the_mean_of_its_top_units() -> None:
    model = tiny("deep")
    top, on = model.encode(IMAGES).numpy(), model.units(IMAGES).numpy()
    w, b = model.weight.numpy()[4:], model.outer_bias.numpy()[4:]
    np.testing.assert_allclose(top, expit(on @ w.T + b), atol=1e-4)  # mean field has settled
    assert not np.allclose(top, expit(b), atol=0.05)


@pytest.mark.parametrize("kind", ["deep", "centred"])
def test_what_layers_learn_alone_fits_together(kind: str) -> None:
    """What each layer says of h, with its units twice, has the mean that h is told in the whole; figure 2 of 2009."""
    model, states = tiny(kind), torch.from_numpy(bits(6))
    whole, (lower, upper) = model.whole(), model.layers()
    v, top = states.split([4, 2], dim=1)
    by_pixels = torch.cat([v, v], dim=1) @ lower.weight + lower.inner
    by_top = torch.cat([top, top], dim=1) @ upper.weight.T + upper.outer
    torch.testing.assert_close((by_pixels + by_top) / 2, states @ whole.weight + whole.inner)


def test_layers_alone_learn_from_their_units_twice() -> None:
    """The lower one from the pixels, the upper one from draws of h given these, each twice; figure 2 of 2009."""
    model, x = tiny("deep", pretrain=1), IMAGES[[6]].repeat(4000, 1, 1, 1)
    rows = model.to_units(x)
    _, pixels = model.lesson(rows, 0)
    assert torch.equal(pixels, torch.cat([rows, rows], dim=1))
    _, h = model.lesson(rows, 1)
    given = 2 * rows[:1] @ model.weight[:4] + model.inner_bias
    torch.testing.assert_close(h.mean(dim=0), torch.sigmoid(given)[0], atol=0.03, rtol=0)


def test_layers_learn_one_after_the_other_and_then_together() -> None:
    model, x = tiny("deep", pretrain=2, scale=0.3).requires_grad_(True), IMAGES[[1, 6, 7]]
    moved = []
    for step in range(6):
        (gradient,) = torch.autograd.grad(sum(next(model.turns({"images": x}, step)).terms.values()), model.weight)
        moved.append(((gradient[:4] != 0).any().item(), (gradient[4:] != 0).any().item()))
    assert moved == [(True, False)] * 2 + [(False, True)] * 2 + [(True, True)] * 2


def test_persistent_chains_go_on_whatever_the_batch_and_others_start_from_it() -> None:
    ends = {}
    for learning, images in product(("persistent", "contrastive"), ([0, 0], [15, 15])):
        model = tiny(learning=learning, chains=2, scale=8.0)
        torch.manual_seed(0)
        next(model.turns({"images": IMAGES[images]}, 0))
        ends[learning, images[0]] = model.chains.clone()
        first = tiny(learning=learning, chains=2, scale=8.0).chains
        assert not torch.equal(first, model.chains)
    assert torch.equal(ends["persistent", 0], ends["persistent", 15])
    assert not torch.equal(ends["contrastive", 0], ends["contrastive", 15])


def test_sparsity_moves_biases_and_weights_by_how_much_too_often_units_are_on() -> None:
    model = tiny(sparsity=0.2, sparsity_cost=0.5, weight_cost=0.1).requires_grad_(True)
    terms = next(model.turns({"images": IMAGES[[1, 6, 7]]}, 0)).terms
    weight, bias = torch.autograd.grad(terms["sparsity"], [model.weight, model.inner_bias])
    on = expit(bits(4)[[1, 6, 7]] @ model.weight.detach().numpy() + model.inner_bias.detach().numpy()).mean(axis=0)
    excess = 0.5 * (0.95 * 0.2 + 0.05 * on - 0.2)
    np.testing.assert_allclose(bias, excess, atol=1e-9)
    np.testing.assert_allclose(weight, bits(4)[[1, 6, 7]].mean(axis=0)[:, None] * excess, atol=1e-9)
    (decay,) = torch.autograd.grad(terms["weight_cost"], model.weight)
    torch.testing.assert_close(decay, 0.1 * model.weight)


def test_without_weights_a_prepared_machine_draws_pixels_by_their_means() -> None:
    model = Boltzmann(image_size=2, hidden=3)
    with torch.no_grad():
        model.prepare({"images": IMAGES.float()[[1, 1, 1, 3, 3, 7, 7, 15]]})
        model.weight.zero_()
    np.testing.assert_allclose(expit(model.outer_bias.detach().numpy()), [0.2, 0.4, 0.6, 0.9], atol=1e-6)


def test_too_few_temperatures_are_warned_of() -> None:
    torch.manual_seed(0)
    model = Boltzmann(image_size=6, hidden=20).requires_grad_(False)
    torch.nn.init.normal_(model.weight, std=2.0)
    few, many = (model.log_partition(Chance.of(0, [0]), 50, count) for count in (4, 600))
    assert "estimates of log Z disagree" in doubt(few, 4)
    assert "raise evaluation.temperatures (4)" in doubt(few, 4)
    assert doubt(many, 600) == ""
    assert doubt([(10.0, 1.4), (9.0, 2.0)], 50).startswith("log Z is uncertain, 10.00 ± 1.40 and 9.00 ± 2.00 nats")


class Bars:
    """Batches of white bars."""

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        white = torch.randint(6, (20, 1, 1, 1)) == torch.arange(6)
        return {"images": (2.0 * white - 1).expand(20, 1, 6, 6)}


def test_chains_that_diverge_stop_the_training() -> None:
    settings = TrainingSettings.of(Boltzmann.recipe, {"learning_rate": 300.0, "report_every": 5, "accelerator": "cpu"})
    training = Training(Boltzmann(image_size=6, hidden=20), Bars(), settings, 0, 40, open_machine(settings))
    with pytest.raises(GenlabError, match=r"at step \d+ the term 'surrogate_contrast' of player 'machine' became inf"):
        list(training.run())
