"""WaveNet: sound as a sequence of samples, each predicted by dilated causal convolutions from those before it.

Van den Oord et al. 2016, arXiv:1609.03499.

B recordings, T samples, C residual channels, S skip channels, K labels, G groups, H = K + G numbers of a condition. x
is a recording in [-1, 1], NaN from its end on. What the model predicts are its levels by the mu-law, 0 to 255. y is
what a recording is told: its label and its group, such as its speaker. Log-probabilities are in nats, one for each
recording, of all of its levels and no other: how long it is, is not predicted.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genlab.models.base import (
    Batch,
    Completes,
    Condition,
    Family,
    Model,
    Recipe,
    Samples,
    ScoresDensity,
    Turn,
    Validates,
)
from genlab.nn.dilated import HIDDEN, DilatedNetwork, draw_levels
from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law
from genlab.nn.noise import Chance
from genlab.nn.pixels import draw_category
from genlab.nn.recordings import PART, Sound, count_samples, every_window, nll_of_levels, random_windows

Levels = Int[Tensor, "b t"]
Told = Int[Tensor, "b 2"]
PerRecording = Float[Tensor, " b"]
Temperature = Annotated[float, Gt(0)]
BINS = 256  # of the histogram of lengths


class Clock(nn.Module):
    """When a sample is, together with what its recording is told, as something to add to the features of a level.

    The paper has none: its receptive field is wide enough to know what has been said. Where it is not, a clock keeps
    the sounds of a word in their order.
    """

    pitches: Float[Tensor, " waves"]

    def __init__(self, told: int, waves: int, samples: int, width: int) -> None:
        super().__init__()
        self.register_buffer("pitches", math.pi / samples * torch.arange(1, waves + 1), persistent=False)
        self.network = nn.Sequential(nn.Linear(told + 2 * waves, 2 * width), nn.Tanh(), nn.Linear(2 * width, width))

    def forward(self, h: Float[Tensor, "1 b h"], place: Int[Tensor, "t #b"]) -> Float[Tensor, "t b c"]:
        """`place` is the number of the sample that is predicted; before the beginning, time stands still."""
        angle = place.clamp(min=0)[:, :, None] * self.pitches
        waves = torch.cat([angle.sin(), angle.cos()], dim=-1).expand(-1, h.shape[1], -1)
        return self.network(torch.cat([h.expand(len(waves), -1, -1), waves], dim=-1))


class WaveNet(Model, Samples, Completes, ScoresDensity, Validates):
    """A network of dilated layers, the lengths that recordings have, and windows of them to learn from."""

    family = Family.FULLY_VISIBLE
    recipe = Recipe(learning_rate=1e-3, batch_size=8)  # the paper names no optimiser
    density = ("exact", "computed")
    levels = LEVELS
    lengths: Float[Tensor, "k g bins"]

    def __init__(
        self,
        *,
        samples: int = 16_000,  # T
        classes: int = 0,  # K
        groups: int = 0,  # G
        layers: Annotated[int, Ge(1), Le(16)] = 10,  # of a stack: dilations 1, 2, 4, ..., 512; section 2.1
        stacks: Annotated[int, Ge(1), Le(100)] = 3,  # section 2.1
        width: Annotated[int, Ge(1)] = 32,  # C; the paper does not say
        skip: Annotated[int, Ge(1)] = 256,  # S; the paper does not say
        clock: Annotated[int, Ge(0)] = 0,  # waves that tell when a sample is; 0: nothing does, as in the paper
        window: Annotated[int, Ge(1)] = 8000,  # samples of a recording that a step learns; the paper does not say
    ) -> None:
        super().__init__()
        self.condition: Condition | None = "labels_and_groups" if groups else "labels" if classes else None
        self.samples, self.classes, self.groups, self.window = samples, classes, groups, window
        dilations = [2**layer for layer in range(layers)] * stacks
        self.network = DilatedNetwork(dilations, width, skip, classes + groups)
        self.clock = Clock(classes + groups, clock, samples, width) if clock else None
        self.register_buffer("lengths", torch.zeros(classes + 1, groups + 1, BINS))

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"layers": 4, "stacks": 1, "width": 4, "skip": 8, "window": 48}

    @classmethod
    def variants(cls) -> dict[str, dict[str, Any]]:
        return {**super().variants(), "clock": {"clock": 3}}

    @property
    def receptive_field(self) -> int:
        """How many samples before it a sample is predicted from."""
        return self.network.receptive_field

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"wavenet": list(self.parameters())}

    def told(self, batch: Batch) -> Told:
        """The numbers of label and group of each recording of a batch, -1 where it has none."""
        unknown = torch.full((len(batch["images"]),), -1, device=batch["images"].device)
        return torch.stack([batch.get("labels", unknown), batch.get("groups", unknown)], dim=1)

    def one_hot(self, y: Told) -> Float[Tensor, "1 b h"]:
        """Label and group as the network is told them; of what is not known, zeros."""
        parts = [F.one_hot(y[:, i] + 1, n + 1)[:, 1:] for i, n in enumerate((self.classes, self.groups)) if n]
        return torch.cat([*parts, y[:, :0]], dim=1).to(self.network.level.weight)[None]

    def logits(self, level: Int[Tensor, "b _"], start: Int[Tensor, " b"], y: Told) -> Float[Tensor, "t b 256"]:
        """The logits of levels number `start` and on. `level` has them, and before them `receptive_field` others."""
        h, place = self.one_hot(y), torch.arange(1 - self.receptive_field, level.shape[1] - self.receptive_field)
        added = None if self.clock is None else self.clock(h, place[:, None].to(start) + start)
        return self.network(level[:, :-1].T, h, added)

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x, y = batch["images"], self.told(batch)
        self.remember(x, y)
        windows, start = random_windows(x, self.receptive_field, self.window)
        each = nll_of_levels(self.logits(windows, start, y), windows)
        nll = each.sum() / (windows[:, self.receptive_field :] != NOTHING).sum()  # of a level
        yield Turn("wavenet", {"nll": nll}, metrics={"bits_per_dim": nll.detach() / math.log(2)})

    @torch.no_grad()
    def remember(self, x: Sound, y: Told) -> None:
        """Count the lengths of recordings, by what they are told."""
        place = (count_samples(x) * BINS // (self.samples + 1)).clamp(max=BINS - 1)
        self.lengths.index_put_((y[:, 0] + 1, y[:, 1] + 1, place), self.lengths.new_ones(len(x)), accumulate=True)

    def median_length(self, y: Told) -> Int[Tensor, " b"]:
        """The median length of the recordings that were told the same in training, rounded up to one of BINS.

        Where none was, it is that of all with the same label, or else of all.
        """
        same, label, every = (
            self.lengths[y[:, 0] + 1, y[:, 1] + 1],
            self.lengths.sum(1)[y[:, 0] + 1],
            self.lengths.sum((0, 1)),
        )
        count = torch.where(label.any(dim=1, keepdim=True), label, every)
        count = torch.where(same.any(dim=1, keepdim=True), same, count)
        place = (count.cumsum(dim=1) * 2 < count.sum(dim=1, keepdim=True)).sum(dim=1).clamp(max=BINS - 1)
        return (((place + 1) * (self.samples + 1) - 1) // BINS).clamp(1, self.samples)

    def log_prob_given(self, x: Sound, y: Told) -> PerRecording:
        """log p(x|y); equation 1."""
        found, parts = x.new_zeros(len(x)), every_window(x, self.receptive_field, self.window)
        for windows, row, start in zip(*(part.split(max(1, PART // self.window)) for part in parts), strict=True):
            nll = nll_of_levels(self.logits(windows, start, y[row]), windows)
            found.index_add_(0, row, -nll.sum(dim=0))
        return found

    def validation(self, batch: Batch, rng: Chance) -> PerRecording:
        """The negative log-likelihood of each recording, given its label and group."""
        return -self.log_prob_given(batch["images"], self.told(batch))

    def every_told(self, x: Sound) -> list[Told]:
        """Each label with each group in turn, for all recordings."""
        pairs = product(range(self.classes) or [-1], range(self.groups) or [-1])
        return [torch.tensor([pair], device=x.device).expand(len(x), 2) for pair in pairs]

    def log_prob(self, x: Sound, rng: Chance, effort: int) -> PerRecording:
        """log p(x): the log of the mean of p(x|y) over all labels and groups. They are equally likely."""
        given = torch.stack([self.log_prob_given(x, y) for y in self.every_told(x)])
        return torch.logsumexp(given, dim=0) - math.log(len(given))

    def draw(self, level: Levels, y: Told, rng: Chance, temperature: float) -> Sound:
        """Recordings whose hidden levels are drawn."""
        uniforms = rng.uniform((self.samples,), self.network.level.weight)
        size = int((level != NOTHING).any(dim=0).sum())  # beyond the longest nothing is left to do
        h, place = self.one_hot(y), torch.arange(size, device=level.device)[:, None]
        with torch.no_grad():
            added = None if self.clock is None else self.clock(h, place)
        chance = uniforms[:, :size].T.contiguous()
        drawn = draw_levels(self.network, level[:, :size].T.contiguous(), h, added, chance, temperature)
        return decode_mu_law(F.pad(drawn.T, (0, self.samples - size), value=NOTHING), uniforms)[:, None]

    def cut(self, level: Levels, length: Int[Tensor, " b"]) -> Levels:
        """The levels; of what is hidden, nothing is left from the end of each recording on."""
        ended = torch.arange(self.samples, device=level.device) >= length[:, None]
        return level.masked_fill(ended & (level == HIDDEN), NOTHING)

    def sample(
        self, n: int, rng: Chance, condition: Int[Tensor, "n *l"] | None = None, *, temperature: Temperature = 1.0
    ) -> Sound:
        """New recordings, each as long as the median of those in training with its label and group."""
        self.check_condition(condition)
        weight = self.network.level.weight
        y = torch.full((n, 2), -1, device=weight.device)
        if condition is not None:
            y[:, : condition[0].numel()] = condition.view(n, -1)
        hidden = torch.full((n, self.samples), HIDDEN, device=weight.device)
        return self.draw(self.cut(hidden, self.median_length(y)), y, rng, temperature)

    @torch.no_grad()
    def complete(self, x: Sound, known: Bool[Tensor, "..."], rng: Chance, *, temperature: Temperature = 1.0) -> Sound:
        """Hidden samples are drawn in order; what is known further on has no say.

        Label and group are drawn first, by what is known before the first hidden sample, and with them the length, as
        in `sample`.
        """
        self.check_known(x, known)
        beginning = x.masked_fill(known.cumprod(dim=2) == 0, torch.nan)
        every = torch.stack(self.every_told(x), dim=1)  # (B, K G, 2)
        given = torch.stack([self.log_prob_given(beginning, y) for y in every.unbind(1)], dim=1)
        y = every[torch.arange(len(x)), draw_category(given, rng.uniform((), x), 1.0)]
        level = encode_mu_law(x[:, 0])
        ended = ((level == NOTHING) & known[:, 0]).cumsum(dim=1) > 0  # before what is hidden
        hidden = level.masked_fill(~known[:, 0] & ~ended, HIDDEN)
        return torch.where(known, x, self.draw(self.cut(hidden, self.median_length(y)), y, rng, temperature))
