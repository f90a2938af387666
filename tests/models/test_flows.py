"""What the papers of NICE, Real NVP and Glow say, on tiny images; tests/nn/test_flows.py has the layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import FastICA
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.models.glow import Glow
from genlab.models.nice import NICE, StandardLogistic
from genlab.models.realnvp import RealNVP
from genlab.nn.flows import ActNorm, Coupling, dequantise
from genlab.nn.noise import Chance
from tests.nn.test_flows import log_det_by_autograd

Model = NICE | RealNVP | Glow
Build = Callable[..., Model]

MODELS: dict[str, Build] = {
    "nice": lambda **given: NICE(**{"layers": 2, "width": 20, **given}),
    "realnvp": lambda **given: RealNVP(**{"scales": 2, "width": 6, "blocks": 1, **given}),
    "realnvp, folded": lambda **given: RealNVP(**{"scales": 2, "width": 6, "blocks": 1, "fold": True, **given}),
    "glow": lambda **given: Glow(**{"scales": 2, "steps": 2, "width": 8, **given}),
}


def build(name: str, channels: int = 1, image_size: int = 4, **given: Any) -> Model:
    """The model with weights and running means that are not its first."""
    torch.manual_seed(0)
    model = MODELS[name](image_size=image_size, channels=channels, **given).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for key, value in model.named_buffers():
            if "running_var" in key:
                value.uniform_(0.5, 2)
            if "running_mean" in key:
                value.normal_()
    return model


def some_images(n: int, channels: int = 1, size: int = 4) -> Tensor:
    """Images of levels, in [-1, 1]."""
    levels = torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(0))
    return levels.double() / 127.5 - 1


def garments(fashion: LabelledImages, n: int) -> Tensor:
    return torch.from_numpy(fashion.split("train").pixels[:n]).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_whole_log_determinant_is_that_of_the_jacobian(name: str, channels: int) -> None:
    model = build(name, channels)
    u = dequantise(some_images(2, channels), Chance.of(0, range(2)))
    z, log_det = model.flow(u)
    wanted = log_det_by_autograd(lambda v: model.flow(v)[0], u)
    torch.testing.assert_close(log_det, wanted, rtol=0, atol=1e-9)
    prior = stats.logistic if name == "nice" else stats.norm
    density = prior.logpdf(z.detach().numpy()).sum(axis=1) + wanted.numpy()
    np.testing.assert_allclose(model.log_density(u).detach().numpy(), density, rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_images_come_back_exactly_and_latents_nearly(name: str) -> None:
    model, x = build(name, channels=3, image_size=8), some_images(20, 3, 8)
    with torch.no_grad():
        z = model.encode(x)
        assert z.shape == (20, model.latent_dim)
        assert torch.equal(model.decode(z), x)
        u = dequantise(x, None)
        z, _ = model.flow(u)
        torch.testing.assert_close(model.flow.inverse(z), u, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_still_cancels_in_single_precision(name: str, fashion: LabelledImages) -> None:
    """Forty steps on garments at 16 x 16 pixels: 1e-4, and the bound has come closer."""
    train = garments(fashion, 320)[:, :, ::2, ::2]
    torch.manual_seed(0)
    model = MODELS[name](image_size=16, channels=1)
    optimizer = torch.optim.Adam([p for ps in model.players().values() for p in ps], 2e-3)
    model.prepare({"images": train[:32]})
    losses = []
    for step in range(40):
        batch = {"images": train[32 * (step % 10) :][:32]}
        for turn in model.turns(batch, step):
            optimizer.zero_grad()
            (loss := turn.terms["nll"]).backward()
            optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[1:4]) - 10  # losses[0] is of the batch that gave the first values
    model.eval()
    with torch.no_grad():
        u = dequantise(train[:50], None)
        torch.testing.assert_close(model.flow.inverse(model.flow(u)[0]), u, rtol=0, atol=1e-4)
        assert torch.equal(model.decode(model.encode(train[:50])), train[:50])


def test_the_density_of_nice_in_two_dimensions_integrates_to_one() -> None:
    model = build("nice", channels=2, image_size=1)
    axis = torch.linspace(-60, 60, 601, dtype=torch.float64)
    u = torch.cartesian_prod(axis, axis).view(-1, 2, 1, 1)
    with torch.no_grad():
        assert model.log_density(u).exp().sum().item() * 0.04 == pytest.approx(1, abs=1e-5)


def test_linear_nice_finds_the_sources_of_linear_mixtures() -> None:
    """Non-linear ICA's claim in its linear case, beside scikit-learn's FastICA."""
    rng = np.random.default_rng(0)
    sources = rng.logistic(size=(2000, 4))
    mixed = sources @ rng.normal(size=(4, 4)).T
    torch.manual_seed(1)
    model = NICE(image_size=1, channels=4, layers=0, couplings=4).double()
    u = torch.from_numpy(mixed).view(-1, 4, 1, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=300, history_size=30, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -model.log_density(u).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        ours = model.flow(u)[0].numpy()
    theirs = FastICA(whiten="unit-variance", random_state=0, max_iter=1000, tol=1e-6).fit_transform(mixed)
    assert match(mixed, sources).max() < 0.97, "the mixture itself is not yet the sources"
    assert match(theirs, sources).min() > 0.98
    assert match(ours, sources).min() > 0.99
    assert match(ours, theirs).min() > 0.97


def match(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted signal the largest |correlation| with one that was found, each found one used for one."""
    size = np.abs(np.corrcoef(found.T, wanted.T)[: found.shape[1], found.shape[1] :])
    assert len(set(size.argmax(axis=0))) == found.shape[1] or size.max(axis=0).min() < 0.97
    return size.max(axis=0)


def test_the_logistic_prior_draws_what_it_scores() -> None:
    prior = StandardLogistic(2).double()
    z = prior.sample(5000, Chance.of(0, range(5000)))
    assert stats.kstest(z.flatten().numpy(), "logistic").pvalue > 0.01
    np.testing.assert_allclose(prior.log_prob(z).numpy(), stats.logistic.logpdf(z.numpy()).sum(axis=1), rtol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_temperature_scales_the_latents(name: str) -> None:
    model = build(name)
    chance = [Chance.of(0, range(6)) for _ in range(3)]
    with torch.no_grad():
        z = model.draw_latents(6, chance[0])
        assert torch.equal(model.sample(6, chance[1], temperature=0.5), model.decode(0.5 * z))
        assert torch.equal(model.sample(6, chance[2]), model.decode(z))


@pytest.mark.parametrize("name", MODELS)
def test_every_latent_minds_most_pixels(name: str) -> None:
    """Couplings that never changed sides would leave pixels that move none but themselves."""
    model = build(name, image_size=4)
    u = dequantise(some_images(1), Chance.of(0, [0]))
    jacobian = torch.autograd.functional.jacobian(lambda v: model.flow(v)[0], u).view(16, 16)
    assert ((jacobian.abs() > 1e-12).sum(dim=0) > 8).all()


def test_real_nvp_s_scales_are_figure_4() -> None:
    """With three scales half of the numbers leave twice, then what is left goes through four couplings."""
    model = RealNVP(image_size=32, channels=3, scales=3, width=4, blocks=0)
    text = [type(part).__name__ for part in model.flow.modules()]
    assert text.count("MaskedCoupling") == 3 + 3 + 4
    assert text.count("Coupling") == 3 + 3
    assert text.count("BatchNorm") == text.count("MaskedCoupling") + text.count("Coupling")
    assert text.count("Squeeze") == text.count("Split") == 2
    masks = [mask[0, 0, 0].item() for name, mask in model.named_buffers() if name.endswith("mask")]
    assert masks == [1, 0, 1, 1, 0, 1, 1, 0, 1, 0]
    assert [part.keeps for part in model.modules() if isinstance(part, Coupling)] == [0, 1, 0, 0, 1, 0]
    widths = {part.last.in_channels for part in model.modules() if type(part).__name__ == "ResNet"}
    assert widths == {4, 8, 16}


def test_glow_s_first_values_normalise_what_every_step_is_given(fashion: LabelledImages) -> None:
    x = garments(fashion, 64)
    torch.manual_seed(0)
    model = Glow(image_size=32, channels=1, scales=2, steps=2, width=8)
    model.prepare({"images": x})
    seen: list[Tensor] = []
    norms = [part for part in model.modules() if isinstance(part, ActNorm)]
    for norm in norms:
        norm.register_forward_hook(lambda norm, given, output: seen.append(output[0]))
    with torch.no_grad():
        model.log_density(dequantise(x, None))
    assert len(seen) == len(norms) == 4 * 3
    for y in seen:
        assert y.mean(dim=(0, 2, 3)).abs().max() < 0.2
        assert (y.std(dim=(0, 2, 3)) - 1).abs().max() < 0.2


def test_nice_starts_from_what_its_first_batch_knows(fashion: LabelledImages) -> None:
    x = garments(fashion, 200)
    torch.manual_seed(0)
    model = NICE(image_size=32, channels=1, layers=1, width=8)
    with torch.no_grad():
        before = model.log_prob(x, Chance.of(0, range(200)), 1).mean()
        model.prepare({"images": x})
        after = model.log_prob(x, Chance.of(0, range(200)), 1).mean()
        h = model.flow(dequantise(x, None))[0]
    assert after > before + 1000
    busy = x.flatten(1).std(dim=0) > 0.3
    assert h[:, busy].mean(dim=0).abs().max() < 0.1
    torch.testing.assert_close(h[:, busy].abs().mean(dim=0), torch.full((int(busy.sum()),), 1.386), rtol=0.1, atol=0)


def test_what_a_person_can_get_wrong() -> None:
    with pytest.raises(GenlabError, match="realnvp cannot halve images of 28 pixels 3 times: set data.image_size to"):
        RealNVP(image_size=28)
    with pytest.raises(GenlabError, match="glow cannot halve images of 28 pixels 3 times"):
        Glow(image_size=28)
    same = torch.zeros(1, 1, 4, 4).expand(1, 3, 4, 4)  # one image, of which the last scale sees one pixel
    with pytest.raises(GenlabError, match="is constant .*: leave that channel out of the images, or set a larger"):
        Glow(image_size=4, scales=2, steps=1, width=4).prepare({"images": same})
    with pytest.raises(GenlabError, match="draws without being told"):
        build("nice").sample(2, Chance.of(0, range(2)), torch.zeros(2, dtype=torch.long))
