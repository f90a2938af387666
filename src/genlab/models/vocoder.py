"""WaveNet as a vocoder: sound drawn from its spectrogram.

Van den Oord et al. 2016, arXiv:1609.03499, section 2.5: local conditioning. The paper's features are linguistic and the
pitch; a log-mel spectrogram is of Shen et al. 2018, arXiv:1712.05884.

B recordings, T samples, F frames, H bands of the spectrogram. x is a recording in [-1, 1], NaN from its end on; h its
spectrogram. Log-probabilities are in nats, one for each recording, of all of its levels by the mu-law.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from genlab.media.sound.spectrogram import mel_filters
from genlab.models.base import Batch, Family, Model, Recipe, Reconstructs, Turn, Validates
from genlab.nn.dilated import HIDDEN, DilatedNetwork, draw_levels
from genlab.nn.mu_law import NOTHING, decode_mu_law, encode_mu_law
from genlab.nn.noise import Chance
from genlab.nn.recordings import PART, Sound, every_window, nll_of_levels, random_windows

HOP, WINDOW = 0.01, 0.032  # seconds from frame to frame, and that a frame sees
QUIETEST = 1e-5  # of a full-scale sine's amplitude: what is quieter looks like silence


class Spectrogram(nn.Module):
    """The amplitudes of frequencies that are equally far apart in mel, in logarithms.

    Silence is -1, a full-scale sine about 1.
    """

    window: Float[Tensor, " w"]
    filters: Float[Tensor, "h f"]

    def __init__(self, rate: int, bands: int) -> None:
        super().__init__()
        self.hop, size = round(HOP * rate), round(WINDOW * rate)
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        filters = torch.from_numpy(mel_filters(bands, size, rate)).float()
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, x: Sound) -> Float[Tensor, "f b h"]:
        """Frame n is around sample n * hop. Behind the end of a recording is silence."""
        sound, size = x[:, 0].nan_to_num(), len(self.window)
        found = torch.stft(sound, size, self.hop, window=self.window, pad_mode="constant", return_complex=True)
        amplitude = (found.abs().transpose(1, 2) @ self.filters.T) / (self.window.sum() / 2)  # (B, F, H)
        return (1 - 2 * amplitude.clamp(min=QUIETEST).log() / math.log(QUIETEST)).transpose(0, 1)


class Vocoder(Model, Reconstructs, Validates):
    """A network of dilated layers that is told, at each sample, the frame of the spectrogram around it."""

    family = Family.CONDITIONAL
    recipe = Recipe(learning_rate=1e-3, batch_size=8)  # the paper names no optimiser

    def __init__(
        self,
        *,
        rate: int = 16_000,  # Hz
        layers: Annotated[int, Ge(1), Le(16)] = 10,  # of a stack: dilations 1, 2, 4, ..., 512; section 2.1
        stacks: Annotated[int, Ge(1), Le(100)] = 3,  # section 2.1
        width: Annotated[int, Ge(1)] = 32,  # residual channels; the paper does not say
        skip: Annotated[int, Ge(1)] = 256,  # skip channels; the paper does not say
        bands: Annotated[int, Ge(1), Le(80)] = 40,  # H; Shen et al. 2018 have 80, of 24 kHz
        window: Annotated[int, Ge(1)] = 8000,  # samples of a recording that a step learns; the paper does not say
    ) -> None:
        super().__init__()
        self.window, self.spectrogram = window, Spectrogram(rate, bands)
        self.network = DilatedNetwork([2**layer for layer in range(layers)] * stacks, width, skip, bands)

    @classmethod
    def small(cls) -> dict[str, Any]:
        return {"layers": 4, "stacks": 1, "width": 4, "skip": 8, "bands": 5, "window": 48}

    @property
    def receptive_field(self) -> int:
        """How many samples before it a sample is predicted from."""
        return self.network.receptive_field

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"vocoder": list(self.parameters())}

    def at_samples(self, h: Float[Tensor, "f b h"], place: Int[Tensor, "t b"]) -> Float[Tensor, "t b h"]:
        """The frame nearest to each sample: h repeated, as the paper's second way has it."""
        hop = self.spectrogram.hop
        frame = ((place.clamp(min=0) + hop // 2) // hop).clamp(max=len(h) - 1)
        return h[frame, torch.arange(h.shape[1], device=h.device)]

    def logits(self, windows: Int[Tensor, "n _"], start: Int[Tensor, " n"], h: Float[Tensor, "f n h"]) -> Tensor:
        """The logits of the levels of windows, the first of which are number `start`, (W, N, 256)."""
        place = torch.arange(1 - self.receptive_field, windows.shape[1] - self.receptive_field, device=start.device)
        return self.network(windows[:, :-1].T, self.at_samples(h, place[:, None] + start))

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        windows, start = random_windows(x, self.receptive_field, self.window)
        each = nll_of_levels(self.logits(windows, start, self.spectrogram(x)), windows)
        nll = each.sum() / (windows[:, self.receptive_field :] != NOTHING).sum()  # of a level
        yield Turn("vocoder", {"nll": nll}, metrics={"bits_per_dim": nll.detach() / math.log(2)})

    def validation(self, batch: Batch, rng: Chance) -> Float[Tensor, " b"]:
        """-log p(x|h): no density of x, for h is made of x."""
        x = batch["images"]
        h, found, parts = self.spectrogram(x), x.new_zeros(len(x)), every_window(x, self.receptive_field, self.window)
        for windows, row, start in zip(*(part.split(max(1, PART // self.window)) for part in parts), strict=True):
            found.index_add_(0, row, nll_of_levels(self.logits(windows, start, h[:, row]), windows).sum(dim=0))
        return found

    @torch.no_grad()
    def reconstruct(self, x: Sound) -> Sound:
        """Each recording drawn anew from its spectrogram and its length. The same random numbers draw each."""
        level, place = encode_mu_law(x[:, 0]), torch.arange(x.shape[2], device=x.device)[:, None]
        size = int((level != NOTHING).any(dim=0).sum())
        told = self.at_samples(self.spectrogram(x), place[:size].expand(-1, len(x)))
        chance = Chance.of(0, [0] * len(x)).uniform((size,), told).T.contiguous()
        hidden = torch.where(level == NOTHING, NOTHING, HIDDEN)[:, :size].T.contiguous()
        drawn = draw_levels(self.network, hidden, told, None, chance, 1.0)
        return decode_mu_law(F.pad(drawn.T, (0, x.shape[2] - size), value=NOTHING), told)[:, None]
