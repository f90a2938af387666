"""What drawings, measures and figures are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from genlab.data.arrange.examples import Examples
from genlab.media.base import medium_named
from genlab.models.base import keyword_arguments
from genlab.sampling.apply import BATCH, apply
from genlab.sampling.settings import SampleSettings

M = TypeVar("M", covariant=True)
E = TypeVar("E", covariant=True)


def group(drawings: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The drawings "<name>/<id>" by id; empty where there is no such group."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): pixels for key, pixels in drawings.items() if key.startswith(prefix)}


@dataclass(frozen=True)
class Case(Generic[M, E]):
    """A trained model beside its images. `M` are the capabilities that a function needs, `E` the arrangement."""

    model: M
    examples: E  # all splits
    sample: SampleSettings
    split: str = "test"  # the split that is drawn
    statistics: str = "fixed"  # with which the model normalises; see `Checkpoint.statistics`
    drawings: Mapping[str, np.ndarray] = field(default_factory=dict)  # examples (*axes, C) by "<group>/<id>"

    @cached_property
    def shown(self) -> E:
        """The images of the split that is drawn."""
        return cast(E, cast(Examples, self.examples).split(self.split))

    def show(self, examples: np.ndarray) -> np.ndarray:
        """Examples (N, *axes, C) as pictures for a person, (N, H, W, C) of unsigned integers; pictures as they are."""
        medium = medium_named(cast(Examples, self.examples).spec.medium)
        return np.stack([medium.show(example) for example in examples])

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(cast(nn.Module, self.model).parameters()).device

    def apply(
        self, call: Callable[..., Tensor], numbers: Sequence[int], *rows: np.ndarray | None, seed: int = 0,
        batch_size: int = BATCH, depth: np.dtype | type | None = None,
    ) -> np.ndarray:  # fmt: skip
        """`genlab.sampling.apply.apply` of the model to examples of its medium."""
        model, examples = cast(nn.Module, self.model), cast(Examples, self.examples)
        how: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "depth": depth, "medium": examples.spec.medium}
        return apply(model, call, numbers, *rows, **how)

    def arguments(self, method: str) -> dict[str, Any]:
        """Those of the arguments of sampling that this method of the model takes."""
        taken = keyword_arguments(getattr(self.model, method))
        return {name: value for name, value in self.sample.arguments.items() if name in taken}

    @property
    def protocol(self) -> dict[str, Any]:
        """How the drawings were made, as far as another choice gives other drawings of the same model."""
        by_batch = {"batch_size": self.sample.batch_size} if self.statistics == "batch" else {}
        return {"sample_seed": self.sample.seed, **self.sample.arguments, **by_batch}

    def group(self, name: str) -> dict[str, np.ndarray]:
        """The drawings of one group by id; empty where there is no such group."""
        return group(self.drawings, name)
