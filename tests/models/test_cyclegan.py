"""CycleGAN against its paper, arXiv:1703.10593, and against formulas written another way."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genlab.data.arrange.domains import UnpairedImages
from genlab.errors import GenlabError
from genlab.models.base import EncodesDomains, Translates
from genlab.models.cyclegan import CycleGAN
from genlab.training.machine import open_machine
from genlab.training.trainer import Training
from tests.models.test_contract import small_settings, start

SMALL = {"image_size": 32, "generator_width": 4, "discriminator_width": 4, "receptive_field": 16, "blocks": 1}


def small(channels_a: int = 1, channels_b: int = 2, **changes: object) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(**{**SMALL, "channels_a": channels_a, "channels_b": channels_b, **changes})  # type: ignore[arg-type]


def images(channels_a: int = 1, channels_b: int = 2) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        side: torch.rand(4, channels, 32, 32, generator=rng) * 2 - 1
        for side, channels in (("a", channels_a), ("b", channels_b))
    }


def test_the_networks_are_the_papers() -> None:
    """Section 7.2: 6 blocks for 128 pixels, 9 for 256 and more; 70 x 70 PatchGANs of C64-C128-C256-C512."""
    for size, blocks in ((128, 6), (252, 6), (256, 9), (512, 9)):
        with torch.device("meta"):
            model = CycleGAN(image_size=size)
        assert len(model.a_to_b.blocks) == len(model.b_to_a.blocks) == blocks
    widths = [layer.out_channels for layer in model.critic_a.modules() if isinstance(layer, nn.Conv2d)]
    assert widths == [64, 128, 256, 512, 1]


def test_the_networks_have_as_many_parameters_as_the_authors_print() -> None:
    """Their code prints 11.378 M for each generator and 2.765 M for each discriminator at 256 pixels."""
    with torch.device("meta"):
        model = CycleGAN()
    for network, millions in ((model.a_to_b, 11.378), (model.critic_b, 2.765)):
        assert round(sum(p.numel() for p in network.parameters()) / 1e6, 3) == millions


def test_the_authors_critics_map_one_to_one() -> None:
    """With instance normalisation the authors' discriminator has a bias in every layer, and no other parameters."""
    with torch.device("meta"):
        critic = CycleGAN().critic_a
    shapes = [(64, 3, 4, 4), (64,), (128, 64, 4, 4), (128,), (256, 128, 4, 4), (256,), (512, 256, 4, 4), (512,)]
    assert [tuple(v.shape) for v in critic.state_dict().values()] == [*shapes, (1, 512, 4, 4), (1,)]


def test_the_generators_objective_is_equation_3() -> None:
    model, batch = small(cycle_weight=7.0), images()
    turn = next(model.turns(batch, 0))
    assert turn.player == "generators"
    fake_a, fake_b = model.b_to_a(batch["b"]), model.a_to_b(batch["a"])
    for side, fake, critic in (("a", fake_a, model.critic_a), ("b", fake_b, model.critic_b)):
        logits = critic(fake)
        torch.testing.assert_close(turn.terms[f"g_adversarial_{side}"], F.mse_loss(logits, torch.ones_like(logits)))
    torch.testing.assert_close(turn.terms["g_cycle_a"], 7 * F.l1_loss(model.b_to_a(fake_b), batch["a"]))
    torch.testing.assert_close(turn.terms["g_cycle_b"], 7 * F.l1_loss(model.a_to_b(fake_a), batch["b"]))
    assert set(turn.terms) == {"g_adversarial_a", "g_adversarial_b", "g_cycle_a", "g_cycle_b"}


def test_the_critics_objective_is_halved_least_squares() -> None:
    model, batch = small(), images()
    fake = {"a": model.b_to_a(batch["b"]).detach(), "b": model.a_to_b(batch["a"]).detach()}
    *_, turn = model.turns(batch, 0)
    assert turn.player == "critics"
    for side, critic in (("a", model.critic_a), ("b", model.critic_b)):
        for name, image, label in (("d_real", batch[side], 1.0), ("d_fake", fake[side], 0.0)):
            logits = critic(image)
            expected = 0.5 * F.mse_loss(logits, torch.full_like(logits, label))
            torch.testing.assert_close(turn.terms[f"{name}_{side}"], expected)


def test_the_critics_are_shown_what_was_drawn_before_the_generators_moved() -> None:
    model, batch = small(), images()
    before = model.a_to_b(batch["a"]).detach()
    turns = model.turns(batch, 0)
    next(turns)
    with torch.no_grad():
        for parameter in model.a_to_b.parameters():
            parameter += 0.1
    next(turns)
    torch.testing.assert_close(model.pool_b.images[:4], before)


def test_the_critics_are_shown_past_drawings_once_the_pool_is_full() -> None:
    model = small(pool_size=4)
    shown = []
    model.critic_b.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0].detach()))
    past: list[torch.Tensor] = []
    old = 0
    for step in range(12):
        torch.manual_seed(step)
        batch = {side: x + step / 100 for side, x in images().items()}
        new = model.a_to_b(batch["a"]).detach()
        shown.clear()
        list(model.turns(batch, step))
        past.extend(new)
        for image, now in zip(shown[-1], new, strict=True):  # the last thing that the critic sees is from the pool
            old += not torch.equal(image, now)
            assert any(torch.equal(image, one) for one in past)
    assert 12 < old < 32, "about half of 44"


def test_the_identity_loss_leaves_images_of_the_target_domain_alone() -> None:
    """Section 5.2: ||G(y) - y|| + ||F(x) - x||, with weight 0.5 lambda."""
    model, batch = small(1, 1, identity_weight=0.5), images(1, 1)
    turn = next(model.turns(batch, 0))
    torch.testing.assert_close(turn.terms["g_identity_a"], 5 * F.l1_loss(model.b_to_a(batch["a"]), batch["a"]))
    torch.testing.assert_close(turn.terms["g_identity_b"], 5 * F.l1_loss(model.a_to_b(batch["b"]), batch["b"]))


def test_domains_of_different_channels_have_their_own_and_no_identity_loss() -> None:
    model, batch = small(1, 2), images(1, 2)
    assert isinstance(model, Translates)
    assert model.translate(batch["a"], "b").shape == batch["b"].shape
    assert model.translate(batch["b"], "a").shape == batch["a"].shape
    with pytest.raises(GenlabError, match=r"a has 1 channel\(s\) and b has 2; set cyclegan.model.identity_weight=0"):
        small(1, 2, identity_weight=0.5)


def test_nothing_is_learned_from_which_images_stand_together() -> None:
    """Another order of b's images changes no loss: nowhere does row i of a meet row i of b."""
    model, batch = small(1, 1, pool_size=0).double(), {side: x.double() for side, x in images(1, 1).items()}
    shuffled = {"a": batch["a"], "b": batch["b"].flip(0)}
    for one, other in zip(model.turns(batch, 0), model.turns(shuffled, 0), strict=True):
        for name, value in one.terms.items():
            torch.testing.assert_close(value, other.terms[name])


def test_features_come_from_the_generator_that_starts_there() -> None:
    model, batch = small(), images()
    assert isinstance(model, EncodesDomains)
    for side, network in (("a", model.a_to_b), ("b", model.b_to_a)):
        assert torch.equal(model.encode_domain(batch[side], side), network.blocks(network.encoder(batch[side])))


def test_first_weights_are_the_papers() -> None:
    torch.manual_seed(0)
    model = CycleGAN(image_size=32, generator_width=16, discriminator_width=16)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 1000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.15)
            assert layer.bias is not None
            assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("size", [30, 6])
def test_an_image_size_that_cannot_be_halved_twice_is_refused(size: int) -> None:
    with pytest.raises(GenlabError, match=f"cyclegan halves images twice.*not {size}"):
        CycleGAN(image_size=size)


def test_a_snapshot_holds_the_pools_and_resuming_is_exact(few_domains: UnpairedImages, tmp_path: Path) -> None:
    """More steps than fill the pool, so that what is drawn later depends on what was kept."""

    def begin() -> Training:
        return start("cyclegan", few_domains, tmp_path, steps=8, batch_size=8)

    whole, first = begin(), begin()
    for pool in (whole.model.pool_a, whole.model.pool_b):
        assert pool.size == 12, "CycleGAN.small() has a pool that this many steps fill"
    list(whole.run())
    for progress in first.run():
        if progress.step == 6:
            break
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = begin()
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(second.model.pool_b.images, first.model.pool_b.images)
    assert second.model.pool_b.filled.item() == 12
    list(second.run())
    for (key, x), y in zip(whole.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(x, y), key
    forgetful = begin()
    forgetful.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    forgetful.model.pool_b.images.zero_()
    list(forgetful.run())
    changed = zip(whole.model.critic_b.parameters(), forgetful.model.critic_b.parameters(), strict=True)
    assert any(not torch.equal(x, y) for x, y in changed), "the pool is part of what a run depends on"


def test_a_domain_with_fewer_images_than_the_pool_trains(few_domains: UnpairedImages, tmp_path: Path) -> None:
    table = few_domains.table.groupby("domain").head(5)
    few = UnpairedImages(table, few_domains.a, few_domains.b)
    training = start("cyclegan", few, tmp_path, steps=4, batch_size=4)
    assert [progress.step for progress in training.run()] == [2, 4]
    with pytest.raises(GenlabError, match=r"5 training images of domain a do not fill a batch of 8"):
        start("cyclegan", few, tmp_path, batch_size=8)


def test_the_recipe_is_that_of_section_7() -> None:
    recipe = CycleGAN.recipe
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs, recipe.decay_from) == (2e-4, 1, 200, 0.5)
    assert open_machine(small_settings("cyclegan")).accelerator == "cpu"
