"""How fast the chain of a model moves: how alike its states are some steps apart, and how many classes it visits.

B chains of T states, D pixels. Moving fast is worth nothing where the states are no images: the metrics of drawings
stand beside these. A chain that starts from a real image and never leaves it visits one class.
"""

from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.features.cache import content
from genlab.evaluation.features.classifier import classifier_of
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.media.pictures.integers import flatten
from genlab.models.base import HasChain
from genlab.nn.noise import Chance

CHAINS, STEPS = 50, 100
LAGS = (1, 10, 50)
BETTER = {f"chain_autocorrelation_{lag}": "lower" for lag in LAGS} | {"classes_per_100_steps": "higher"}


def autocorrelation(states: Float[np.ndarray, "b t d"], lag: int) -> float:
    """The correlation of states `lag` steps apart: 1 where chains stand still, 0 where states are independent.

    The mean that is taken off is that of all chains together. So it stays near 1 where each chain stays near its start.
    """
    centred = states - states.mean(axis=(0, 1))
    return float((centred[:, lag:] * centred[:, :-lag]).sum(axis=2).mean() / np.square(centred).sum(axis=2).mean())


def classes_visited(said: Int[np.ndarray, "b t"]) -> float:
    """How many classes a chain visits, on average."""
    return float(np.mean([len(np.unique(row)) for row in said]))


@measure(
    needs=HasChain,
    on=LabelledImages,
    better=BETTER,
    controls={"real": "real data"},
    protocols=("chain_protocol_hash",),
)
def evaluate_mixing(case: Judged[HasChain, LabelledImages]) -> Metrics:
    """`chain_autocorrelation_<lag>` and `classes_per_100_steps` of 50 chains, 100 steps each, from test images.

    Beside each stands `..._real`, of test images drawn independently: a chain cannot move faster. Classes are named by
    the classifier of `label_accuracy`; without one, they are not counted.
    """
    model, seed, depth, starts = case.model, case.evaluation.seed, case.shown.pixels.dtype, case.shown.spread(CHAINS)

    def call(rng: Chance, x: Tensor) -> Tensor:
        return torch.stack(list(islice(model.chain(x, rng), STEPS)), dim=1).flatten(0, 1)

    drawn = case.apply(call, range(len(starts)), starts.pixels, seed=seed, depth=depth)
    picked = np.random.default_rng(seed).integers(len(case.shown), size=len(drawn))
    classifier, found = classifier_of(case), Metrics()
    for suffix, images in (("", drawn), ("_real", case.shown.pixels[picked])):
        states = flatten(images).reshape(len(starts), STEPS, -1)
        found |= {f"chain_autocorrelation_{lag}{suffix}": autocorrelation(states, lag) for lag in LAGS}
        if classifier:
            found[f"classes_per_100_steps{suffix}"] = classes_visited(classifier(images).reshape(len(starts), STEPS))
    protocol = {"starts": content(starts.pixels), "steps": STEPS, "seed": seed}
    return {**found, "chain_protocol_hash": protocol_hash(protocol)}
