"""What Reed et al. 2016 claim of GAN-CLS."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from genlab.errors import GenlabError
from genlab.models.text_gan import TextEncoder, TextGAN, discriminator_loss, draw_wrong, generator_loss
from genlab.nn.noise import Chance

SMALL = {
    "image_size": 32, "channels": 1, "words": 9, "generator_width": 4, "discriminator_width": 4, "code_dim": 8,
    "compressed_dim": 8,
}  # fmt: skip
CAPTIONS = torch.tensor([[1, 2, 3], [1, 2, 0], [1, 2, 3], [4, 0, 0], [1, 2, 0], [5, 6, 7]])


def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"images": torch.rand(6, 1, 32, 32) * 2 - 1, "captions": CAPTIONS}


def test_wrong_captions_always_differ() -> None:
    torch.manual_seed(0)
    for _ in range(200):
        captions = torch.randint(0, 3, (16, 2))
        wrong, there_is = draw_wrong(captions)
        assert (captions[wrong] != captions).any(dim=1)[there_is].all()
        others = (captions[:, None] != captions[None]).any(dim=2).any(dim=1)
        assert torch.equal(there_is, others)


def test_every_other_caption_can_be_the_wrong_one() -> None:
    torch.manual_seed(0)
    drawn = {draw_wrong(CAPTIONS)[0][0].item() for _ in range(100)}
    assert drawn == {1, 3, 4, 5}, "row 2 has the caption of row 0"


def test_where_all_captions_are_equal_no_pair_is_wrong() -> None:
    model = TextGAN(**SMALL)
    same = {**batch(), "captions": CAPTIONS[:1].expand(6, 3).clone()}
    _, there_is = draw_wrong(same["captions"])
    assert not there_is.any()
    assert torch.isfinite(next(model.turns(same, 0)).terms["d_matching"])


def test_the_losses_are_those_of_algorithm_1() -> None:
    torch.manual_seed(0)
    r, w, f = torch.randn(3, 50, dtype=torch.float64)
    s_r, s_w, s_f = r.sigmoid(), w.sigmoid(), f.sigmoid()
    expected = -(s_r.log() + ((1 - s_w).log() + (1 - s_f).log()) / 2)  # line 9, which is ascended
    torch.testing.assert_close(discriminator_loss(r, w, f), expected)
    torch.testing.assert_close(generator_loss(f), -s_f.log())  # line 11


def test_a_discriminator_that_cannot_match_pays_for_it() -> None:
    """Blind to the caption, s_r = s_w: the loss is least at s_r = s_w = 2/3, and is then above 0 even with s_f = 0."""
    score = torch.linspace(-5, 5, 10001, dtype=torch.float64)
    loss = discriminator_loss(score, score, torch.full_like(score, -50.0))
    assert score[loss.argmin()].sigmoid().item() == pytest.approx(2 / 3, abs=1e-3)
    assert loss.min().item() > 0.9


@pytest.mark.parametrize("kind", ["gru", "mean"])
def test_padding_does_not_matter_but_words_do(kind: str) -> None:
    torch.manual_seed(0)
    encoder = TextEncoder(9, 8, kind)
    code = encoder(torch.tensor([[3, 4]]))
    torch.testing.assert_close(encoder(torch.tensor([[3, 4, 0, 0]])), code)
    assert (encoder(torch.tensor([[3, 5]])) - code).abs().max() > 1e-3
    swapped = (encoder(torch.tensor([[4, 3]])) - code).abs().max().item()
    assert (swapped > 1e-3) == (kind == "gru"), "to a mean, order is nothing"


def test_the_mean_is_that_of_the_words() -> None:
    encoder = TextEncoder(9, 8, "mean")
    torch.testing.assert_close(encoder(torch.tensor([[2, 7, 0]]))[0], encoder.embed.weight[[2, 7]].mean(dim=0))


def test_projection_is_its_definition() -> None:
    """D(x, t) = (V phi(t))^T h + psi(h): what is the same for every caption, and what is linear in it."""
    torch.manual_seed(0)
    model = TextGAN(**SMALL, discriminator="projection").double()
    judge, code = model.discriminator, torch.randn(6, 8, dtype=torch.float64)
    h = torch.rand(6, 8 * 2, 4, 4, dtype=torch.float64)
    v, bias = judge.embed.weight, judge.embed.bias
    expected = torch.einsum("be,de,bdij->b", code, v, h) + torch.einsum("d,bdij->b", bias, h)
    torch.testing.assert_close(judge.judge(h, code), expected + judge.network.score(h).flatten())


@pytest.mark.parametrize("kind", ["concatenation", "projection"])
def test_the_caption_matters_to_both_players(kind: str) -> None:
    torch.manual_seed(0)
    model = TextGAN(**SMALL, discriminator=kind)
    seen, code = model.discriminator.features(batch()["images"]), model.encoder(CAPTIONS)
    assert (model.discriminator.judge(seen, code) != model.discriminator.judge(seen, code.roll(3, dims=0))).any()
    start = torch.cat([torch.randn(6, 100), code.detach()], dim=1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.generator(start).square().sum(), start)
    assert (gradient[:, 100:].abs().sum(dim=1) > 0).all()


def test_the_encoder_is_taught_by_the_discriminator_alone() -> None:
    torch.manual_seed(0)
    model = TextGAN(**SMALL)
    turns = model.turns(batch(), 0)
    weight = model.encoder.embed.weight
    (gradient,) = torch.autograd.grad(sum(next(turns).terms.values()), weight)
    assert gradient[CAPTIONS.unique()].abs().sum() > 0
    term = next(turns).terms["g_adversarial"]
    assert torch.autograd.grad(term, weight, allow_unused=True) == (None,)


def test_real_images_with_wrong_captions_are_what_teaches_matching() -> None:
    """The loss falls by the wrong pairs' part alone when their scores fall."""
    on_right, on_fake = torch.zeros(4), torch.zeros(4)
    change = discriminator_loss(on_right, torch.full((4,), -9.0), on_fake) - discriminator_loss(
        on_right, torch.zeros(4), on_fake
    )
    torch.testing.assert_close(change, (F.softplus(torch.tensor(-9.0)) - F.softplus(torch.tensor(0.0))).expand(4) / 2)


def record_scores(model: TextGAN) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The codes that the discriminator is given and the scores that it gives, call by call."""
    calls: list[tuple[torch.Tensor, torch.Tensor]] = []
    judge = model.discriminator.judge

    def spy(features: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        scores = judge(features, code)
        calls.append((code.detach(), scores.detach()))
        return scores

    model.discriminator.judge = spy
    return calls


def test_the_second_third_of_a_discriminators_batch_has_wrong_captions() -> None:
    torch.manual_seed(0)
    model = TextGAN(**SMALL)
    calls = record_scores(model)
    next(model.turns(batch(), 0))
    right, wrong, fake = calls[0][0].chunk(3)
    assert torch.equal(right, fake)
    assert (right != wrong).any(dim=1).all()


def test_an_image_without_a_wrong_caption_is_not_counted_as_a_wrong_pair() -> None:
    torch.manual_seed(0)
    model = TextGAN(**SMALL)
    calls = record_scores(model)
    term = next(model.turns({**batch(), "captions": CAPTIONS[:1].expand(6, -1)}, 0)).terms["d_matching"]
    right, _, fake = calls[0][1].chunk(3)
    torch.testing.assert_close(term, (F.softplus(-right) + F.softplus(fake) / 2).mean())


def test_drawings_follow_the_caption_and_the_noise() -> None:
    torch.manual_seed(0)
    model = TextGAN(**{**SMALL, "generator_width": 16}).eval()
    one, other = (model.sample(2, Chance.of(0, range(2)), CAPTIONS[[k, k]]) for k in (0, 3))
    assert not np.allclose(one.detach(), other.detach(), atol=1e-7)
    assert not np.allclose(one[0].detach(), one[1].detach(), atol=1e-7)


def test_data_without_captions_are_refused() -> None:
    with pytest.raises(GenlabError, match=r"draws after captions, but the images have none; set data\.captions"):
        TextGAN(words=0)


def test_drawing_without_a_caption_is_refused() -> None:
    with pytest.raises(GenlabError, match="must be told captions"):
        TextGAN(**SMALL).sample(2, Chance.of(0, range(2)))
