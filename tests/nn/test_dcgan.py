"""DCGAN's networks against the paper and spectral normalisation against their definitions."""

import pytest
import torch
from torch import nn

from genlab.errors import GenlabError
from genlab.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from genlab.nn.noise import Chance, draw_noise


def layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


def test_at_64_pixels_the_generator_is_figure_1() -> None:
    """100 numbers, 4 x 4 x 1024, 8 x 8 x 512, 16 x 16 x 256, 32 x 32 x 128, 64 x 64 x 3."""
    generator = DCGANGenerator(100, 3, 64, width=128)
    assert (generator.project.in_features, generator.project.out_features) == (100, 4 * 4 * 1024)
    assert [c.out_channels for c in layers(generator, nn.ConvTranspose2d)] == [512, 256, 128, 3]
    assert len(layers(generator, nn.BatchNorm2d)) == 4, "all layers but the output"


@pytest.mark.parametrize("size", [32, 64, 128])
def test_both_networks_go_from_four_pixels_to_the_image_and_back(size: int) -> None:
    generator, discriminator = DCGANGenerator(7, 2, size, 2), DCGANDiscriminator(2, size, 2)
    drawn = generator(torch.randn(3, 7))
    assert drawn.shape == (3, 2, size, size)
    assert drawn.abs().max() <= 1
    assert discriminator.features(drawn).shape == (3, discriminator.feature_channels, 4, 4)
    assert discriminator(drawn).shape == (3,)


@pytest.mark.parametrize("size", [16, 28, 48, 256])
def test_other_sizes_are_refused_by_name(size: int) -> None:
    for build in (lambda: DCGANGenerator(8, 1, size, 2, "cgan"), lambda: DCGANDiscriminator(1, size, 2, model="cgan")):
        with pytest.raises(GenlabError, match=rf"cgan cannot halve images of {size} pixels .* set data.image_size"):
            build()


def test_discriminator_normalises_all_but_its_first_layer_and_score() -> None:
    assert len(layers(DCGANDiscriminator(1, 64, 4), nn.BatchNorm2d)) == 3
    assert not layers(DCGANDiscriminator(1, 64, 4, batch_norm=False), nn.BatchNorm2d)
    assert not layers(DCGANDiscriminator(1, 64, 4, spectral_norm=True), nn.BatchNorm2d)


def test_without_normalisation_every_score_is_its_own_images() -> None:
    discriminator = DCGANDiscriminator(1, 32, 4, batch_norm=False)
    x = torch.randn(6, 1, 32, 32)
    torch.testing.assert_close(discriminator(x)[:2], discriminator(x[:2]))
    assert discriminator(x).std() > 0.05, "He's weights keep signals alive"


def test_spectral_norm_makes_every_layers_largest_singular_value_one() -> None:
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator(1, 32, 8, spectral_norm=True)
    for _ in range(50):  # each pass is one step of the power iteration
        discriminator(torch.randn(2, 1, 32, 32))
    for layer in layers(discriminator, nn.Conv2d):
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_noise_is_what_it_is_called_and_repeats() -> None:
    like = torch.zeros((), dtype=torch.float64)
    for noise, variance in (("normal", 1.0), ("uniform", 1 / 3)):
        one, again = (draw_noise(2000, 5, noise, like, Chance.of(0, range(2000))) for _ in range(2))
        assert torch.equal(one, again)
        assert one.dtype == torch.float64
        assert one.var() == pytest.approx(variance, rel=0.05)
