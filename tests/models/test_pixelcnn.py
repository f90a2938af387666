"""What is of the PixelCNN alone: its blind spot, and labels."""

import pytest
import torch

from genlab.errors import GenlabError
from genlab.models import pixelcnn
from genlab.models.pixelcnn import PixelCNN
from tests.models.test_raster import CLASSES, chance, every_binary, make, seen_from


@pytest.mark.parametrize(
    ("network", "first", "blocks", "seen"),
    [("plain", 1, 6, 91), ("plain", 3, 9, 132), ("gated", 3, 9, 142)],
    ids=["seven layers of 3 x 3", "7 x 7 first", "gated"],
)
def test_the_blind_spot(network: str, first: int, blocks: int, seen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 142 pixels before (9, 7) in a 15 x 15 image.

    Seven rows up, and a column more to the right with each, make 91. A first layer of 7 x 7 and enough blocks leave
    4 + 3 + 2 + 1 pixels in the upper right.
    """
    monkeypatch.setattr(pixelcnn, "FIRST", first)
    model = make(network, 15, depth=blocks)
    sees = seen_from(model, 9, 7)
    assert sees[: 9 * 15 + 7].sum() == sees.sum() == seen


def test_a_density_without_a_label_is_the_mean_over_all_labels() -> None:
    model, x = make("conditional", 2), every_binary(1, 2)
    with torch.no_grad():
        given = [model.log_prob_given(x, torch.full((16,), label)).exp() for label in range(CLASSES)]
        assert not torch.allclose(given[0], given[1], rtol=0.05)
        torch.testing.assert_close(model.log_prob(x, chance(16), 1).exp(), sum(given) / CLASSES)


def test_a_label_that_is_not_known_adds_nothing() -> None:
    model, x = make("conditional", 4), every_binary(1, 2)[:4].repeat(1, 1, 2, 2)
    unknown = model.predict(x, torch.full((4,), -1))
    assert not torch.equal(unknown, model.predict(x, torch.zeros(4, dtype=torch.long)))
    for layer in model.network.vertical:
        torch.nn.init.zeros_(layer.told.weight)
    torch.testing.assert_close(unknown, model.predict(x, torch.zeros(4, dtype=torch.long)))


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(GenlabError, match="draws by class .* have no classes; .* or pixelcnn.model.network=gated"):
        PixelCNN(network="conditional", classes=0)
    with pytest.raises(GenlabError, match="must be told labels"):
        make("conditional", 4).sample(2, chance(2))
