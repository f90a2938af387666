"""How well a model's drawings are spread over what real images are like: distances between two sets, with controls.

"drawn" are the model's, "test" the real ones of the test split that they are held against, "train" those that the model
has seen. Each metric `m` stands beside `m_real`, the same for as many training images (the floor: what a perfect model
would have), and `m_noise`, for images whose every pixel is drawn on its own from a Gaussian with the mean and the
deviation of that pixel in the training images (the ceiling: the simplest model there is).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genlab.data.arrange.examples import evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.data.store import ImageStore
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.distances import (
    Gaussian,
    compare_neighbourhoods,
    frechet_distance,
    kid,
    nearest,
    too_few,
)
from genlab.evaluation.features.cache import Cache, content
from genlab.evaluation.features.lite0 import Extractor, Lite0
from genlab.evaluation.measures.translation import training_rows
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.integers import to_integers
from genlab.models.base import Samples, Side, Translates
from genlab.sampling.draw import direction

BETTER = {
    "fd_lite0": "lower", "kid_lite0": "lower", "precision": "higher", "recall": "higher", "density": "higher",
    "coverage": "higher", "nearest_train": None,
}  # fmt: skip
CONTROLS = {"real": "real data", "noise": "independent pixels"}
PROTOCOLS = ("samples_protocol_hash", "nearest_train_protocol_hash")
FEATURES = "on the features of Tan and Le 2019"
PAPERS = {
    "fd_lite0": f"Heusel et al. 2017 {FEATURES}", "kid_lite0": f"Binkowski et al. 2018 {FEATURES}",
    "precision": "Kynkaanniemi et al. 2019", "recall": "Kynkaanniemi et al. 2019", "density": "Naeem et al. 2020",
    "coverage": "Naeem et al. 2020",
}  # fmt: skip
COPY_QUANTILE = 0.01  # a drawing that is nearer to a training image than 99 % of new real images counts as a copy


@dataclass(frozen=True)
class Reals:
    """The real images of one domain, (N, H, W, C) each, every image once."""

    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, store: ImageStore, train: np.ndarray, test: np.ndarray, most: int) -> "Reals":
        """The images in these rows of a store; of each at most so many, evenly spread."""
        return cls(*(store.take(spread_evenly(np.unique(rows), most)) for rows in (train, test)))


def spread_evenly(values: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the values (rows), at even distances; in their order."""
    return values[evenly(len(values), count)]


def each_set(case: Judged[Any, Any], one: Callable[[np.ndarray, Reals, Mapping[str, Any]], Metrics]) -> Metrics:
    """`one(drawn, reals, protocol)` of a model's new images, or of its translations into each domain.

    Nothing where `evaluation.features` is off.
    """
    most = case.evaluation.reference_images
    if not case.evaluation.features:
        return {}
    if isinstance(case.examples, LabelledImages):
        train = case.examples.uncaptioned().split("train").table["row"].to_numpy()
        reals = Reals.of(case.examples.store, train, case.shown.table["row"].to_numpy(), most)
        return one(spread_evenly(np.stack(list(case.group("samples").values())), most), reals, case.protocol)

    def translated(to: Side) -> Metrics:
        reals = Reals.of(case.examples.store(to), training_rows(case.examples, to), case.shown.side_rows(to), most)
        drawn = spread_evenly(np.stack(list(case.group(direction(to)).values())), most)
        return one(drawn, reals, {**case.protocol, "direction": direction(to)})

    return case.each_direction(translated)


def independent_pixels(train: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` images whose pixels are independent Gaussians with each pixel's mean and deviation in `train`."""
    some = spread_evenly(train, 2000).astype(np.float32)
    noise = np.random.default_rng(seed).standard_normal((count, *train.shape[1:]), dtype=np.float32)
    return to_integers(some.mean(axis=0) + some.std(axis=0) * noise, train.dtype)


def set_metrics(test: np.ndarray, real: Gaussian, drawn: np.ndarray, settings: EvaluationSettings) -> dict[str, Any]:
    """The distances of two sets of features, (N, D) and (M, D), and 95 % intervals where resampling is sound.

    `real` is the Gaussian of `test`.

    kid's is from subsets. Those of precision and density are over drawings, of recall and coverage over test images;
    the other set is held fixed. The Frechet distance has none: a bootstrap repeats images, and so is biased upwards.
    """
    ours = Gaussian.of(drawn)
    found: dict[str, Any] = {"fd_lite0": frechet_distance(real, ours)}
    note = too_few(real, ours)
    found |= {"fd_lite0_note": note} if note else {}
    names = ("kid_lite0", "kid_lite0_low", "kid_lite0_high")
    found |= dict(zip(names, kid(test, drawn, settings.kid_subsets, settings.seed), strict=True))
    for name, values in vars(compare_neighbourhoods(test, drawn, settings.neighbours)).items():
        low, high = bootstrap_interval(values, resamples=settings.resamples, seed=settings.seed)
        found |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
    return found


def copying(drawn: np.ndarray, test: np.ndarray, settings: EvaluationSettings) -> dict[str, float]:
    """Whether a model repeats its training images; from the distance of each image to its nearest training image.

    `nearest_train` is the median of the drawings' over that of new real images, the test split's: 1 where drawings are
    as far from the training images as those are, less where they are copied, more where drawings are like no image.
    `nearest_train_copies` is the share of drawings that are nearer than all but one percent of new real images.

    Args:
        drawn: distances of the drawings, (M,).
        test: of the test images, (N,).
    """

    def ratio(ours: np.ndarray, real: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.median(ours, axis=axis) / np.maximum(np.median(real, axis=axis), 1e-12)

    low, high = bootstrap_interval(drawn, test, resamples=settings.resamples, seed=settings.seed, statistic=ratio)
    return {
        "nearest_train": float(ratio(drawn, test)), "nearest_train_low": low, "nearest_train_high": high,
        "nearest_train_copies": float((drawn < np.quantile(test, COPY_QUANTILE)).mean()),
    }  # fmt: skip


@measure(
    needs=Samples,
    on=LabelledImages,
    of="pictures",
    better=BETTER,
    controls=CONTROLS,
    protocols=PROTOCOLS,
    papers=PAPERS,
)
@measure(needs=Translates, on=TwoDomains, better=BETTER, controls=CONTROLS, protocols=PROTOCOLS, papers=PAPERS)
def judge_sets(case: Judged[Any, Any]) -> Metrics:
    """`evaluate_samples` of new images or translations."""

    def one(drawn: np.ndarray, reals: Reals, protocol: Mapping[str, Any]) -> Metrics:
        extract = Lite0(case.evaluation.feature_size, case.device)
        return evaluate_samples(drawn, reals, case.evaluation, case.cache, protocol, extract)

    return each_set(case, one)


def evaluate_samples(
    drawn: np.ndarray, reals: Reals, settings: EvaluationSettings, cache: Cache, protocol: Mapping[str, Any],
    extract: Extractor,
) -> Metrics:  # fmt: skip
    """All that EfficientNet-Lite0's features say of (M, H, W, C) drawings, flat, with controls.

    `protocol` is what else two runs must share to be compared. `samples_protocol_hash` names it with the extractor, the
    test images, the counts and the seed. `nearest_train` depends on the training images too: its own
    `nearest_train_protocol_hash` names them. With fewer images than neighbours nothing is measured: a note says so.
    """
    counts = {"drawn": len(drawn), "test": len(reals.test), "train": len(reals.train)}
    least = settings.least_images
    if min(counts.values()) < least:
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        return {"fd_lite0_note": f"not computed: {said} images; each must be {least} at least"}
    measured = {
        "test": content(reals.test), "seed": settings.seed, **extract.protocol, "drawn": len(drawn),
        "neighbours": settings.neighbours, "subsets": settings.kid_subsets,
    }  # fmt: skip
    with_train = {**measured, "train": content(reals.train)}
    test, train = cache.features(extract, reals.test), cache.features(extract, reals.train)
    real, to_train = Gaussian.of(test), nearest(test, [train])[1]

    def controls() -> dict[str, float]:
        noise = extract(independent_pixels(reals.train, len(drawn), settings.seed))
        found: dict[str, float] = {}
        for label, features in (("real", spread_evenly(train, len(drawn))), ("noise", noise)):
            values = set_metrics(test, real, features, settings)
            found |= {f"{n}_{label}": v for n, v in values.items() if not n.endswith(("_low", "_high", "_note"))}
        # Half of the new real images as if they were drawn, against the other half.
        found |= _alone(copying(to_train[::2], to_train[1::2], settings), "real")
        return found | _alone(copying(nearest(noise, [train])[1], to_train, settings), "noise")

    features = extract(drawn)
    result: dict[str, Any] = set_metrics(test, real, features, settings)
    result |= copying(nearest(features, [train])[1], to_train, settings)
    result |= cache.values("controls", with_train, controls)
    result |= {
        "drawn_images": float(len(drawn)),
        "reference_images": float(len(test)),
        "train_images": float(len(train)),
    }
    return {
        **result,
        "samples_protocol_hash": protocol_hash({**measured, **protocol}),
        "nearest_train_protocol_hash": protocol_hash({**with_train, **protocol}),
    }


def _alone(values: dict[str, float], control: str) -> dict[str, float]:
    return {f"{name}_{control}": v for name, v in values.items() if not name.endswith(("_low", "_high"))}
