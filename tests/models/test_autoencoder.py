"""Autoencoders against what is known of them: PCA, checkerboards, bottlenecks."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.media.pictures.levels import to_model_range
from genlab.models.autoencoder import Autoencoder, Up, squared_error
from genlab.models.base import Decodes, Encodes, Reconstructs, Samples, StartsClassifier

GENERATIONS = ("linear", "deep", "conv")


def small(**changes: Any) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(**{"latent_dim": 3, "hidden": (20, 10), "width": 4, **changes})


def test_linear_without_sigmoid_reaches_pca(few_images: LabelledImages) -> None:
    """Baldi and Hornik 1989: the best linear autoencoder spans the principal components. Full batch, real images."""
    x = to_model_range(torch.from_numpy(few_images.pixels))
    model = small(generation="linear", sigmoid=False)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, betas=(0.9, 0.99))
    total = 900
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / total)
    for step in range(total):
        (turn,) = model.turns({"images": x}, step)
        optimizer.zero_grad()
        turn.terms["squared_error"].backward()
        optimizer.step()
        schedule.step()
    pixels = few_images.pixels.reshape(len(x), -1) / 255
    pca = PCA(3).fit(pixels)
    best = float(np.square(pca.inverse_transform(pca.transform(pixels)) - pixels).mean())
    reached = squared_error(x, model.reconstruct(x)).mean().item()
    assert best <= reached * (1 + 1e-5), "nothing linear is better than PCA"
    assert reached <= 1.02 * best


def test_the_loss_is_the_squared_difference_of_pixels_from_0_to_1() -> None:
    black, white = -torch.ones(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    assert squared_error(black, white).tolist() == [1.0, 1.0]
    assert squared_error(black, 0 * black).tolist() == [0.25, 0.25]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_code_is_all_that_the_decoder_sees(generation: str) -> None:
    model = small(generation=generation, channels=3)
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    z = model.encode(x)
    assert z.shape == (2, 3)
    assert torch.equal(model.reconstruct(x), model.draw(z))
    assert model.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_sigmoid_keeps_reconstructions_in_range(generation: str) -> None:
    z = 1000 * torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    for sigmoid in (True, False):
        model = small(generation=generation, sigmoid=sigmoid)
        assert (model.draw(z).abs().max() <= 1) == sigmoid


def test_what_is_linear_is_linear_and_what_is_deep_is_not() -> None:
    x, y = torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32)
    for generation, linear in (("linear", True), ("deep", False), ("conv", False)):
        model = small(generation=generation, sigmoid=False)
        middle, mean = model.reconstruct((x + y) / 2), (model.reconstruct(x) + model.reconstruct(y)) / 2
        assert torch.allclose(middle, mean, atol=1e-6) == linear


def chequered(layer: nn.Module) -> float:
    """The spread over the middle of what a layer makes of an even area, relative to its level."""
    with torch.no_grad():
        even: Tensor = layer(torch.ones(1, 4, 12, 12))[:, :, 6:-6, 6:-6]
    return float((even.amax(dim=(2, 3)) - even.amin(dim=(2, 3))).max() / even.abs().mean())


def test_upconvolutions_leave_even_areas_even() -> None:
    """Odena et al. 2016: a stride that does not divide the kernel prints a checkerboard, whatever is learned."""
    torch.manual_seed(0)
    assert chequered(Up(4, 5)) < 1e-5
    assert chequered(nn.ConvTranspose2d(4, 5, 3, stride=2)) > 0.1


def test_every_pixel_of_an_upconvolution_sums_as_many_terms() -> None:
    layer = Up(1, 1)
    nn.init.ones_(layer.conv.weight)
    nn.init.zeros_(layer.conv.bias)
    counts = layer(torch.ones(1, 1, 8, 8))[0, 0, 1:-1, 1:-1]
    assert counts.unique().tolist() == [9.0]


@pytest.mark.parametrize(("size", "count"), [(8, 1), (10, 1), (28, 2), (32, 3), (96, 4), (256, 6)])
def test_convolutions_halve_down_to_4_to_7_pixels(size: int, count: int) -> None:
    model = small(image_size=size, width=1)
    assert sum(isinstance(layer, nn.Conv2d) for layer in model.encoder.modules()) == count
    assert model.reconstruct(torch.zeros(1, 1, size, size)).shape == (1, 1, size, size)


@pytest.mark.parametrize("size", [4, 7, 30, 36, 100, 257])
def test_a_size_that_cannot_be_halved_is_refused_with_its_neighbours(size: int) -> None:
    if size in (36, 100):  # 36 -> 18 -> 9, 100 -> 50 -> 25
        assert size % 4 == 0
    with pytest.raises(GenlabError, match=rf"{size} pixels.*data.image_size to \d+ or \d+"):
        small(image_size=size)
    for generation in ("linear", "deep"):
        assert small(generation=generation, image_size=size).encode(torch.zeros(1, 1, size, size)).shape == (1, 3)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("latent_dim", [0, 1024, 5000])
def test_a_code_that_is_no_bottleneck_is_refused(generation: str, latent_dim: int) -> None:
    with pytest.raises(GenlabError, match=rf"latent_dim is {latent_dim}: .*from 1 to 1023"):
        small(generation=generation, latent_dim=latent_dim)


def test_it_encodes_and_reconstructs_but_draws_nothing_new() -> None:
    model = small()
    for capability, has in ((Encodes, 1), (Reconstructs, 1), (StartsClassifier, 1), (Samples, 0), (Decodes, 0)):
        assert isinstance(model, capability) == bool(has), capability
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(model.encoder_network()(x), model.encode(x))
