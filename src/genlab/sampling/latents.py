"""From images to latent vectors and back, in batches. N images, Z latent dimensions."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genlab.media.pictures.levels import to_model_range, to_pixels
from genlab.models.base import Decodes, Encodes, MatchesPrior, Model
from genlab.sampling.translate import in_evaluation

BATCH = 250  # images at a time


@torch.no_grad()
def _per_image(model: Model, images: np.ndarray, describe: Callable[[Tensor], Tensor]) -> np.ndarray:
    parts = []
    with in_evaluation(model) as (device, dtype):
        for start in range(0, len(images), BATCH):
            x = to_model_range(torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH])).to(device))
            parts.append(describe(x.to(dtype)).float().cpu().numpy())
    return np.concatenate(parts)


def encode_images(model: Model, images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) pixels -> their codes, (N, Z); without chance."""
    assert isinstance(model, Encodes)
    return _per_image(model, images, model.encode)


def draw_codes(model: Model, images: np.ndarray, seed: int) -> np.ndarray:
    """(N, H, W, C) pixels -> a draw from the distribution of each image's code, (N, Z)."""
    assert isinstance(model, MatchesPrior)
    rng = torch.Generator(next(model.parameters()).device).manual_seed(seed)
    return _per_image(model, images, lambda x: model.draw_codes(x, rng))


@torch.no_grad()
def draw_prior(model: Model, labels: np.ndarray, seed: int) -> np.ndarray:
    """As the codes of images with these (N,) labels shall be distributed, (N, Z)."""
    assert isinstance(model, MatchesPrior)
    with in_evaluation(model) as (device, _):
        drawn = model.draw_prior(torch.from_numpy(labels).to(device), torch.Generator(device).manual_seed(seed))
        return drawn.float().cpu().numpy()


@torch.no_grad()
def draw_latents(model: Model, count: int, seed: int) -> np.ndarray:
    """Latent vectors from the prior, (count, Z)."""
    assert isinstance(model, Decodes)
    with in_evaluation(model) as (device, _):
        return model.draw_latents(count, torch.Generator(device).manual_seed(seed)).float().cpu().numpy()


@torch.no_grad()
def decode_latents(
    model: Model, z: np.ndarray, condition: np.ndarray | None = None, depth: np.dtype | type = np.uint8
) -> np.ndarray:
    """(N, Z) latent vectors -> (N, H, W, C) pixels; `condition` as in `genlab.sampling.draw.draw_samples`."""
    assert isinstance(model, Decodes)
    parts = []
    with in_evaluation(model) as (device, dtype):
        for start in range(0, len(z), BATCH):
            some = torch.from_numpy(np.ascontiguousarray(z[start : start + BATCH])).to(device, dtype)
            told = None if condition is None else torch.from_numpy(condition[start : start + BATCH]).to(device)
            parts.append(to_pixels(model.decode(some, told), depth))
    return np.concatenate(parts)
