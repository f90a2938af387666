"""What is of WaveNet alone: recordings that end, what they are told, windows, lengths."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.models.wavenet import BINS, WaveNet
from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law
from genlab.nn.noise import Chance
from genlab.nn.recordings import with_context

LENGTH, CLASSES, GROUPS = 120, 3, 2
DOUBLE = torch.zeros(1, dtype=torch.float64)


def make(**changes: Any) -> WaveNet:
    torch.manual_seed(0)
    given = {"samples": LENGTH, "classes": CLASSES, "groups": GROUPS, **WaveNet.small(), "window": 16, **changes}
    model = WaveNet(**given).double()
    for parameter in model.parameters():
        parameter.data.mul_(2)
    return model


def recordings(*lengths: int) -> Tensor:
    """Sound of these lengths, (B, 1, LENGTH), NaN from its end on."""
    torch.manual_seed(1)
    x = decode_mu_law(torch.randint(LEVELS, (len(lengths), 1, LENGTH)), DOUBLE)
    for row, length in zip(x, lengths, strict=True):
        row[:, length:] = torch.nan
    return x


def batch_of(x: Tensor) -> dict[str, Tensor]:
    many = len(x)
    return {"images": x, "labels": torch.arange(many) % CLASSES, "groups": torch.arange(many) % GROUPS}


def chance(n: int, seed: int = 0) -> Chance:
    return Chance.of(seed, range(n))


def test_the_paper_sees_3070_samples_and_a_stack_of_nine_512() -> None:
    assert WaveNet().receptive_field == 3070
    assert WaveNet(layers=9, stacks=1).receptive_field == 512


def test_a_sample_changes_what_follows_it_within_the_receptive_field() -> None:
    model = make()
    level, y = torch.randint(LEVELS, (1, LENGTH)), torch.tensor([[1, 0]])
    other = level.clone()
    other[0, 40] = (level[0, 40] + 100) % LEVELS
    with torch.no_grad():
        one, two = (
            model.logits(with_context(some, model.receptive_field), torch.zeros(1, dtype=torch.long), y)[:, 0]
            for some in (level, other)
        )
    changed = ((one - two).abs().sum(dim=1) > 0).nonzero()[:, 0].tolist()
    assert changed == list(range(41, 41 + model.receptive_field))


@pytest.mark.parametrize("clock", [0, 4])
@torch.no_grad()
def test_a_log_likelihood_is_the_sum_over_the_samples_there_are(clock: int) -> None:
    model, x = make(clock=clock), recordings(1, 15, 16, 17, 50, LENGTH)
    y = torch.tensor([[0, 0], [1, 1], [2, -1], [-1, 0], [-1, -1], [2, 1]])
    level = encode_mu_law(x[:, 0])
    logits = model.logits(with_context(level, model.receptive_field), torch.zeros(6, dtype=torch.long), y).log_softmax(
        dim=2
    )  # (T, B, 256)
    each = logits.gather(2, level.clamp(max=LEVELS - 1).T[:, :, None])[:, :, 0].T
    wanted = (each * (level != NOTHING)).sum(dim=1)
    torch.testing.assert_close(model.log_prob_given(x, y), wanted)
    for window in (1, 7, LENGTH):
        model.window = window
        torch.testing.assert_close(model.log_prob_given(x, y), wanted)
    longer = torch.cat([x, torch.full_like(x, torch.nan)], dim=2)
    torch.testing.assert_close(model.log_prob_given(longer, y), wanted)


@torch.no_grad()
def test_all_recordings_of_two_samples_together_have_probability_one() -> None:
    model = make(samples=2, layers=1, window=2)
    every = torch.cartesian_prod(torch.arange(LEVELS), torch.arange(LEVELS))
    log_prob = torch.cat([model.log_prob(decode_mu_law(x, DOUBLE)[:, None], chance(1), 1) for x in every.split(8192)])
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-9)
    assert log_prob.std() > 0.1


@torch.no_grad()
def test_a_density_is_the_mean_over_all_labels_and_groups() -> None:
    model, x = make(), recordings(5, 9)
    given = [model.log_prob_given(x, torch.tensor([[k, g]] * 2)).exp() for k in range(CLASSES) for g in range(GROUPS)]
    assert torch.stack(given).std(dim=0).min() > 0
    torch.testing.assert_close(model.log_prob(x, chance(2), 1).exp(), sum(given) / len(given))
    untold = make(classes=0, groups=0)
    torch.testing.assert_close(untold.log_prob(x, chance(2), 1), untold.log_prob_given(x, torch.full((2, 2), -1)))


def test_a_clock_tells_when_a_sample_is_and_stands_still_before_the_beginning() -> None:
    model = make(clock=4)
    h, place = model.one_hot(torch.tensor([[0, 0], [1, 1]])), torch.arange(-3, 50)[:, None]
    found = model.clock(h, place)
    assert found.shape == (53, 2, 4)
    torch.testing.assert_close(found[:3], found[3:4].expand(3, -1, -1))
    assert (found[3:].diff(dim=0).abs().amax(dim=2) > 0).all()
    torch.testing.assert_close(found[13:14, 1:], model.clock(h[:, 1:], torch.tensor([[10]])))
    assert model.clock is not None
    assert make().clock is None


def test_a_label_that_is_not_known_adds_nothing() -> None:
    model, x = make(), recordings(30)
    unknown = model.log_prob_given(x, torch.tensor([[-1, -1]]))
    for y in ([0, -1], [-1, 0]):
        assert not torch.equal(unknown, model.log_prob_given(x, torch.tensor([y])))
    torch.nn.init.zeros_(model.network.tell.weight)
    torch.testing.assert_close(unknown, model.log_prob_given(x, torch.tensor([[2, 1]])))


def test_the_loss_is_the_mean_over_the_levels_there_are() -> None:
    model, x = make(window=LENGTH), recordings(20, 60, LENGTH)
    (turn,) = model.turns(batch_of(x), 0)
    y = model.told(batch_of(x))
    mean = -model.log_prob_given(x, y).sum() / 200
    torch.testing.assert_close(turn.terms["nll"], mean)
    torch.testing.assert_close(turn.metrics["bits_per_dim"], mean.detach() / math.log(2))
    assert torch.equal(model.validation(batch_of(x), chance(3)), -model.log_prob_given(x, y))


def test_a_drawing_is_as_long_as_the_median_of_what_was_told_the_same() -> None:
    model, within = make(), (LENGTH + 1) / BINS + 1
    lengths, labels, groups = [20, 30, 90, 70, 71, 72], [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]
    batch = {"images": recordings(*lengths), "labels": torch.tensor(labels), "groups": torch.tensor(groups)}
    list(model.turns(batch, 0))
    told = torch.tensor([[0, 0], [1, 1], [2, 0]])
    drawn = model.sample(3, chance(3), told)
    assert drawn.shape == (3, 1, LENGTH)
    found = drawn.isfinite().sum(dim=2)[:, 0]
    assert (found - torch.tensor([30, 71, 70])).abs().max() <= within  # the last pair was not seen: of all
    assert abs(model.median_length(torch.tensor([[0, -1]])).item() - 30) <= within, "of those with the same label"
    whole = make()
    whole.remember(recordings(LENGTH), torch.tensor([[0, 0]]))
    assert whole.median_length(told[:1]).item() == LENGTH
    for row, length in zip(drawn, found, strict=True):
        assert row[:, :length].isfinite().all()
        assert row[:, length:].isnan().all()


@pytest.mark.parametrize("clock", [0, 4])
def test_a_low_temperature_draws_what_is_most_probable(clock: int) -> None:
    model, told = make(clock=clock), torch.tensor([[0, 0], [1, 1]])
    model.remember(recordings(60), torch.tensor([[-1, -1]]))
    one, other, cold, again = (
        model.sample(2, chance(2, seed), told, temperature=t) for seed, t in ((0, 1.0), (1, 1.0), (0, 1e-4), (1, 1e-4))
    )
    assert not torch.equal(encode_mu_law(one), encode_mu_law(other))
    assert torch.equal(encode_mu_law(cold), encode_mu_law(again))
    level = encode_mu_law(cold[:, 0])
    best = (
        model.logits(with_context(level, model.receptive_field), torch.zeros(2, dtype=torch.long), told).argmax(dim=2).T
    )
    there = level != NOTHING
    assert there.sum() > 100
    assert torch.equal(best[there], level[there])


def test_a_completion_keeps_its_beginning_and_takes_the_label_that_it_tells() -> None:
    model = make(classes=2, groups=0)
    model.network.tell.weight.data.mul_(3)  # labels sound different
    model.network.logits.weight.data.mul_(6)
    model.remember(recordings(50, 100), torch.tensor([[0, -1], [1, -1]]))
    told = torch.arange(2).repeat_interleave(4)
    x = model.sample(8, chance(8), told)
    known = torch.arange(LENGTH).expand(8, 1, -1) < 40
    drawn = model.complete(x, known, chance(8, 1))
    assert torch.equal(drawn[known], x[known])
    assert torch.equal(drawn.isfinite().sum(dim=(1, 2)), x.isfinite().sum(dim=(1, 2)))
    assert not torch.equal(encode_mu_law(drawn), encode_mu_law(x))
    other = model.sample(8, chance(8), 1 - told)  # what is hidden has no say
    for hidden in (torch.where(known, x, 0.5), torch.where(known, x, other)):
        assert torch.equal(encode_mu_law(model.complete(hidden, known, chance(8, 1))), encode_mu_law(drawn))


def test_a_recording_that_has_ended_stays_so() -> None:
    model, x = make(), recordings(30, 100)
    model.remember(recordings(100, 100), torch.tensor([[0, 0], [1, 1]]))
    drawn = model.complete(x, torch.arange(LENGTH).expand(2, 1, -1) < 40, chance(2))
    assert torch.equal(drawn[0].isfinite(), x[0].isfinite())
    assert drawn[1].isfinite().sum() > 40
