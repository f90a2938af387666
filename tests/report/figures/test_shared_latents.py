"""One latent in two domains, as a picture."""

import torch

from genlab.data.arrange.pairs import PairedImages
from genlab.models.unit import UNIT
from genlab.report.figures.shared_latents import draw_shared_latents
from tests.judging import judged


def test_each_column_is_one_latent_in_both_domains(shoes: PairedImages) -> None:
    torch.manual_seed(0)
    model = UNIT(image_size=32, channels_a=1, channels_b=1, generator_width=2, discriminator_width=2,
                 receptive_field=16, blocks=2)  # fmt: skip
    grid = draw_shared_latents(judged(model, shoes))["shared_latents"]
    assert grid.shape[1] > 10 * 64
    assert 4 * 64 < grid.shape[0] < 5 * 64, "two walks, each drawn as a and as b"
    assert model.training
