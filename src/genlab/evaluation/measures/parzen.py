"""The Parzen-window log-likelihood of the early papers on adversarial networks. Historic: it ranks models wrongly
(Theis, van den Oord and Bethge 2016, section 3.2), and is here to stand beside old tables. N, M images, D numbers each.
"""

import math
import warnings
from dataclasses import replace

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.registry import measure
from genlab.media.pictures.integers import flatten
from genlab.models.base import Samples
from genlab.sampling.draw import draw_samples, spread_condition

BANDWIDTHS = np.logspace(-1.2, 0.0, 25)  # the best on the validation split is taken
VALIDATION = 1000  # images that choose it, at most
BLOCK = 500  # images at a time
ROUNDS = 5  # of k-means


def parzen_log_likelihood(images: np.ndarray, samples: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """log of the mean over samples (M, D) of N(image; sample, s^2 I) in nats, (N, bandwidths), for images (N, D)."""
    dim, lengths = samples.shape[1], np.square(samples).sum(axis=1)
    found = np.empty((len(images), len(bandwidths)))
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        squares = np.square(block).sum(axis=1)[:, None] + lengths - 2 * block @ samples.T  # (BLOCK, M)
        nearest = squares.min(axis=1, keepdims=True)
        for column, s in enumerate(bandwidths):
            mean = np.exp((nearest - squares) / (2 * s**2)).mean(axis=1)
            constant = dim * math.log(s * math.sqrt(2 * math.pi))
            found[start : start + BLOCK, column] = np.log(mean) - nearest[:, 0] / (2 * s**2) - constant
    return found


def cluster_centres(images: np.ndarray, count: int, seed: int) -> np.ndarray:
    """So many k-means centres of images (N, D), after a few rounds: the rest changes little."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # black and white images may have fewer different ones
        return KMeans(count, init="random", n_init=1, max_iter=ROUNDS, random_state=seed).fit(images).cluster_centers_


@measure(
    needs=Samples,
    on=LabelledImages,
    of="pictures",
    better={"parzen_nats": "higher"},
    controls={"train": "training images", "kmeans": "k-means centres of training images"},
    papers={"parzen_nats": "judged by Theis et al. 2016"},
)
def evaluate_parzen(case: Judged[Samples, LabelledImages]) -> Metrics:
    """`parzen_nats` of the test split, in the pixel range [0, 1], by `evaluation.parzen_samples` drawings.

    With its standard error, its bandwidth, and the same for as many training images in place of the drawings
    (`..._train`), and for half as many k-means centres of training images (`..._kmeans`). Centres are no model, and yet
    surpass most: that is how little it says. Nothing where `evaluation.parzen_samples` is 0.
    """
    if not case.evaluation.parzen_samples:
        return {}
    examples = case.examples
    train, test = examples.split("train"), case.shown
    judged = examples.split("val") if examples.has_split("val") else train
    count = min(case.evaluation.parzen_samples, len(train))
    drawn = draw_samples(case, count, spread_condition(replace(case, split="train"), count))
    images, val = flatten(test.pixels), flatten(judged.spread(VALIDATION).pixels)

    def score(samples: np.ndarray) -> tuple[np.ndarray, float]:
        best = BANDWIDTHS[parzen_log_likelihood(val, samples, BANDWIDTHS).mean(axis=0).argmax()]
        return parzen_log_likelihood(images, samples, np.array([best]))[:, 0], float(best)

    def controls() -> dict[str, float]:
        many = flatten(train.spread(10 * count).pixels)
        centres = cluster_centres(many, max(1, count // 2), case.evaluation.seed)
        some = {"train": flatten(train.spread(count).pixels), "kmeans": centres}
        return {f"parzen_nats_{name}": float(score(samples)[0].mean()) for name, samples in some.items()}

    nats, bandwidth = score(flatten(drawn))
    protocol = {"images": examples.fingerprint(), "count": count, "rounds": ROUNDS, "seed": case.evaluation.seed}
    return {
        "parzen_nats": float(nats.mean()), "parzen_nats_standard_error": float(nats.std() / math.sqrt(len(nats))),
        **case.cache.values("parzen", {**protocol, "judged": case.split}, controls),
        "parzen_bandwidth": bandwidth, "parzen_samples": float(count), "parzen_nats_kind": "historic",
    }  # fmt: skip
