"""What is simple says of recordings in mu-law levels: the controls of a likelihood of sound.

N recordings. All that a control needs is taken from training recordings alone, then it is fixed. A recording is (T,)
levels, 0 to 255, without padding; bits are of all its levels.
"""

import io
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import lfilter
from scipy.special import ndtr

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.measures.likelihood import by_group
from genlab.evaluation.registry import measure
from genlab.media.base import medium_named
from genlab.models.base import ScoresDensity
from genlab.nn.mu_law import LEVELS, NOTHING, decode_mu_law, encode_mu_law

Recordings = Sequence[np.ndarray]

ORDER = 4  # of the linear prediction
DECAYS, FLOORS = (0.8, 0.9, 0.95, 0.98, 0.99), (1e-10, 1e-9, 1e-8)  # among which it chooses; floors of a variance
BEGINNING = 80  # samples whose mean square is where the running scale starts
EVENLY = 1e-3  # of its probability is spread over all levels: a Gaussian's tail is never to blame


def recordings_of(examples: LabelledImages) -> list[np.ndarray]:
    """The levels of each recording, without padding."""
    medium, found = medium_named(examples.spec.medium), []
    for part in examples.store.parts(examples.table["row"].to_numpy()):
        level = encode_mu_law(medium.to_model_range(torch.from_numpy(part)))[:, 0].numpy()
        found += [row[row != NOTHING].astype(np.int64) for row in level]
    return found


def histogram_bits(train: Recordings) -> Callable[[np.ndarray], np.ndarray]:
    """The bits of each level of a recording by how often it is found, with a count of one beside what was found."""
    count = 1 + np.bincount(np.concatenate(train), minlength=LEVELS)
    bits = np.log2(count.sum()) - np.log2(count)
    return lambda level: bits[level]


def pair_bits(train: Recordings) -> Callable[[np.ndarray], np.ndarray]:
    """The bits of each level of a recording by the one before it.

    p(b|a) = (n(a, b) + s(a) p(b)) / (n(a) + s(a)), s(a) the number of different levels that were found behind a
    (Witten and Bell 1991), p(b) the histogram's.
    """

    def before(level: np.ndarray) -> np.ndarray:
        return np.concatenate([[NOTHING], level[:-1]])

    count = np.zeros((LEVELS + 1, LEVELS))
    for level in train:
        np.add.at(count, (before(level), level), 1)
    alone = np.exp2(-histogram_bits(train)(np.arange(LEVELS)))
    seen = np.maximum((count > 0).sum(axis=1, keepdims=True), 1)
    bits = -np.log2((count + seen * alone) / (count.sum(axis=1, keepdims=True) + seen))
    return lambda level: bits[before(level), level]


def amplitudes(level: np.ndarray) -> np.ndarray:
    """The samples in [-1, 1] that levels, or halves between two of them, stand for."""
    return decode_mu_law(torch.from_numpy(np.asarray(level)), torch.zeros(1, dtype=torch.float64)).numpy()


EDGES = np.concatenate([[-np.inf], amplitudes(np.arange(LEVELS - 1) + 0.5), [np.inf]])
"""Between which amplitudes each level lies, (LEVELS + 1,)."""


def past(x: np.ndarray) -> np.ndarray:
    """The `ORDER` samples before each, (T, ORDER), the last one first; 0 before the beginning."""
    return np.stack([np.concatenate([np.zeros(lag), x])[: len(x)] for lag in range(1, ORDER + 1)], axis=1)


@dataclass(frozen=True)
class LinearPrediction:
    """Each sample from the four before it, by a Gaussian whose scale follows the residuals, cut into levels."""

    weights: np.ndarray  # (ORDER,)
    start: float  # the variance at the beginning
    decay: float  # v <- decay v + (1 - decay) residual^2
    floor: float  # is added to the variance

    def __call__(self, level: np.ndarray) -> np.ndarray:
        """The bits of each level of a recording."""
        return -np.log2(self.probabilities(level, EDGES[level], EDGES[level + 1]))

    def probabilities(self, level: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """How probable it is that each sample lies between two edges of a level, given the samples before it."""
        x = amplitudes(level)
        mean = past(x) @ self.weights
        scale = np.sqrt(self.variances(x - mean) + self.floor)
        low, high = (low - mean) / scale, (high - mean) / scale
        beyond = low > 0  # the upper tail is the lower one of the mirror image, which has more digits
        low, high = np.where(beyond, -high, low), np.where(beyond, -low, high)
        return (1 - EVENLY) * (ndtr(high) - ndtr(low)) + EVENLY / LEVELS

    def variances(self, residual: np.ndarray) -> np.ndarray:
        """The running mean square of the residuals before each sample, (T,)."""
        before = np.concatenate([[0.0], residual[:-1] ** 2]) * (1 - self.decay)
        before[0] = self.start
        return lfilter([1.0], [1.0, -self.decay], before)

    @classmethod
    def of(cls, train: Recordings) -> "LinearPrediction":
        """Weights by least squares, twice: then each sample counts by its scale. Decay and floor by fewest bits."""
        sound = [amplitudes(level) for level in train]
        before, x = np.concatenate([past(one) for one in sound]), np.concatenate(sound)
        weights = np.linalg.lstsq(before, x)[0]
        start = float(np.mean(np.concatenate([one[:BEGINNING] for one in sound]) ** 2))
        first = cls(weights, start, 0.95, FLOORS[1])
        variances = np.concatenate([first.variances(one - past(one) @ weights) for one in sound]) + first.floor
        by_scale = 1 / np.sqrt(variances)
        weights = np.linalg.lstsq(before * by_scale[:, None], x * by_scale)[0]
        able = [cls(weights, start, *how) for how in itertools.product(DECAYS, FLOORS)]
        return min(able, key=lambda one: sum(one(level).sum() for level in train))


def flac_bits(recordings: Recordings, rate: int) -> float:
    """The bits of all recordings in one FLAC of 8-bit audio, one after the other, its head included."""
    import soundfile

    file = io.BytesIO()
    samples = (np.concatenate(recordings) - LEVELS // 2).astype(np.int16) << 8  # of 16 bits, the upper 8 are kept
    soundfile.write(file, samples, rate, "PCM_S8", format="FLAC", compression_level=1.0)
    return 8.0 * len(file.getvalue())


@measure(
    needs=ScoresDensity,
    on=LabelledImages,
    of="sound",
    controls={
        "level_histogram": "histogram of levels", "level_pairs": "pairs of levels",
        "linear_prediction": "linear prediction", "flac": "FLAC of the levels, one file for all",
    },
)  # fmt: skip
def compare_with_codes(case: Judged[ScoresDensity, LabelledImages]) -> Metrics:
    """`bits_per_dim_<control>`, and of each group; nothing for a model whose levels are not the mu-law's."""
    if case.model.levels != LEVELS:
        return {}
    train, test = recordings_of(case.examples.split("train")), recordings_of(case.shown)
    count, found = np.array([len(level) for level in test], float), dict[str, float | str]()
    controls: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "level_histogram": histogram_bits(train), "level_pairs": pair_bits(train),
        "linear_prediction": LinearPrediction.of(train),
    }  # fmt: skip
    for name, control in controls.items():
        bits = np.array([control(level).sum() for level in test])
        found |= {f"bits_per_dim_{name}": float(bits.sum() / count.sum())}
        found |= by_group(f"bits_per_dim_{name}", case.shown, bits, count)
    rate = medium_named(case.examples.spec.medium).arguments(case.examples.spec.shapes)["rate"]
    return {**found, "bits_per_dim_flac": flac_bits(test, rate) / count.sum()}
