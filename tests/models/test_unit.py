"""UNIT against its paper, arXiv:1703.00848, and against formulas written another way."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from genlab.errors import GenlabError
from genlab.models import unit
from genlab.models.base import DecodesDomains, EncodesDomains, Translates
from genlab.models.unit import UNIT, draw_latent, kl_per_number

SMALL = {"image_size": 32, "generator_width": 4, "discriminator_width": 4, "receptive_field": 16, "blocks": 2}


def small(channels_a: int = 1, channels_b: int = 2, **changes: object) -> UNIT:
    torch.manual_seed(0)
    return UNIT(**{**SMALL, "channels_a": channels_a, "channels_b": channels_b, **changes})  # type: ignore[arg-type]


def images(channels_a: int = 1, channels_b: int = 2) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        side: torch.rand(4, channels, 32, 32, generator=rng) * 2 - 1
        for side, channels in (("a", channels_a), ("b", channels_b))
    }


@pytest.fixture
def noiseless(monkeypatch: pytest.MonkeyPatch) -> None:
    """z is its mean."""
    monkeypatch.setattr(unit, "draw_latent", lambda mean: mean)


def test_the_last_layers_of_the_encoders_and_the_first_of_the_generators_are_the_same_tensors() -> None:
    """Section 3, weight sharing: "the last few layers of E1 and E2" and "the first few layers of G1 and G2"."""
    model = small()
    for one, other in ((model.encoder_a, model.encoder_b), (model.generator_a, model.generator_b)):
        ours, theirs = list(one.shared.parameters()), list(other.shared.parameters())
        assert len(ours) == 4
        assert all(x is y for x, y in zip(ours, theirs, strict=True))
        mine = {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}
        assert mine == {id(p) for p in ours}, "nothing else is shared"
    owned = [id(p) for p in model.players()["autoencoders"]]
    assert len(owned) == len(set(owned)), "what is shared moves once a turn"
    critics = {id(p) for p in (*model.critic_a.parameters(), *model.critic_b.parameters())}
    assert {id(p) for p in model.players()["critics"]} == critics
    assert not critics & set(owned)
    encoder, generator = (set(map(id, n.shared.parameters())) for n in (model.encoder_a, model.generator_a))
    assert not encoder & generator, "an encoder and a generator share nothing"


def test_they_stay_the_same_tensors_where_they_are_moved_converted_and_loaded() -> None:
    model, other = small(), small()
    model.double()
    model.load_state_dict(other.state_dict())
    for one, two in ((model.encoder_a, model.encoder_b), (model.generator_a, model.generator_b)):
        assert all(x is y for x, y in zip(one.shared.parameters(), two.shared.parameters(), strict=True))


def test_the_encoder_ends_and_the_generator_begins_with_what_is_shared() -> None:
    model, x = small(), images()["a"]
    h = model.encoder_a.blocks(model.encoder_a.front(x))
    assert torch.equal(model.encode_domain(x, "a"), model.encoder_b.shared(h))
    z = model.encode_domain(x, "a")
    drawn = torch.tanh(model.generator_b.back(model.generator_b.blocks(model.generator_a.shared(z))))
    assert torch.equal(model.translate(x, "b"), drawn)


def test_the_weights_are_the_papers() -> None:
    """Section 5: lambda_0 = 10, lambda_1 = lambda_3 = 0.1, lambda_2 = lambda_4 = 100; Adam, 1e-4, 0.5 and 0.999."""
    model = small()
    assert model.adversarial_weight == 10
    assert (model.kl_weight, model.cycle_kl_weight) == (0.1, 0.1)
    assert (model.reconstruction_weight, model.cycle_weight) == (100, 100)
    assert (UNIT.recipe.learning_rate, UNIT.recipe.betas, UNIT.recipe.batch_size) == (1e-4, (0.5, 0.999), 1)


def test_the_kl_is_that_of_gaussians_of_unit_variance() -> None:
    mean = torch.randn(3, 2, 4, 4, dtype=torch.float64) * 2
    one = Independent(Normal(mean, torch.ones_like(mean)), 3)
    standard = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 3)
    torch.testing.assert_close(kl_per_number(mean) * 32, kl_divergence(one, standard))


def test_a_latent_is_its_mean_and_noise_of_unit_variance() -> None:
    torch.manual_seed(0)
    mean = torch.full((1, 1, 300, 300), 3.0)
    z = draw_latent(mean)
    assert z.mean().item() == pytest.approx(3.0, abs=0.02)
    assert z.std().item() == pytest.approx(1.0, abs=0.02)


def test_every_loss_is_a_term_of_its_own_and_is_its_equation(noiseless: None) -> None:
    weights = {"adversarial_weight": 3.0, "kl_weight": 5.0, "reconstruction_weight": 7.0, "cycle_kl_weight": 11.0,
               "cycle_weight": 13.0}  # fmt: skip
    model, x = small(**weights), images()
    *_, turn = model.turns(x, 0)
    assert turn.player == "autoencoders"
    encoder = {"a": model.encoder_a, "b": model.encoder_b}
    generator = {"a": model.generator_a, "b": model.generator_b}
    critic = {"a": model.critic_a, "b": model.critic_b}
    names = ("reconstruction", "kl", "g_adversarial", "g_cycle", "cycle_kl")
    assert set(turn.terms) == {f"{name}_{side}" for name in names for side in "ab"}
    for side, across in (("a", "b"), ("b", "a")):
        z, z_across = encoder[side](x[side]), encoder[across](x[across])
        translated = generator[across](z)  # x as it would look in the other domain
        through = encoder[across](translated)
        expected = {
            "reconstruction": 7 * F.l1_loss(generator[side](z), x[side]),
            "kl": 5 * 0.5 * z.pow(2).mean(),
            "g_adversarial": -3 * F.logsigmoid(critic[side](generator[side](z_across))[0]).mean(),
            "g_cycle": 13 * F.l1_loss(generator[side](through), x[side]),
            "cycle_kl": 11 * 0.5 * (z.pow(2).mean() + through.pow(2).mean()),  # equation 7: of both latents
        }
        for name, value in expected.items():
            torch.testing.assert_close(turn.terms[f"{name}_{side}"], value, msg=lambda m, n=name: f"{n}: {m}")


def test_the_critics_move_first_and_judge_what_was_translated(noiseless: None) -> None:
    model, x = small(), images()
    turn = next(model.turns(x, 0))
    assert turn.player == "critics"
    translated = model.generator_b(model.encoder_a(x["a"])).detach()
    for name, image, label in (("d_real_b", x["b"], 1.0), ("d_fake_b", translated, 0.0)):
        (logits,) = model.critic_b(image)
        expected = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
        torch.testing.assert_close(turn.terms[name], 10 * expected)
    torch.stack(list(turn.terms.values())).sum().backward()
    assert all(p.grad is not None for p in model.players()["critics"])
    assert all(p.grad is None for p in model.players()["autoencoders"]), "the drawings stay as they are"


def test_the_turns_draw_noise_and_translating_does_not() -> None:
    model, x = small(), images()
    terms = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        *_, turn = model.turns(x, 0)
        terms.append(turn.terms)
    for name in ("reconstruction_a", "g_cycle_b", "g_adversarial_a"):
        assert terms[0][name] != terms[1][name], name
    assert torch.equal(model.translate(x["a"], "b"), model.translate(x["a"], "b"))


def test_multi_scale_critics_see_the_image_and_halves_of_it() -> None:
    model, x = small(scales=2), images()
    seen: list[torch.Tensor] = []
    for critic in model.critic_b.critics:
        critic.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    losses = torch.stack([
        F.softplus(-logits).mean((1, 2, 3)) for logits in model.critic_b(x["b"])
    ])  # fmt: skip
    assert [tuple(one.shape[2:]) for one in seen] == [(32, 32), (16, 16)]
    torch.testing.assert_close(seen[1][0, 0, 3, 5], x["b"][0, 0, 6:8, 10:12].mean())
    torch.testing.assert_close(model.critic_b.loss(x["b"], real=True), losses.mean(0))
    with pytest.raises(GenlabError, match="no patch in 4x4 images"):
        small(scales=4)


def test_domains_of_different_channels_share_their_latents_all_the_same() -> None:
    model, x = small(1, 3), images(1, 3)
    assert isinstance(model, Translates)
    assert isinstance(model, EncodesDomains)
    assert isinstance(model, DecodesDomains)
    z = {side: model.encode_domain(x[side], side) for side in ("a", "b")}
    assert z["a"].shape == z["b"].shape == (4, 16, 8, 8)
    assert model.decode_domain(z["a"], "b").shape == (4, 3, 32, 32)


def test_nothing_is_learned_from_which_images_stand_together(noiseless: None) -> None:
    model, x = small().double(), {side: one.double() for side, one in images().items()}
    shuffled = {"a": x["a"], "b": x["b"].flip(0)}
    for one, other in zip(model.turns(x, 0), model.turns(shuffled, 0), strict=True):
        for name, value in one.terms.items():
            torch.testing.assert_close(value, other.terms[name])


def test_the_networks_are_the_papers() -> None:
    """Section 5: encoders of 3 convolutions and 4 residual blocks, generators of 4 and 3 transposed convolutions."""
    with torch.device("meta"):
        model = UNIT()
    front = [layer for layer in model.encoder_a.front if isinstance(layer, nn.Conv2d)]
    back = [layer for layer in model.generator_a.back if isinstance(layer, nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in front] == [64, 128, 256]
    assert [layer.out_channels for layer in back] == [128, 64, 3]
    assert len(model.encoder_a.blocks) + 1 == len(model.generator_a.blocks) + 1 == 4
    with pytest.raises(GenlabError, match="unit halves images twice.*not 30"):
        UNIT(image_size=30)
