"""What Mirza and Osindero, and Miyato and Koyama, claim of their networks."""

import numpy as np
import pytest
import torch
from torch import nn

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.store import ImageStore
from genlab.errors import GenlabError
from genlab.models.cgan import CGAN, ConcatenationDiscriminator, one_hot, projection_discriminator
from genlab.nn.conditional import beside
from genlab.nn.noise import Chance
from genlab.sampling.case import Case
from genlab.sampling.draw import draw_samples
from genlab.sampling.settings import SampleSettings
from genlab.training.fit import Job, build_training
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings

SMALL = {"generator_width": 4, "discriminator_width": 4}


def batch(count: int = 6, classes: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"images": torch.rand(count, 1, 32, 32) * 2 - 1, "labels": torch.arange(count) % classes}


def test_projection_is_its_definition() -> None:
    """D(x|y) = y^T V phi(x) + psi(phi(x)): with one-hot y and matrix V, by hand."""
    torch.manual_seed(1)
    judge = projection_discriminator(1, 32, 4, classes=3, spectral_norm=False).eval()
    nn.init.normal_(judge.embed.weight)
    x, y = batch()["images"], batch()["labels"]
    phi = judge.network.features(x)
    v = judge.embed.weight  # (K, D)
    expected = torch.einsum("bk,kd,bdij->b", one_hot(y, 3, like=x), v, phi) + judge.network(x)
    torch.testing.assert_close(judge(x, y), expected)


def test_projection_tells_classes_apart_by_a_linear_rule_only() -> None:
    """D(x|y) - D(x|y') = (v_y - v_y')^T phi(x): the model's log-likelihood ratio between classes; section 3."""
    torch.manual_seed(1)
    judge = projection_discriminator(1, 32, 4, classes=3, spectral_norm=False).eval()
    x = batch()["images"]
    zeros, ones = torch.zeros(6, dtype=torch.long), torch.ones(6, dtype=torch.long)
    phi = judge.network.features(x).sum(dim=(2, 3))
    expected = phi @ (judge.embed.weight[0] - judge.embed.weight[1])
    torch.testing.assert_close(judge(x, zeros) - judge(x, ones), expected, rtol=1e-4, atol=1e-5)


def test_concatenation_puts_the_one_hot_class_beside_every_pixel() -> None:
    x, y = batch()["images"], batch()["labels"]
    together = beside(x, one_hot(y, 3, like=x))
    assert together.shape == (6, 4, 32, 32)
    assert torch.equal(together[:, :1], x)
    assert torch.equal(together[:, 1:].mean(dim=(2, 3)), torch.eye(3)[y])
    assert torch.equal(together[:, 1:].argmax(dim=1), y[:, None, None].expand(6, 32, 32))


@pytest.mark.parametrize("kind", ["concatenation", "projection"])
def test_the_class_matters_to_both_players(kind: str) -> None:
    torch.manual_seed(0)
    model = CGAN(classes=3, discriminator=kind, **SMALL)
    given = batch()
    x, y = given["images"], given["labels"]
    first, second = (model.discriminator(x, (y + shift) % 3) for shift in (0, 1))
    assert ((first - second).abs() > 0).all()
    z = model.draw_latents(6, Chance.of(0, range(6)))
    told = model.told(z, y).requires_grad_()
    (gradient,) = torch.autograd.grad(model.generator(told).square().sum(), told)
    assert (gradient[:, model.latent_dim :].abs().sum(dim=1) > 0).all()
    assert torch.equal(told[:, model.latent_dim :], torch.eye(3)[y])


def test_spectral_norm_holds_the_embedding_too() -> None:
    torch.manual_seed(0)
    judge = projection_discriminator(1, 32, 4, classes=3, spectral_norm=True)
    for _ in range(20):
        judge(batch()["images"], batch()["labels"])
    assert torch.linalg.matrix_norm(judge.embed.weight, 2).item() == pytest.approx(1, abs=0.02)


def test_the_objective_is_equation_2() -> None:
    """In float64 and by its own words: log D(x|y) + log(1 - D(G(z|y)))."""
    torch.manual_seed(0)
    model = CGAN(classes=3, noise="normal", **SMALL).double()
    given = {"images": batch()["images"].double(), "labels": batch()["labels"]}
    torch.manual_seed(5)
    term = next(model.turns(given, 0)).terms["d_adversarial"]
    torch.manual_seed(5)
    z = torch.empty(6, model.latent_dim, dtype=torch.float64).normal_()
    drawn = model.generator(torch.cat([z, torch.eye(3, dtype=torch.float64)[given["labels"]]], dim=1))
    real = model.discriminator(given["images"], given["labels"]).sigmoid()
    fake = model.discriminator(drawn, given["labels"]).sigmoid()
    assert term.item() == pytest.approx((-real.log() - (1 - fake).log()).mean().item(), rel=1e-9)


@pytest.mark.parametrize(("classes", "found"), [(0, "have no classes"), (1, "have 1 class;")])
def test_fewer_than_two_classes_are_refused(classes: int, found: str) -> None:
    with pytest.raises(GenlabError, match=found):
        CGAN(classes=classes)


def test_sizes_that_the_networks_cannot_make_are_refused() -> None:
    with pytest.raises(GenlabError, match="cgan cannot halve images of 48 pixels"):
        CGAN(image_size=48)


def test_drawing_without_a_class_is_refused() -> None:
    with pytest.raises(GenlabError, match="must be told labels"):
        CGAN(**SMALL).sample(2, Chance.of(0, range(2)))


@pytest.mark.parametrize("kind", ["concatenation", "projection"])
def test_after_training_the_class_of_a_drawing_follows_its_label(
    kind: str, fashion: LabelledImages, tmp_path: object
) -> None:
    """Two classes a child can tell apart: bright above, or bright below."""
    rng = np.random.default_rng(0)
    table = fashion.split("train").table.head(128).copy()
    table["label"] = np.where(np.arange(128) % 2 == 0, "above", "below")
    pixels = rng.integers(0, 40, (128, 32, 32, 1), dtype=np.uint8)
    pixels[::2, :16] += 200
    pixels[1::2, 16:] += 200
    store = ImageStore(pixels, fashion.store.table.iloc[table["row"]].reset_index(drop=True))
    examples = LabelledImages(table.assign(row=np.arange(128)), store, ("above", "below"))
    settings = TrainingSettings.of(
        CGAN.recipe, {"steps": 100, "batch_size": 16, "learning_rate": 2e-3, "accelerator": "cpu"}
    )
    arguments = {"generator_width": 8, "discriminator_width": 8, "discriminator": kind}
    job = Job(model="cgan", arguments=arguments, examples=examples, settings=settings, seed=0, snapshots=tmp_path)
    training = build_training(job, open_machine(settings))
    for _ in training.run():
        pass
    told = np.arange(40) % 2
    drawn = draw_samples(Case(training.model, examples, SampleSettings()), 40, told).astype(float)
    above = drawn[:, :16].mean(axis=(1, 2, 3)) > drawn[:, 16:].mean(axis=(1, 2, 3))
    assert (above == (told == 0)).mean() >= 0.9


def test_concatenation_and_projection_are_of_one_kind() -> None:
    """Both judge (image, class) and give one score for each."""
    for kind in (ConcatenationDiscriminator, projection_discriminator):
        assert kind(1, 32, 4, 3, False)(batch()["images"], batch()["labels"]).shape == (6,)
