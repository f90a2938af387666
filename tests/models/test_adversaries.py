"""What the GANs have in common, whatever they are told."""

from typing import Any

import pytest
import torch

from genlab.models.base import Model
from genlab.models.cgan import CGAN
from genlab.models.dcgan import DCGAN
from genlab.models.text_gan import TextGAN

NARROW: dict[str, Any] = {"image_size": 32, "channels": 1, "generator_width": 4, "discriminator_width": 4}
MODELS = {"dcgan": DCGAN, "cgan": CGAN, "text_gan": TextGAN}
BATCH = {"images": torch.zeros(6, 1, 32, 32), "labels": torch.arange(6), "captions": torch.arange(1, 7)[:, None]}


def build(name: str) -> Any:
    torch.manual_seed(0)
    return MODELS[name](**NARROW)


@pytest.mark.parametrize("name", MODELS)
def test_the_discriminators_turn_does_not_reach_the_generator(name: str) -> None:
    model: Model = build(name)
    torch.stack(list(next(model.turns(BATCH, 0)).terms.values())).sum().backward()
    assert all(p.grad is None for p in model.players()["generator"])
    assert any(p.grad is not None for p in model.players()["discriminator"])
