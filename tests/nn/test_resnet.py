"""The ResNet generator and its parts, against the paper (arXiv:1703.10593, section 7.2) and other ways to compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genlab.errors import GenlabError
from genlab.nn.instance_norm import InstanceNorm
from genlab.nn.resnet import ResidualBlock, ResNetGenerator, require_quarters


def convolutions(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]


def test_the_generator_is_the_papers() -> None:
    """c7s1-64, d128, d256, R256 x 9, u128, u64, c7s1-3."""
    layers = convolutions(ResNetGenerator(3, 3, blocks=9))
    assert [layer.out_channels for layer in layers] == [64, 128, 256, *[256] * 18, 128, 64, 3]
    assert [layer.kernel_size[0] for layer in layers] == [7, 3, 3, *[3] * 18, 3, 3, 7]
    assert [layer.stride[0] for layer in layers] == [1, 2, 2, *[1] * 18, 2, 2, 1]


def test_the_networks_have_as_many_parameters_as_the_authors_print() -> None:
    """Their code prints 11.378 M for resnet_9blocks; without instance norm's parameters, with biases everywhere."""
    count = sum(parameter.numel() for parameter in ResNetGenerator(3, 3, blocks=9).parameters())
    assert round(count / 1e6, 3) == 11.378


def test_the_authors_weights_map_one_to_one() -> None:
    """The order and shapes of the authors' resnet_6blocks as their code has them.

    Compared once with the networks of a checkout of their code: with weights copied in this order both draw the same,
    up to the last bits of instance normalisation, which is another kernel.
    """
    wide = [(256, 256, 3, 3), (256,)]
    expected = [
        (64, 3, 7, 7), (64,), (128, 64, 3, 3), (128,), (256, 128, 3, 3), (256,), *wide * 12,
        (256, 128, 3, 3), (128,), (128, 64, 3, 3), (64,), (3, 64, 7, 7), (3,),
    ]  # fmt: skip
    assert [tuple(value.shape) for value in ResNetGenerator(3, 3, blocks=6).state_dict().values()] == expected


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_drawings_have_the_size_of_their_input_and_are_images(upsampling: str) -> None:
    network = ResNetGenerator(2, 3, blocks=1, width=2, upsampling=upsampling)  # type: ignore[arg-type]
    x = torch.randn(2, 2, 24, 24)
    assert network(x).shape == (2, 3, 24, 24)
    assert network.features(x).shape == (2, 8, 6, 6)
    for parameter in network.parameters():
        parameter.data *= 100
    assert network(x).abs().max() <= 1


def unevenness(upsampling: str) -> float:
    """How much an image of one value, away from the borders, is no longer of one value when it is drawn larger."""
    torch.manual_seed(0)
    layers = ResNetGenerator(1, 1, blocks=1, width=4, upsampling=upsampling).decoder  # type: ignore[arg-type]
    enlarge = nn.Sequential(*[layer for layer in layers if not isinstance(layer, InstanceNorm)][:-2])
    drawn = enlarge(torch.ones(1, 16, 16, 16))[..., 16:48, 16:48]
    return (drawn - drawn.mean((2, 3), keepdim=True)).abs().max().item()


def test_resizing_leaves_no_checkerboard_where_a_transposed_convolution_does() -> None:
    assert unevenness("resize") < 1e-6
    assert unevenness("transposed") > 1e-3


def test_a_residual_block_adds_to_its_input() -> None:
    block = ResidualBlock(3)
    h = torch.randn(2, 3, 5, 5)
    kept = h.clone()
    padded = F.pad(h, (1, 1, 1, 1), mode="reflect")
    first = F.relu(F.instance_norm(F.conv2d(padded, block.layers[1].weight, block.layers[1].bias)))
    padded = F.pad(first, (1, 1, 1, 1), mode="reflect")
    second = F.instance_norm(F.conv2d(padded, block.layers[5].weight, block.layers[5].bias))
    torch.testing.assert_close(block(h), h + second)
    assert torch.equal(h, kept), "the input is needed for the sum and must not be overwritten"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs(layout: torch.memory_format) -> None:
    h = (torch.randn(3, 4, 6, 6) * 5 + 2).contiguous(memory_format=layout)
    torch.testing.assert_close(InstanceNorm()(h), nn.InstanceNorm2d(4)(h), atol=1e-5, rtol=1e-5)


def test_an_image_is_normalised_by_itself_alone() -> None:
    network = ResNetGenerator(1, 1, blocks=2, width=4)
    x = torch.rand(3, 1, 16, 16)
    torch.testing.assert_close(network(x)[:1], network(x[:1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("size", "near"), [(30, 32), (28 + 2, 32), (4, 8), (255, 256), (257, 256)])
def test_a_size_that_is_no_multiple_of_four_is_refused(size: int, near: int) -> None:
    with pytest.raises(GenlabError, match=rf"not {size}\. Set data.image_size to {near}"):
        require_quarters(size, "cyclegan")
    require_quarters(near, "cyclegan")
