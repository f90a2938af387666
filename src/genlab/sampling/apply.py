"""The one way to apply a model to many images. N images, Z latent dimensions."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genlab.media.pictures.levels import to_model_range, to_pixels
from genlab.models.base import Decodes, DecodesDomains, Encodes, EncodesDomains, MatchesPrior, Side
from genlab.nn.noise import Chance

BATCH = 250  # images at a time, where that is no part of the result


def to_input(rows: np.ndarray, like: Tensor) -> Tensor:
    """Pixels (N, H, W, C) in [-1, 1], vectors in the type of `like`, labels and words as they are; on its device."""
    tensor = torch.from_numpy(np.ascontiguousarray(rows)).to(like.device)
    if tensor.is_floating_point():
        return tensor.to(like.dtype)
    return to_model_range(tensor).to(like.dtype) if tensor.ndim == 4 else tensor


@torch.no_grad()
def apply(
    model: nn.Module, call: Callable[..., Tensor], numbers: Sequence[int], *rows: np.ndarray | None, seed: int = 0,
    batch_size: int = BATCH, depth: np.dtype | type | None = None,
) -> np.ndarray:  # fmt: skip
    """`call(chance, *batch)` of many pictures, in batches, in evaluation mode, on the model's device.

    Args:
        model: is left in the mode in which it came.
        call: what the model shall do with a batch. It returns a row for each picture.
        numbers: the pictures' numbers. A picture's chance depends on `seed` and its number, not on its batch.
        rows: what there is of each picture: pixels (N, H, W, C), latent vectors (N, Z), labels (N,), words (N, L). None
            where there is nothing.
        seed: of the chance.
        batch_size: how many pictures at a time.
        depth: results are images in [-1, 1] and come back as pixels of this type. None: they come back as they are.
    """
    found, parameter, was_training = [], next(model.parameters()), model.training
    model.eval()
    try:
        for start in range(0, len(numbers), batch_size):
            some = slice(start, start + batch_size)
            batch = [None if row is None else to_input(row[some], parameter) for row in rows]
            result = call(Chance.of(seed, numbers[some]), *batch)
            found.append(result.cpu().numpy() if depth is None else to_pixels(result, depth))
    finally:
        model.train(was_training)
    return np.concatenate(found)


def encode_images(model: Encodes, images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) pixels -> their codes, (N, Z); without chance."""
    return apply(model, lambda _, x: model.encode(x), range(len(images)), images)


def encode_side(model: EncodesDomains, images: np.ndarray, side: Side, batch_size: int = BATCH) -> np.ndarray:
    """(N, H, W, C) pixels of domain `side` -> what the model keeps of each, (N, ...); without chance."""
    return apply(
        model, lambda _, x: model.encode_domain(x, side), range(len(images)), images, batch_size=batch_size
    )  # fmt: skip


def decode_side(model: DecodesDomains, z: np.ndarray, side: Side, depth: np.dtype | type) -> np.ndarray:
    """(N, ...) latents of `encode_side` -> their pixels in domain `side`, (N, H, W, C)."""
    return apply(model, lambda _, some: model.decode_domain(some, side), range(len(z)), z, depth=depth)


def draw_codes(model: MatchesPrior, images: np.ndarray, seed: int) -> np.ndarray:
    """(N, H, W, C) pixels -> a draw from the distribution of each image's code, (N, Z)."""
    return apply(model, lambda rng, x: model.draw_codes(x, rng), range(len(images)), images, seed=seed)


def draw_prior(model: MatchesPrior, labels: np.ndarray, seed: int) -> np.ndarray:
    """As the codes of images with these (N,) labels shall be distributed, (N, Z)."""
    return apply(model, lambda rng, told: model.draw_prior(told, rng), range(len(labels)), labels, seed=seed)


def draw_latents(model: Decodes, count: int, seed: int) -> np.ndarray:
    """Latent vectors from the prior, (count, Z)."""
    return apply(model, lambda rng: model.draw_latents(len(rng), rng), range(count), seed=seed)


def decode_latents(
    model: Decodes, z: np.ndarray, condition: np.ndarray | None = None, depth: np.dtype | type = np.uint8
) -> np.ndarray:
    """(N, Z) latent vectors -> (N, H, W, C) pixels; `condition` as in `genlab.sampling.draw.draw_samples`."""
    return apply(model, lambda _, some, told: model.decode(some, told), range(len(z)), z, condition, depth=depth)
