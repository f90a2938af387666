"""Whether partners are found, with models whose latents are known."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.measures.partners import find_partners, partner_is_nearest
from genlab.models.base import Batch, EncodesDomains, Model, Side, Turn
from genlab.sampling.draw import encode_side
from genlab.sampling.settings import SampleSettings
from tests.judging import judged


class Knows(Model, EncodesDomains):
    """Encodes an edge drawing as the shoe that it is of, by looking it up."""

    def __init__(self, pairs: PairedImages, noise: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        test = pairs.split("test")
        keys = [image.tobytes() for image in test.side("a")]
        self.shoe = dict(zip(keys, torch.from_numpy(test.side("b")).flatten(1).float() / 255, strict=True))
        self.noise = noise

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"nobody": [self.scale]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("nobody", {"nothing": self.scale})

    def encode_domain(self, x: Tensor, side: Side) -> Tensor:
        pixels = ((x + 1) * 127.5).round().to(torch.uint8)
        if side == "b":
            return pixels.float().flatten(1) / 255
        found = [self.shoe[one.permute(1, 2, 0).numpy().tobytes()] for one in pixels]
        return torch.stack(found) + self.noise * torch.randn(len(found), len(found[0]))


def test_a_space_that_is_shared_finds_every_partner_and_noise_finds_none(shoes: PairedImages) -> None:
    torch.manual_seed(0)
    share = {noise: find_partners(judged(Knows(shoes, noise), shoes)) for noise in (0, 100)}
    assert share[0]["partner_found"] == 1
    assert share[100]["partner_found"] < 0.1
    assert share[0]["partner_found_chance"] == 0.01
    assert share[0]["partner_found_low"] == 1


def test_pixels_are_a_control(shoes: PairedImages) -> None:
    found = find_partners(judged(Knows(shoes, 0), shoes))
    assert 0 <= found["partner_found_pixels"] < 0.3, "a drawing is no shoe"


def test_the_nearest_is_by_distance_and_row() -> None:
    a = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
    b = np.array([[0.9, 0.0], [0.0, 0.4], [0.0, 4.0]])
    assert partner_is_nearest(a, b).tolist() == [0.0, 0.0, 1.0]
    assert partner_is_nearest(a, a).tolist() == [1.0, 1.0, 1.0]


def test_codes_do_not_depend_on_the_batch_size(shoes: PairedImages) -> None:
    model, images = Knows(shoes, 0), shoes.split("test").side("a")[:10]
    one, other = (encode_side(judged(model, shoes, sample=SampleSettings(batch_size=n)), images, "a") for n in (3, 10))
    assert len(one) == 10
    assert np.array_equal(one, other)
    assert np.abs(one).sum() > 0
    assert model.training, "it is left in the mode in which it came"
