"""How well drawn recordings are spread over what real ones are like, by the features of a classifier of real ones.

The features are the numbers before the last layer of the classifier of labels, which looks at log-mel spectrograms. It
has learned from the training recordings. So their features are surer than those of new ones, and `_real`, the same
metric for training recordings in the place of drawings, is not quite what a perfect model would have.
"""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.distances import kid, nearest
from genlab.evaluation.features.cache import content
from genlab.evaluation.features.classifier import classifier_of
from genlab.evaluation.measures.samples import copying, spread_evenly
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.media.sound.integers import ENDED
from genlab.models.base import Samples


def shuffled(recordings: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` recordings of noise: the samples of each recording, (N, T, 1), in another order. Padding stays."""
    rng, found = np.random.default_rng(seed), recordings[np.arange(count) % len(recordings)].copy()
    for one in found:
        there = one != ENDED
        one[there] = rng.permutation(one[there])
    return found


@measure(
    needs=Samples,
    on=LabelledImages,
    of="sound",
    better={"kernel_distance": "lower", "nearest_train": None},
    controls={"real": "real data", "permuted": "samples in another order"},
    protocols=("samples_protocol_hash", "kernel_distance_protocol_hash", "nearest_train_protocol_hash"),
    papers={"kernel_distance": "Binkowski et al. 2018 on the features of a classifier of these sounds"},
)
def judge_sounds(case: Judged[Samples, LabelledImages]) -> Metrics:
    """`kernel_distance`, the unbiased MMD^2 of KID, and `nearest_train` as of pictures, with their controls.

    Nothing where there are too few recordings, or no classifier.
    """
    settings, classifier = case.evaluation, classifier_of(case)
    drawn = np.stack(list(case.group("samples").values()))
    train, test = (case.examples.split("train").spread(settings.reference_images).pixels, case.shown.pixels)
    if classifier is None or min(len(drawn), len(train), len(test)) < settings.least_images:
        return {}
    sets = {
        "": drawn,
        "_real": spread_evenly(train, len(drawn)),
        "_permuted": shuffled(train, len(drawn), settings.seed),
    }
    real, known = classifier.features(test), classifier.features(train)
    to_train, found = nearest(real, [known])[1], dict[str, float | str]()
    for ending, recordings in sets.items():
        features = classifier.features(recordings)
        ends = dict(zip(("", "_low", "_high"), kid(real, features, settings.kid_subsets, settings.seed), strict=True))
        found |= {f"kernel_distance{end}{ending}": value for end, value in ends.items() if not (end and ending)}
        near = (to_train[::2], to_train[1::2]) if ending == "_real" else (nearest(features, [known])[1], to_train)
        values = copying(*near, settings)
        found |= {
            f"{name}{ending}": v for name, v in values.items() if not (ending and name.endswith(("_low", "_high")))
        }
    protocol = {
        **case.protocol, "test": content(test), "drawn": len(drawn), "subsets": settings.kid_subsets,
        "seed": settings.seed,
    }  # fmt: skip
    learned = {**protocol, "features": classifier.protocol}
    return {
        **found, "drawn_images": float(len(drawn)), "reference_images": float(len(test)),
        "train_images": float(len(train)), "samples_protocol_hash": protocol_hash(protocol),
        "kernel_distance_protocol_hash": protocol_hash(learned),
        "nearest_train_protocol_hash": protocol_hash({**learned, "train": content(train)}),
    }  # fmt: skip
