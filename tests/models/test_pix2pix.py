"""pix2pix against its paper, arXiv:1611.07004, and against formulas written another way."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genlab.errors import GenlabError
from genlab.models.pix2pix import Pix2Pix, UNet, noisy_dropout
from genlab.nn.noise import Chance

SMALL = {"image_size": 32, "channels_a": 1, "channels_b": 2, "generator_width": 4, "discriminator_width": 4}


def convolutions(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]


def small(**changes: object) -> Pix2Pix:
    torch.manual_seed(0)
    return Pix2Pix(**{**SMALL, "receptive_field": 16, **changes})  # type: ignore[arg-type]


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        "a": torch.rand(4, 1, 32, 32, generator=rng) * 2 - 1,
        "b": torch.rand(4, 2, 32, 32, generator=rng) * 2 - 1,
    }


def test_at_256_pixels_the_unet_is_the_papers() -> None:
    """Section 6.1.1: encoder C64-C128-C256-C512-C512-C512-C512-C512, U-Net decoder CD512-CD1024-CD1024-C1024-..."""
    unet = Pix2Pix().generator
    outputs = [layer.out_channels for layer in convolutions(unet.down)]
    assert outputs == [64, 128, 256, 512, 512, 512, 512, 512]
    inputs = [layer.in_channels for layer in convolutions(unet.up)]
    assert inputs == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert [layer.out_channels for layer in convolutions(unet.up)] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert {layer.kernel_size for layer in convolutions(unet)} == {(4, 4)}
    assert {layer.stride for layer in convolutions(unet)} == {(2, 2)}
    assert unet.noisy_layers == 3
    normalised = [not isinstance(block.norm, nn.Identity) for block in itertools.chain(unet.down, unet.up)]
    assert normalised == [False, *[True] * 6, False, *[True] * 7, False]


def test_the_networks_have_as_many_parameters_as_the_authors_print() -> None:
    """Their code prints 54.414 M for the U-Net at 256 pixels and 2.769 M for the 70 x 70 discriminator."""
    players = Pix2Pix().players()
    counts = {name: sum(p.numel() for p in parameters) for name, parameters in players.items()}
    assert round(counts["generator"] / 1e6, 3) == 54.414
    assert round(counts["discriminator"] / 1e6, 3) == 2.769


def test_the_authors_weights_map_one_to_one() -> None:
    """The order and shapes of the authors' unet_128 (nested blocks: all the way down, then up) as their code has them.

    Compared once with the networks of a checkout of theirs: with weights copied in this order both draw the same bits.
    """
    down = [(64, 3), (128, 64), (256, 128), (512, 256), (512, 512), (512, 512), (512, 512)]
    up = [(512, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64)]
    shapes: list[tuple[int, ...]] = []
    for level, (c_out, c_in) in enumerate(down):
        shapes.append((c_out, c_in, 4, 4))
        shapes += [(c_out,), (c_out,)] if 0 < level < 6 else []
    for c_in, c_out in up:
        shapes += [(c_in, c_out, 4, 4), (c_out,), (c_out,)]
    shapes += [(128, 3, 4, 4), (3,)]
    ours = Pix2Pix(image_size=128).generator.parameters()
    assert [tuple(value.shape) for value in ours] == shapes


@pytest.mark.parametrize(("size", "depth"), [(8, 3), (32, 5), (96, 5), (128, 7), (256, 8), (512, 9)])
def test_depth_follows_the_image_size(size: int, depth: int) -> None:
    network = UNet(1, 1, size, width=1, skips=True, dropout=0.5)
    assert len(network.down) == len(network.up) == depth
    assert network(torch.zeros(2, 1, size, size)).shape == (2, 1, size, size)


@pytest.mark.parametrize("size", [1, 4, 28, 100, 257])
def test_an_image_size_that_cannot_be_halved_is_refused_with_its_neighbours(size: int) -> None:
    with pytest.raises(GenlabError, match=rf"{size} pixels.*set data.image_size to \d+ or \d+"):
        Pix2Pix(image_size=size)


def test_the_discriminators_objective_is_halved_cross_entropy(batch: dict[str, torch.Tensor]) -> None:
    model = small()
    torch.manual_seed(1)
    turn = next(model.turns(batch, 0))
    torch.manual_seed(1)
    drawn = model.generator(batch["a"]).detach()
    for name, image, label in (("d_real", batch["b"], 1.0), ("d_fake", drawn, 0.0)):
        logits = model.discriminator(torch.cat([batch["a"], image], 1))
        expected = 0.5 * F.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, label))
        torch.testing.assert_close(turn.terms[name], expected)


def test_the_generators_objective_is_equation_4(batch: dict[str, torch.Tensor]) -> None:
    model = small(l1_weight=7.0)
    torch.manual_seed(1)
    *_, turn = model.turns(batch, 0)
    torch.manual_seed(1)
    drawn = model.generator(batch["a"])
    logits = model.discriminator(torch.cat([batch["a"], drawn], 1))
    torch.testing.assert_close(turn.terms["g_adversarial"], -torch.log(torch.sigmoid(logits)).mean())
    torch.testing.assert_close(turn.terms["g_l1"], 7.0 * F.l1_loss(drawn, batch["b"]))
    torch.testing.assert_close(turn.metrics["train_l1"], F.l1_loss((drawn + 1) / 2, (batch["b"] + 1) / 2))


def test_least_squares_takes_the_place_of_cross_entropy(batch: dict[str, torch.Tensor]) -> None:
    model = small(adversarial_loss="least_squares")
    turn = next(model.turns(batch, 0))
    logits = model.discriminator(torch.cat([batch["a"], batch["b"]], 1))
    torch.testing.assert_close(turn.terms["d_real"], 0.5 * F.mse_loss(logits, torch.ones_like(logits)))


@pytest.mark.parametrize(
    ("objective", "terms"),
    [
        ("l1", {"generator": {"g_l1"}}),
        ("gan", {"discriminator": {"d_real", "d_fake"}, "generator": {"g_adversarial"}}),
        ("cgan", {"discriminator": {"d_real", "d_fake"}, "generator": {"g_adversarial"}}),
        ("l1+gan", {"discriminator": {"d_real", "d_fake"}, "generator": {"g_adversarial", "g_l1"}}),
        ("l1+cgan", {"discriminator": {"d_real", "d_fake"}, "generator": {"g_adversarial", "g_l1"}}),
    ],
)
def test_the_ablations_of_table_1(objective: str, terms: dict[str, set[str]], batch: dict[str, torch.Tensor]) -> None:
    model = small(objective=objective)
    assert {turn.player: set(turn.terms) for turn in model.turns(batch, 0)} == terms
    assert set(model.players()) == set(terms)
    if "discriminator" in terms:
        sees_input = not torch.equal(model.judge(batch["a"], batch["b"]), model.judge(-batch["a"], batch["b"]))
        assert sees_input == ("cgan" in objective)


def influence(model: Pix2Pix, noise: bool = False) -> torch.Tensor:
    """(32, 32): which input pixels the pixel (16, 16) of the drawing depends on, statistics held fixed."""
    model.eval()
    x = torch.rand(1, 1, 32, 32).requires_grad_()
    model.generator(x, noise=noise)[0, 0, 16, 16].backward()
    assert x.grad is not None
    return x.grad[0, 0].abs()


def test_skips_carry_detail_past_the_bottleneck() -> None:
    """Figure 5: cut the bottleneck, and only the U-Net still draws from its input."""
    for kind, still_draws in (("unet", True), ("encoder_decoder", False)):
        model = small(generator=kind)
        nn.init.zeros_(model.generator.down[-1].conv.weight)
        assert bool(influence(model).max() > 0) == still_draws


def test_direction_swaps_the_domains(batch: dict[str, torch.Tensor]) -> None:
    model = small(direction="b_to_a")
    assert model.targets == ("a",)
    assert model.translate(batch["b"], "a").shape == batch["a"].shape
    with pytest.raises(GenlabError, match="draws domain 'a' from 'b', not 'b'"):
        model.translate(batch["b"], "b")


def test_noise_stays_on_at_test_time_unless_it_is_turned_off(batch: dict[str, torch.Tensor]) -> None:
    for noise in (True, False):
        model = small().eval()
        one, two = (model.translate(batch["a"], "b", noise_at_test=noise) for _ in range(2))
        assert torch.equal(one, two) != noise


def test_noise_is_dropout() -> None:
    h = torch.ones(1, 1, 100, 100)
    for rng in (None, Chance.of(0, [0])):
        torch.manual_seed(0)
        kept = noisy_dropout(h, 0.25, rng)
        assert sorted(kept.unique().tolist()) == [0.0, pytest.approx(4 / 3)]
        assert (kept == 0).float().mean() == pytest.approx(0.25, abs=0.02)


def test_first_weights_are_the_papers() -> None:
    """Section 6.2: Gaussian, mean 0, standard deviation 0.02."""
    torch.manual_seed(0)
    for layer in convolutions(Pix2Pix(image_size=64)):
        weight = layer.weight.detach().numpy()
        assert abs(weight.mean()) < 0.1 * 0.02
        assert np.std(weight) == pytest.approx(0.02, rel=0.1)
        if layer.bias is not None:
            assert layer.bias.abs().max() == 0


def test_drawings_are_in_the_range_of_images(batch: dict[str, torch.Tensor]) -> None:
    model = small()
    for parameter in model.parameters():
        parameter.data *= 50
    drawn = model.translate(batch["a"], "b")
    assert drawn.abs().max() <= 1
