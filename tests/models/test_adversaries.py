"""What the GANs have in common, whatever they are told."""

from typing import Any

import pytest
import torch

from genlab.models.base import Model
from genlab.models.cgan import CGAN
from genlab.models.dcgan import DCGAN
from genlab.models.text_gan import TextGAN

NARROW: dict[str, Any] = {"image_size": 32, "channels": 1, "generator_width": 4, "discriminator_width": 4, "ema": 0.5}
MODELS = {"dcgan": DCGAN, "cgan": CGAN, "text_gan": TextGAN}
TOLD = {"dcgan": None, "cgan": torch.arange(6), "text_gan": torch.arange(1, 7)[:, None]}
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


@pytest.mark.parametrize("name", MODELS)
def test_a_step_ends_with_the_average_of_the_generators_weights(name: str) -> None:
    model = build(name)
    before = [p.detach().clone() for p in model.generator.parameters()]
    with torch.no_grad():
        for p in model.generator.parameters():
            p += 1
    for _ in model.turns(BATCH, 1000):
        pass
    averaged = model.average.averaged()
    for (key, _), old in zip(model.generator.named_parameters(), before, strict=True):
        torch.testing.assert_close(averaged[key], old + 0.5)
    model.eval()
    drawn = model.decode(model.draw_latents(6, torch.Generator().manual_seed(0)), TOLD[name])
    model.generator.load_state_dict(averaged, strict=False)
    model.average = None
    again = model.decode(model.draw_latents(6, torch.Generator().manual_seed(0)), TOLD[name])
    torch.testing.assert_close(drawn, again)
