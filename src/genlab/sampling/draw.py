"""Drawing with a trained model: new images, reconstructions, translations. All pixels are (N, H, W, C)."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.models.base import Reconstructs, Samples, Side, Translates
from genlab.sampling.apply import apply
from genlab.sampling.case import Case


def draw_samples(
    case: Case[Samples, LabelledImages], count: int, condition: np.ndarray | None = None
) -> np.ndarray:  # (count, H, W, C)
    """New images; `condition` has a row for each where the model must be told.

    Each depends on `sample.seed` and its number.
    """
    model, arguments = case.model, case.arguments("sample")
    return apply(
        model, lambda rng, told: model.sample(len(rng), rng, told, **arguments), range(count), condition,
        seed=case.sample.seed, batch_size=case.sample.batch_size, depth=case.examples.store.images.dtype,
    )  # fmt: skip


def spread_places(examples: LabelledImages, count: int) -> np.ndarray:
    """The places of the images that tell `count` drawings what to show: evenly spread over the split."""
    return np.linspace(0, len(examples) - 1, count).round().astype(int)


def spread_condition(case: Case[Samples, LabelledImages], count: int) -> np.ndarray | None:
    """What `count` drawings are told: as the images of the split, evenly spread over them; None where nothing is."""
    if case.model.condition is None:
        return None
    return case.shown.values(case.model.condition)[spread_places(case.shown, count)]


def reconstruct_images(case: Case[Reconstructs, LabelledImages], images: np.ndarray) -> np.ndarray:
    """The reconstructions of images, in their integer type."""
    model = case.model
    return apply(
        model, lambda _, x: model.reconstruct(x), range(len(images)), images,
        batch_size=case.sample.batch_size, depth=images.dtype,
    )  # fmt: skip


def translate_images(case: Case[Translates, TwoDomains], images: np.ndarray, to: Side) -> np.ndarray:
    """Images as they look in domain `to`, in the integer type of that domain.

    The noise of each depends on `sample.seed` and its place alone.
    """
    model, arguments = case.model, case.arguments("translate")
    return apply(
        model, lambda rng, x: model.translate(x, to, rng, **arguments), range(len(images)), images,
        seed=case.sample.seed, batch_size=case.sample.batch_size, depth=case.examples.store(to).images.dtype,
    )  # fmt: skip


def other(side: Side) -> Side:
    """The other domain."""
    return "b" if side == "a" else "a"


def direction(to: Side) -> str:
    """The name of the translation that ends in domain `to`: a_to_b or b_to_a."""
    return f"{other(to)}_to_{to}"
