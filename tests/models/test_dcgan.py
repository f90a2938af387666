"""DCGAN against its paper, its losses' papers, and what the switches promise."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genlab.errors import GenlabError
from genlab.models.dcgan import DCGAN
from genlab.nn.gan_losses import GAN_LOSSES
from genlab.nn.noise import Chance

SMALL: dict[str, Any] = {
    "image_size": 32, "channels": 1, "latent_dim": 6, "generator_width": 4, "discriminator_width": 4
}  # fmt: skip


def small(**changes: Any) -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(**{**SMALL, **changes})


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    return {"images": torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1}


def play(model: DCGAN, batch: dict[str, torch.Tensor], steps: int = 1, rate: float = 1e-3) -> list[Any]:
    """The turns of some steps; each moves its player."""
    optimizers = {name: torch.optim.SGD(p, rate) for name, p in model.players().items()}
    turns = []
    for step in range(steps):
        for turn in model.turns(batch, step):
            optimizers[turn.player].zero_grad()
            sum(turn.terms.values()).backward(inputs=model.players()[turn.player])
            optimizers[turn.player].step()
            turns.append(turn)
    return turns


def test_the_recipe_is_the_papers() -> None:
    recipe = DCGAN.recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.betas[0], recipe.batch_size) == ("adam", 2e-4, 0.5, 128)
    model = DCGAN()
    assert model.draw_latents(1000, Chance.of(0, range(1000))).abs().max() <= 1, "uniform noise"
    assert [c.out_channels for c in model.generator.modules() if isinstance(c, nn.ConvTranspose2d)] == [
        512,
        256,
        128,
        3,
    ]


@pytest.mark.parametrize("size", [28, 48, 256])
def test_other_image_sizes_are_refused(size: int) -> None:
    with pytest.raises(GenlabError, match=rf"dcgan cannot halve images of {size} pixels .* set data.image_size"):
        DCGAN(image_size=size)


@pytest.mark.parametrize("loss", list(GAN_LOSSES))
@pytest.mark.parametrize("switches", [{}, {"spectral_norm": True, "diff_augment": True}])
def test_every_loss_trains_with_and_without_the_switches(
    loss: str, switches: dict[str, Any], batch: dict[str, torch.Tensor]
) -> None:
    model = small(loss=loss, **switches)
    before = [p.detach().clone() for p in model.parameters()]
    turns = play(model, batch)
    critics = GAN_LOSSES[loss].n_critic
    assert [turn.player for turn in turns] == ["discriminator"] * critics + ["generator"]
    assert ("d_penalty" in turns[0].terms) == (GAN_LOSSES[loss].penalty is not None)
    assert all(torch.isfinite(value) for turn in turns for value in turn.terms.values())
    assert sum(not torch.equal(x, y) for x, y in zip(before, model.parameters(), strict=True)) > len(before) - 2


def test_the_discriminator_sees_real_and_drawn_images_in_batches_of_their_own(batch: dict[str, torch.Tensor]) -> None:
    """Otherwise batch normalisation would tell each what the other looks like."""
    model, seen = small(), []
    model.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    next(model.turns(batch, 0))
    assert torch.equal(seen[0], batch["images"])
    assert seen[1].shape == seen[0].shape


def test_non_saturating_is_cross_entropy(batch: dict[str, torch.Tensor]) -> None:
    model = small()
    torch.manual_seed(1)
    turn, _ = model.turns(batch, 0)
    torch.manual_seed(1)
    drawn = model.generator(torch.rand(8, 6) * 2 - 1)
    on_real, on_fake = model.discriminator(batch["images"]), model.discriminator(drawn)
    expected = F.binary_cross_entropy_with_logits(on_real, torch.ones(8)) + F.binary_cross_entropy_with_logits(
        on_fake, torch.zeros(8)
    )
    torch.testing.assert_close(turn.terms["d_adversarial"], expected)


def make_linear(model: DCGAN) -> torch.Tensor:
    """Replace D by D(x) = <w, x>, whose gradient is w whatever x is."""
    linear = nn.Linear(32 * 32, 1, bias=False)
    model.discriminator = nn.Sequential(nn.Flatten(), linear, nn.Flatten(0))  # type: ignore[assignment]
    return linear.weight


@pytest.mark.parametrize("weight", [None, 3.0])
def test_r1_and_r2_are_half_gamma_times_the_squared_gradients(weight: float, batch: dict[str, torch.Tensor]) -> None:
    """R3GAN: gamma / 2 (|grad D(x)|^2 + |grad D(G(z))|^2); of a linear D gamma |w|^2, and gamma is 1 by default."""
    model = small(loss="relativistic_r1_r2", penalty_weight=weight)
    w = make_linear(model)
    turn = next(model.turns(batch, 0))
    torch.testing.assert_close(turn.terms["d_penalty"], (2 * (weight or 0.5)) * w.square().sum())


def test_wassersteins_penalty_is_ten_times_the_distance_of_the_slope_from_one(batch: dict[str, torch.Tensor]) -> None:
    model = small(loss="wasserstein_gp")
    w = make_linear(model)
    turn = next(model.turns(batch, 0))
    torch.testing.assert_close(turn.terms["d_penalty"], 10 * (w.norm() - 1).square())
    assert not turn.metrics, "a critic at its optimum is no bad sign"


def test_the_relativistic_generator_is_judged_beside_real_images(batch: dict[str, torch.Tensor]) -> None:
    model = small(loss="relativistic_r1_r2")
    torch.manual_seed(1)
    *_, turn = model.turns(batch, 0)
    torch.manual_seed(1)
    drawn = model.generator(torch.rand(8, 6) * 2 - 1)
    gap = model.discriminator(batch["images"]) - model.discriminator(drawn)
    torch.testing.assert_close(turn.terms["g_adversarial"], F.softplus(gap).mean())


def test_the_critic_moves_n_times_for_each_move_of_the_generator(batch: dict[str, torch.Tensor]) -> None:
    model, seen = small(loss="wasserstein_gp", n_critic=4), []
    model.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    turns = play(model, batch)
    assert [turn.player for turn in turns] == ["discriminator"] * 4 + ["generator"]
    assert torch.equal(torch.cat(seen[0:12:3]), batch["images"]), "each turn sees other real images"


def test_under_a_penalty_no_example_is_judged_by_its_neighbours() -> None:
    def normalises(**changes: Any) -> bool:
        return any(isinstance(layer, nn.BatchNorm2d) for layer in small(**changes).discriminator.modules())

    assert [normalises(loss=loss) for loss in GAN_LOSSES] == [True, True, True, False, True, False]
    assert not normalises(spectral_norm=True)


def test_diff_augment_changes_what_the_discriminator_sees_and_lets_gradients_through(
    batch: dict[str, torch.Tensor],
) -> None:
    model = small(diff_augment=True)
    assert not torch.equal(model.shown(batch["images"]), batch["images"])
    turns = play(model, batch, rate=0.0)
    assert turns[1].player == "generator"
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.generator.up[0].parameters())
    assert torch.equal(small().shown(batch["images"]), batch["images"])


def test_samples_repeat_and_do_not_depend_on_their_neighbours(batch: dict[str, torch.Tensor]) -> None:
    model = small()
    play(model, batch)
    model.eval()
    z = model.draw_latents(4, Chance.of(0, range(4)))
    torch.testing.assert_close(model.decode(z)[:2], model.decode(z[:2]))
    assert torch.equal(model.sample(4, Chance.of(0, range(4))), model.decode(z))


@pytest.mark.parametrize("images", [5, 6, 8, 12, 16])
def test_the_critic_takes_as_many_turns_as_were_asked_for(images: int) -> None:
    """Twelve images cut into pieces of three are four pieces, not five."""
    turns = play(small(n_critic=5), {"images": torch.zeros(images, 1, 32, 32)})
    assert [turn.player for turn in turns] == ["discriminator"] * 5 + ["generator"]


def test_a_batch_with_fewer_images_than_turns_is_refused() -> None:
    with pytest.raises(GenlabError, match=r"a batch of 4 images .*n_critic=5 turns .* set training.batch_size to 5"):
        play(small(n_critic=5), {"images": torch.zeros(4, 1, 32, 32)})


def test_the_gradient_penalty_brings_its_papers_recipe() -> None:
    """Gulrajani et al. 2017, algorithm 1: n_critic = 5, alpha = 1e-4, beta_1 = 0, beta_2 = 0.9."""
    recipe = DCGAN.recipe_for({"loss": "wasserstein_gp"})
    assert (recipe.learning_rate, recipe.betas) == (1e-4, (0.0, 0.9))
    assert small(loss="wasserstein_gp").n_critic == 5
    assert DCGAN.recipe_for({"loss": "hinge"}) == DCGAN.recipe
    assert small(loss="hinge").n_critic == 1
