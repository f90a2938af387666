"""What a model does, in one picture, while it trains."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genlab.data.arrange.examples import Examples
from genlab.errors import GenlabError
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import stack_pictures
from genlab.models.base import Model
from genlab.report.registry import figure
from genlab.sampling.registry import drawing
from genlab.sampling.settings import SampleSettings


@dataclass(frozen=True)
class Overview:
    """The same few drawings, made again and again."""

    examples: Examples  # all splits
    split: str
    settings: SampleSettings

    def __call__(self, model: Model) -> np.ndarray:
        """The figures that show drawings and nothing else, one under the other, (H, W, 3) uint8.

        Raises:
            GenlabError: the model draws nothing.
        """
        few = self.examples.split(self.split).spread(self.settings.pictures)
        settings = self.settings.model_copy(update={"count": self.settings.pictures})
        case: Judged[Any, Any] = Judged(model, few, settings, self.split)
        pictures = figure.run(replace(case, drawings=drawing.run(case)), overview=True)
        if not pictures:
            raise GenlabError(f"{type(model).__name__} has no capability that draws: nothing can be shown")
        return stack_pictures(list(pictures.values()))
