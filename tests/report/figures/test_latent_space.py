import numpy as np
import torch
from scipy import stats

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.vae import VAE
from genlab.nn.priors import make_prior
from genlab.report.figures import latent_space
from genlab.report.figures.latent_space import (
    STEPS,
    draw_manifold,
    interpolate,
    manifold_latents,
    most_used,
)  # fmt: skip
from genlab.report.registry import figure
from tests.judging import judged


def test_the_manifold_of_a_normal_is_even_in_probability() -> None:
    """Kingma and Welling 2014, figure 4: the inverse distribution function of a grid over the unit square."""
    z = manifold_latents(make_prior("standard_normal", 2), side=4)
    np.testing.assert_allclose(stats.norm.cdf(z[:4, 0]), [1 / 8, 3 / 8, 5 / 8, 7 / 8], atol=1e-6)
    assert z[0, 1] > z[-1, 1], "the second latent grows upwards"
    roll = make_prior("swiss_roll", 2)
    assert np.abs(manifold_latents(roll)).max() == np.float32(roll.extent)


def test_images_of_the_manifold_stand_where_their_latents_are(few_images: LabelledImages) -> None:
    model = VAE(image_size=4, channels=1, latent_dim=2, network="linear", pixels="gaussian")
    torch.nn.init.zeros_(model.decoder[0][0].bias)
    with torch.no_grad():  # brighter to the right, and nothing else
        model.decoder[0][0].weight.copy_(torch.tensor([[0.3, 0.0]]).expand(16, 2))
    picture = draw_manifold(judged(model, few_images))[:, :, 0].astype(int)
    assert (picture[0] == picture[-1]).all()
    assert picture[0, -1] > picture[0, len(picture) // 2] > picture[0, 0]


def test_the_most_used_latent_comes_first(rng: np.random.Generator) -> None:
    assert most_used(rng.normal(size=(200, 3)) * [0.1, 2.0, 1.0]).tolist() == [1, 2, 0]


def test_a_way_is_straight_and_ends_where_it_should() -> None:
    ways = interpolate(np.zeros((2, 3)), np.ones((2, 3))).reshape(2, STEPS, 3)
    np.testing.assert_allclose(ways[0, :, 0], np.linspace(0, 1, STEPS), atol=1e-6)


def figures_of(model: VAE, images: LabelledImages) -> dict[str, np.ndarray]:
    case, found = judged(model, images, split="train"), {}
    for entry in figure.all:
        if entry.function.__module__ == latent_space.__name__ and all(isinstance(model, one) for one in entry.needs):
            found |= entry.function(case)
    return found


def test_a_vae_shows_all_there_is_to_see(few_images: LabelledImages) -> None:
    two, three = (VAE(image_size=32, channels=1, latent_dim=n, width=4) for n in (2, 3))
    names = {"interpolations", "traversals", "latents_over_prior"}
    assert set(figures_of(two, few_images)) == {*names, "manifold"}
    figures = figures_of(three, few_images)
    assert set(figures) == names
    assert all(f.dtype == np.uint8 and f.ndim == 3 and min(f.shape[:2]) > 60 for f in figures.values())
