"""Applying a model in batches, and chance by picture."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.models.pix2pix import Pix2Pix
from genlab.models.vae import VAE
from genlab.nn.noise import Chance
from genlab.sampling.apply import apply
from genlab.sampling.case import Case
from genlab.sampling.draw import decode_latents, draw_codes, draw_latents
from tests.judging import judged

LIKE = torch.zeros((), dtype=torch.float64)


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(image_size=4, latent_dim=3, width=4)


def every(chance: Chance) -> list[Tensor]:
    """A draw of each kind, small and large, from the same streams one after the other."""
    return [
        chance.normal((3,), LIKE), chance.normal((40,), LIKE), chance.uniform((), LIKE, -1.0, 1.0),
        chance.integers(9, (2, 2), LIKE), chance.bernoulli(0.3, (17,), LIKE),
    ]  # fmt: skip


def test_a_stream_depends_on_seed_and_number_alone() -> None:
    together = every(Chance.of(5, range(10)))
    for alone, among in zip(every(Chance.of(5, [7])), together, strict=True):
        assert torch.equal(alone[0], among[7])
    for other in (Chance.of(6, [7]), Chance.of(5, [8])):
        assert not torch.equal(every(other)[0][0], together[0][7])


def test_chance_has_the_distributions_it_names() -> None:
    normal, _, uniform, integers, bernoulli = every(Chance.of(0, range(4000)))
    assert normal.mean().item() == pytest.approx(0.0, abs=0.03)
    assert normal.var().item() == pytest.approx(1.0, rel=0.05)
    assert uniform.min().item() == pytest.approx(-1, abs=0.01)
    assert uniform.max().item() == pytest.approx(1, abs=0.01)
    assert sorted(integers.unique().tolist()) == list(range(9))
    assert bernoulli.mean().item() == pytest.approx(0.3, abs=0.02)


def test_every_picture_wants_a_stream_of_its_own(model: VAE) -> None:
    with pytest.raises(ValueError, match="4 pictures are drawn with the streams of 3"):
        model.draw_latents(4, Chance.of(0, range(3)))


def test_rows_of_every_kind_reach_the_model_as_it_wants_them(model: VAE) -> None:
    seen: list[tuple[Tensor | None, ...]] = []

    def call(chance: Chance, *rows: Tensor | None) -> Tensor:
        seen.append(rows)
        assert not model.training
        return torch.full((len(chance), 1), float(len(chance)))

    rows = (np.full((5, 4, 4, 1), 255, np.uint8), np.zeros((5, 3)), np.arange(5), None)
    found = apply(model.train(), call, range(5), *rows, batch_size=2)
    assert found.ravel().tolist() == [2, 2, 2, 2, 1]
    pixels, vectors, labels, nothing = seen[1]
    assert torch.is_tensor(pixels)
    assert torch.equal(pixels, torch.ones(2, 1, 4, 4))
    assert torch.is_tensor(vectors)
    assert vectors.dtype == torch.float32, "the model's type"
    assert torch.is_tensor(labels)
    assert labels.tolist() == [2, 3]
    assert nothing is None
    assert model.training, "the model is left in the mode in which it came"


def test_codes_and_latents_do_not_depend_on_the_batch(
    model: VAE, few_images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 1), dtype=np.uint8)
    case = judged(model, few_images)

    def all_of_it() -> Sequence[np.ndarray]:
        z = draw_latents(case, 10)
        return z, draw_codes(case, images, seed=1), decode_latents(case, z)

    whole = all_of_it()
    monkeypatch.setattr(Case.apply, "__kwdefaults__", {**(Case.apply.__kwdefaults__ or {}), "batch_size": 3})
    for one, other in zip(whole, all_of_it(), strict=True):
        np.testing.assert_allclose(one.astype(float), other.astype(float), rtol=1e-5, atol=1)


def test_the_bound_of_an_image_does_not_depend_on_its_batch(model: VAE) -> None:
    x = torch.rand(10, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for effort in (1, 3, 900):
        among = model.log_prob(x, Chance.of(0, range(10)), effort)
        alone = model.log_prob(x[7:8], Chance.of(0, [7]), effort)
        torch.testing.assert_close(alone, among[7:8], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.zeros((2, 32, 32, 1), np.int64), "are int64: give them as a store has them, uint8 or uint16"),
        (np.zeros((2, 30, 30, 1), np.uint8), r"Pix2Pix cannot take rows of the shapes \(2, 30, 30, 1\)"),
        (np.zeros((2, 32, 32, 3), np.uint8), r"cannot take rows of the shapes \(2, 32, 32, 3\): .*channels"),
    ],
)
def test_what_a_model_cannot_take_is_one_line(rows: np.ndarray, said: str) -> None:
    model = Pix2Pix(image_size=32, channels_a=1, generator_width=2, discriminator_width=2)
    with pytest.raises(GenlabError, match=said):
        apply(model, lambda rng, x: model.translate(x, "b", rng), range(2), rows, depth=np.uint8)
