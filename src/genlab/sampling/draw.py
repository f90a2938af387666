"""Drawing with a trained model: new images, reconstructions, translations, all (N, *axes, C): pixels (N, H, W, C)."""

from typing import Any

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import TwoDomains
from genlab.models.base import (
    Decodes,
    DecodesDomains,
    Encodes,
    EncodesDomains,
    MatchesPrior,
    Reconstructs,
    Samples,
    Side,
    Translates,
)
from genlab.sampling.case import Case


def draw_samples(
    case: Case[Samples, LabelledImages], count: int, condition: np.ndarray | None = None
) -> np.ndarray:  # (count, *axes, C)
    """New images; `condition` has a row for each where the model must be told.

    Each depends on `sample.seed` and its number.
    """
    model, arguments = case.model, case.arguments("sample")
    return case.apply(
        lambda rng, told: model.sample(len(rng), rng, told, **arguments), range(count), condition,
        seed=case.sample.seed, batch_size=case.sample.batch_size, depth=case.examples.store.images.dtype,
    )  # fmt: skip


def spread_places(examples: LabelledImages, count: int) -> np.ndarray:
    """The places of the images that tell `count` drawings what to show: evenly spread over the split."""
    return np.linspace(0, len(examples) - 1, count).round().astype(int)


def spread_condition(case: Case[Samples, LabelledImages], count: int) -> np.ndarray | None:
    """What `count` drawings are told: as the images of the split, evenly spread over them; None where nothing is.

    Where the split has groups that training has not, they are told as the training images.
    """
    condition, shown = case.model.condition, case.shown
    if condition is None:
        return None
    if condition == "labels_and_groups" and case.examples.has_split("train"):
        train = case.examples.split("train")
        shown = shown if set(shown.group_numbers) <= set(train.group_numbers) else train
    return shown.values(condition)[spread_places(shown, count)]


def reconstruct_images(case: Case[Reconstructs, LabelledImages], images: np.ndarray) -> np.ndarray:
    """The reconstructions of images, in their integer type."""
    model = case.model
    return case.apply(
        lambda _, x: model.reconstruct(x), range(len(images)), images,
        batch_size=case.sample.batch_size, depth=images.dtype,
    )  # fmt: skip


def translate_images(case: Case[Translates, TwoDomains], images: np.ndarray, to: Side) -> np.ndarray:
    """Images as they look in domain `to`, in the integer type of that domain.

    The noise of each depends on `sample.seed` and its place alone.
    """
    model, arguments = case.model, case.arguments("translate")
    return case.apply(
        lambda rng, x: model.translate(x, to, rng, **arguments), range(len(images)), images,
        seed=case.sample.seed, batch_size=case.sample.batch_size, depth=case.examples.store(to).images.dtype,
    )  # fmt: skip


def encode_images(case: Case[Encodes, Any], images: np.ndarray) -> np.ndarray:
    """The codes of images, (N, Z); without chance."""
    return case.apply(lambda _, x: case.model.encode(x), range(len(images)), images)


def encode_side(case: Case[EncodesDomains, Any], images: np.ndarray, side: Side) -> np.ndarray:
    """What the model keeps of images of domain `side`, (N, ...); without chance."""
    encode = case.model.encode_domain
    return case.apply(lambda _, x: encode(x, side), range(len(images)), images, batch_size=case.sample.batch_size)


def decode_side(case: Case[DecodesDomains, TwoDomains], z: np.ndarray, side: Side) -> np.ndarray:
    """The images of latents of `encode_side` in domain `side`."""
    decode, depth = case.model.decode_domain, case.examples.store(side).images.dtype
    return case.apply(lambda _, some: decode(some, side), range(len(z)), z, depth=depth)


def draw_codes(case: Case[MatchesPrior, Any], images: np.ndarray, seed: int) -> np.ndarray:
    """A draw from the distribution of each image's code, (N, Z)."""
    return case.apply(lambda rng, x: case.model.draw_codes(x, rng), range(len(images)), images, seed=seed)


def draw_prior(case: Case[MatchesPrior, Any], labels: np.ndarray, seed: int) -> np.ndarray:
    """As the codes of images with these (N,) labels shall be distributed, (N, Z)."""
    return case.apply(lambda rng, told: case.model.draw_prior(told, rng), range(len(labels)), labels, seed=seed)


def draw_latents(case: Case[Decodes, Any], count: int) -> np.ndarray:
    """Latent vectors from the prior, (count, Z)."""
    return case.apply(lambda rng: case.model.draw_latents(len(rng), rng), range(count), seed=case.sample.seed)


def decode_latents(
    case: Case[Decodes, LabelledImages], z: np.ndarray, condition: np.ndarray | None = None
) -> np.ndarray:
    """The images of latent vectors (N, Z); `condition` as in `draw_samples`."""
    decode, depth = case.model.decode, case.examples.store.images.dtype
    return case.apply(lambda _, some, told: decode(some, told), range(len(z)), z, condition, depth=depth)


def other(side: Side) -> Side:
    """The other domain."""
    return "b" if side == "a" else "a"


def direction(to: Side) -> str:
    """The name of the translation that ends in domain `to`: a_to_b or b_to_a."""
    return f"{other(to)}_to_{to}"
