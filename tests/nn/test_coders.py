import pytest
import torch
from torch import nn

from genlab.errors import GenlabError
from genlab.nn.coders import Decoder, Encoder

HOW = {"width": 4, "layers": 1, "activation": "relu"}


@pytest.mark.parametrize("network", ["linear", "mlp", "conv"])
@pytest.mark.parametrize("size", [28, 32, 64])
def test_a_decoder_turns_an_encoder_round(network: str, size: int) -> None:
    z = Encoder(network, 3, size, 5, **HOW)(torch.zeros(2, 3, size, size))
    assert z.shape == (2, 5)
    assert Decoder(network, 5, 3, size, **HOW)(z).shape == (2, 3, size, size)


def test_linear_is_affine() -> None:
    encoder = Encoder("linear", 1, 4, 3, **HOW).double()
    x, y = torch.randn(2, 1, 1, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(encoder(x) + encoder(y), encoder(x + y) + encoder(0 * x))
    assert len([m for m in encoder.modules() if isinstance(m, nn.Linear)]) == 1


def test_hidden_layers_are_as_many_as_asked_for() -> None:
    for layers in (1, 3):
        encoder = Encoder("mlp", 1, 4, 3, width=7, layers=layers, activation="tanh")
        assert [m.out_features for m in encoder.modules() if isinstance(m, nn.Linear)] == [7] * layers + [3]


def test_every_pixel_of_a_conv_decoder_is_reached_equally_often() -> None:
    """With all weights one, the inner pixels of a constant are constant: no checkerboard."""
    decoder = Decoder("conv", 1, 1, 32, width=1, layers=1, activation="relu")
    for parameter in decoder.parameters():
        nn.init.ones_(parameter) if parameter.dim() > 1 else nn.init.zeros_(parameter)
    inner = decoder(torch.ones(1, 1))[0, 0, 10:-10, 10:-10]
    torch.testing.assert_close(inner, inner[:1, :1].expand_as(inner))


def test_conv_takes_images_that_need_no_halving_and_refuses_those_that_cannot_be_halved() -> None:
    assert Encoder("conv", 1, 7, 5, **HOW)(torch.zeros(2, 1, 7, 7)).shape == (2, 5)
    with pytest.raises(GenlabError, match="'conv' cannot halve images of 50 pixels.*to 48 or 56, or .* to 'mlp'"):
        Encoder("conv", 1, 50, 5, **HOW)
