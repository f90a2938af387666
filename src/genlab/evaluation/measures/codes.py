"""What codes are worth: are they used, do they have the prior's distribution, do they tell the classes apart?

N images, Z latent dimensions.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.registry import measure
from genlab.media.pictures.integers import flatten
from genlab.models.base import Encodes, MatchesPrior
from genlab.sampling.draw import draw_codes, draw_prior, encode_images

ACTIVE = 0.01  # variance of a latent's mean over images from which on it says something; Burda et al. 2016, section 5.2
PROBE_LABELS = (100, 1000)  # besides all of them
TWO_SAMPLE = 2000  # latent vectors on each side of the two-sample test
PERMUTATIONS = 500


def active_units(codes: np.ndarray) -> int:
    """How many of (N, Z) codes' latents vary over images; the others have collapsed onto the prior."""
    return int((codes.var(axis=0) > ACTIVE).sum())


@measure(needs=Encodes, on=LabelledImages, better={"active_units": None}, papers={"active_units": "Burda et al. 2016"})
def count_units(case: Judged[Encodes, LabelledImages]) -> Metrics:
    """`latent_dim`, and `active_units`: how many of a code's numbers vary over the test images."""
    codes = encode_images(case, case.shown.pixels)
    if not isinstance(case.model, MatchesPrior):  # no prior sets the scale of the codes: they do
        codes = codes / (np.sqrt(codes.var(axis=0).mean()) or 1.0)
    return {"active_units": float(active_units(codes)), "latent_dim": float(codes.shape[1])}


def energy_distances(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> tuple[float, np.ndarray]:
    """The energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples (N, Z) and (M, Z), and those of the same
    vectors shared out anew at random, (permutations,): what two samples of one distribution give.

    Szekely and Rizzo 2013; the mean includes pairs of a vector with itself, so that it is never negative.
    """
    both = np.concatenate([x, y]).astype(np.float64)
    squares = np.square(both).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0.0))
    sides = np.where(np.arange(len(both)) < len(x), 1 / len(x), -1 / len(y))  # signed shares: the distance is -a D a
    rng = np.random.default_rng(seed)
    columns = np.stack([sides, *(rng.permutation(sides) for _ in range(permutations))], axis=1)
    found = -(columns * (distances @ columns)).sum(axis=0)
    return float(found[0]), found[1:]


@measure(
    needs=MatchesPrior,
    on=LabelledImages,
    better={"latent_energy_distance": "lower"},
    controls={"prior": "draws of the prior"},
)
def compare_with_prior(case: Judged[MatchesPrior, LabelledImages]) -> Metrics:
    """A two-sample test of the codes of the test images, together, against the prior.

    `latent_energy_distance` stands beside that of as many draws of the prior in place of the codes (`..._prior`), and
    `latent_match_p_value` is the share of random divisions of codes and draws that lie as far apart. A model that ties
    each class to a part of its prior is held to the prior with the parts as frequent as the classes: the draws' labels
    are drawn, with replacement, from the images' own.
    """
    test, seed = case.shown, case.evaluation.seed
    rows = evenly(len(test), TWO_SAMPLE)
    codes = draw_codes(case, test.pixels[rows], seed)
    prior = draw_prior(case, np.random.default_rng(seed).choice(test.labels[rows], 2 * len(rows)), seed)
    found, shuffled = energy_distances(codes, prior[: len(rows)], PERMUTATIONS, seed)
    control, _ = energy_distances(prior[len(rows) :], prior[: len(rows)], 1, seed)
    return {
        "latent_energy_distance": found,
        "latent_energy_distance_prior": control,
        "latent_match_p_value": float((1 + (shuffled >= found).sum()) / (1 + len(shuffled))),
    }


def probe_accuracy(
    train_codes: np.ndarray, train_labels: np.ndarray, test_codes: np.ndarray, test_labels: np.ndarray
) -> float:
    """The share of test images whose class a logistic regression on standardised codes, (N, Z), finds."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # on pixels it stops early, a little below its best
        probe.fit(train_codes, train_labels)
    return float(probe.score(test_codes, test_labels))


def choose_labelled(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of `count` labelled images, as many of each class as can be, at random; fewer where there are fewer."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(labels >= 0))
    place = np.zeros(len(rows), dtype=np.int64)  # the how-manieth of its class
    for label in np.unique(labels[rows]):
        mine = labels[rows] == label
        place[mine] = np.arange(mine.sum())
    return rows[np.argsort(place, kind="stable")][:count]


@measure(
    needs=Encodes,
    on=LabelledImages,
    better={"probe_accuracy": "higher"},
    controls={"pixels": "the pixels themselves"},
)
def probe(case: Judged[Encodes, LabelledImages]) -> Metrics:
    """`probe_accuracy` of the model's codes and, as its control, of pixels (`..._pixels`); also with few labels.

    Nothing where the images have fewer than two classes. Pixels are of every second row and column
    where that leaves 14.
    """
    train, test, settings = case.examples.split("train"), case.shown, case.evaluation
    chosen = choose_labelled(train.labels, settings.probe_images, settings.seed)
    labels, known = train.labels[chosen], test.labels >= 0
    if len(np.unique(labels)) < 2 or not known.any():
        return {}
    images, test_images, test_labels = train.pixels[chosen], test.pixels[known], test.labels[known]
    step = 2 if images.shape[1] >= 28 else 1
    features = {
        "": (encode_images(case, images), encode_images(case, test_images)),
        "_pixels": tuple(flatten(some[:, ::step, ::step], np.float64) for some in (images, test_images)),
    }
    found: Metrics = {"probe_labels": float(len(labels))}
    for suffix, (mine, theirs) in features.items():
        for count in (*(few for few in PROBE_LABELS if few < len(labels)), len(labels)):
            if len(np.unique(labels[:count])) < 2:
                continue
            name = "probe_accuracy" if count == len(labels) else f"probe_accuracy_{count}"
            found[name + suffix] = probe_accuracy(mine[:count], labels[:count], theirs, test_labels)
    return found
