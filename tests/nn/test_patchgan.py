"""PatchGAN: the receptive field is what its name says, measured and not computed."""

import pytest
import torch
from torch import nn

from genlab.errors import GenlabError
from genlab.nn.patchgan import PatchDiscriminator, patches_per_side


@pytest.mark.parametrize("receptive_field", [1, 16, 34, 70, 142, 286])
def test_one_patch_sees_exactly_its_receptive_field(receptive_field: int) -> None:
    size = 1 if receptive_field == 1 else 384
    network = PatchDiscriminator(1, max(size, 16), receptive_field, width=2)
    network = nn.Sequential(*(layer for layer in network if not isinstance(layer, nn.BatchNorm2d))).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)  # no sums that happen to be zero
    x = torch.ones(1, 1, 384, 384, dtype=torch.float64, requires_grad=True)
    logits = network(x)
    middle = logits.shape[2] // 2
    logits[0, 0, middle, middle].backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    assert seen.any(dim=0).sum() == receptive_field
    assert seen.any(dim=1).sum() == receptive_field
    assert seen.sum() == receptive_field**2, "the patch has holes"


@pytest.mark.parametrize("receptive_field", [1, 16, 34, 70])
@pytest.mark.parametrize("size", [32, 64, 256])
def test_patches_per_side_is_what_comes_out(size: int, receptive_field: int) -> None:
    network = PatchDiscriminator(2, size, receptive_field, width=2)
    patches = patches_per_side(size, receptive_field)
    assert network(torch.zeros(2, 2, size, size)).shape == (2, 1, patches, patches)


def test_the_papers_widths() -> None:
    """Section 6.1.2: C64-C128-C256-C512 for 70 x 70, C64-C128 for 16 x 16 and 1 x 1, C64-...-C512-C512-C512 for 286."""
    expected = {1: [64, 128], 16: [64, 128], 70: [64, 128, 256, 512], 286: [64, 128, 256, 512, 512, 512]}
    for receptive_field, widths in expected.items():
        layers = [layer for layer in PatchDiscriminator(6, 512, receptive_field) if isinstance(layer, nn.Conv2d)]
        assert [layer.out_channels for layer in layers] == [*widths, 1]
        assert {layer.kernel_size for layer in layers} == {(1, 1) if receptive_field == 1 else (4, 4)}


def test_an_image_without_a_single_patch_is_refused() -> None:
    with pytest.raises(GenlabError, match=r"=286 has no patch in 32x32 images; use one of 1, 16, 34, 70, or"):
        PatchDiscriminator(1, 32, 286)
