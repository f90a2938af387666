"""The one way to apply a model to many examples. N examples, Z latent dimensions."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.media.base import PICTURES, Medium, medium_named
from genlab.nn.noise import Chance

BATCH = 250  # images at a time, where that is no part of the result


def to_input(rows: np.ndarray, like: Tensor, medium: Medium) -> Tensor:
    """Rows as a model takes them, on the device of `like`.

    Vectors get the type of `like`, and so do examples as a store has them, (N, *axes, C), in the range of a model.
    Labels (N,) and words (N, L) stay whole numbers.

    Raises:
        GenlabError: examples are of another whole type than a store's.
    """
    if rows.ndim > 2 and rows.dtype.kind != "f" and rows.dtype not in medium.dtypes:
        raise GenlabError(
            f"examples {rows.shape} are {rows.dtype}: give them as a store has them, "
            f"{' or '.join(map(str, medium.dtypes))} (N, *axes, C), such as examples.astype('{medium.dtypes[0]}')"
        )
    tensor = torch.from_numpy(np.ascontiguousarray(rows)).to(like.device)
    if tensor.is_floating_point():
        return tensor.to(like.dtype)
    return medium.to_model_range(tensor).to(like.dtype) if tensor.ndim > 2 else tensor


@torch.no_grad()
def apply(
    model: nn.Module, call: Callable[..., Tensor], numbers: Sequence[int], *rows: np.ndarray | None, seed: int = 0,
    batch_size: int = BATCH, depth: np.dtype | type | None = None, medium: str = PICTURES,
) -> np.ndarray:  # fmt: skip
    """`call(chance, *batch)` of many pictures, in batches, in evaluation mode, on the model's device.

    Args:
        model: is left in the mode in which it came.
        call: what the model shall do with a batch. It returns a row for each picture.
        numbers: the pictures' numbers. A picture's chance depends on `seed` and its number, not on its batch.
        rows: what there is of each picture: an example (N, *axes, C), latent vectors (N, Z), labels (N,), labels and
            groups (N, 2), words (N, L). None where there is nothing.
        seed: of the chance.
        batch_size: how many pictures at a time.
        depth: results are examples in the range of a model and come back as a store of this type has them. None: they
            come back as they are.
        medium: of the examples.

    Raises:
        GenlabError: the model cannot take rows of these shapes or types.
    """
    found, parameter, was_training, own = [], next(model.parameters()), model.training, medium_named(medium)
    model.eval()
    try:
        for start in range(0, len(numbers), batch_size):
            some = slice(start, start + batch_size)
            batch = [None if row is None else to_input(row[some], parameter, own) for row in rows]
            try:
                result = call(Chance.of(seed, numbers[some]), *batch)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                shapes = ", ".join(str(tuple(row.shape)) for row in rows if row is not None)
                raise GenlabError(
                    f"{type(model).__name__} cannot take rows of the shapes {shapes}: {str(error).splitlines()[0]}; "
                    "give them the size and the channels that it was trained on"
                ) from error
            found.append(result.cpu().numpy() if depth is None else own.from_model_range(result, depth))
    finally:
        model.train(was_training)
    return np.concatenate(found)


def batched(call: Callable[..., Tensor], size: int, *rows: np.ndarray) -> np.ndarray:
    """`call` of rows, `size` at a time; it returns a row for each."""
    starts = range(0, len(rows[0]), size)
    return torch.cat([call(*(row[start : start + size] for row in rows)) for start in starts]).cpu().numpy()
