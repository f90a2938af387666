"""How good a model is while it trains: a score to choose among its weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from genlab.data.arrange.examples import Examples, evenly
from genlab.data.arrange.labelled import LabelledImages
from genlab.errors import GenlabError
from genlab.evaluation.distances import Gaussian, frechet_distance
from genlab.evaluation.features.lite0 import Lite0
from genlab.evaluation.pixel_errors import l1
from genlab.evaluation.settings import EvaluationSettings
from genlab.media.pictures.integers import largest
from genlab.models.base import HasDensity, HasEnergy, Model, Samples, Translates, Validates
from genlab.nn.noise import Chance
from genlab.sampling.case import Case
from genlab.sampling.draw import draw_samples, other, spread_condition, translate_images
from genlab.sampling.settings import SampleSettings

PAIRS = 256  # behind the l1 of a translation, at most
VALIDATED = 1000  # examples behind what a model says itself, at most
BATCH = 100  # of these at a time
SEEN = 100  # images that say whether there are shades of grey


@dataclass(frozen=True)
class Score:
    """How good a model is on a split, lower is better, for choosing among its weights; None where nothing tells.

    What the model says itself (`Validates`); the l1 of a translation to its truth, where it is known; a small fd_lite0
    of the new images of any other. That has few drawings and few images, and so a bias that makes it useless but for
    comparing two states of one model.

    It depends on no setting of drawing or evaluating: those may change after training, the choice of weights may not.
    """

    examples: Examples  # all splits
    split: str
    images: int = 256  # drawings, and as many of the split, behind fd_lite0
    seed: int = 0

    def __call__(self, model: Model) -> float | None:
        case: Case[Any, Any] = Case(model, self.examples, SampleSettings(seed=self.seed), self.split)
        if isinstance(model, Validates):
            return self._own(case)
        if isinstance(model, Translates) and (pairs := case.shown.pairs()) is not None:
            to, some = model.targets[0], pairs.spread(PAIRS)
            return float(l1(translate_images(case, some.side(other(to)), to), some.side(to)).mean())
        if isinstance(model, Samples) and min(self.images, len(case.shown)) > 1:  # one has no covariance
            drawn = draw_samples(case, self.images, spread_condition(case, self.images))
            return frechet_distance(self._real, Gaussian.of(Lite0(device=case.device)(drawn)))
        return None

    def _own(self, case: Case[Validates, Any]) -> float:
        """The mean of what the model says itself, over examples that are spread evenly."""
        streams = case.shown.spread(VALIDATED).streams()
        count = min(map(len, streams))
        batch: dict[str, np.ndarray] = {}
        for stream in streams:
            places = evenly(len(stream), count)
            batch |= {name: store.take(rows[places]) for name, (store, rows) in stream.rows.items()}
            batch |= {name: values[places] for name, values in stream.values.items()}

        def call(rng: Chance, *values: Tensor) -> Tensor:
            return case.model.validation(dict(zip(batch, values, strict=True)), rng)

        found = case.apply(call, range(count), *batch.values(), batch_size=BATCH)
        return float(found.astype(np.float64).mean())

    @cached_property
    def _real(self) -> Gaussian:
        some: Any = self.examples.split(self.split).spread(self.images)
        return Gaussian.of(Lite0()(some.pixels))


def left_out(model: Model, examples: Examples, settings: EvaluationSettings) -> list[str]:
    """What will not be measured for want of images, and what grey ones stand for: a sentence each, before training.

    Raises:
        GenlabError: there are no test images, or grey ones for a model whose energies are of black and white.
    """
    counts = {split: min(map(len, examples.split(split).streams())) for split in ("test", "train")}
    said = []
    draws = isinstance(model, Samples | Translates)
    if draws and settings.features and min(counts.values()) < settings.least_images:
        few = ", ".join(f"{count} {split} images" for split, count in counts.items() if count < settings.least_images)
        said.append(f"fd_lite0, kid_lite0, precision, recall, density, coverage and nearest_train will not be "
                    f"measured: there are {few}, and {settings.least_images} are needed")  # fmt: skip
    if not examples.has_split("val"):
        said.append("no image is kept for validation: the best weights are chosen by training images")
    elif min(map(len, examples.split("val").streams())) == 1:
        said.append("one image alone is kept for validation: where a distance of sets would choose the best weights, "
                    "the last ones are taken")  # fmt: skip
    if isinstance(model, HasDensity) and model.levels == 2 and isinstance(examples, LabelledImages):
        some = examples.split("test").spread(SEEN).pixels
        grey = ((some != 0) & (some != largest(some.dtype))).any()
        if grey and isinstance(model, HasEnergy):
            raise GenlabError("these images are in shades of grey, and the model's units are 0 or 1: a grey pixel "
                              "stands for its random binarisation; set data.binarise=fixed or dynamic")  # fmt: skip
        if grey:
            said.append("these images are in shades of grey, and the model's pixels are black or white: a grey pixel "
                        "stands for its random binarisation; data.binarise=fixed or dynamic draws it")  # fmt: skip
    return said
