"""What the lessons share: the embedded images, a short training by the library, and pictures of both.

`kedro run` takes the same steps: it stores images, arranges them, and trains.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from genlab.data.arrange.derive import derive, pair_sides, sides
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.arrange.unpair import unpair
from genlab.data.arrange.view import view, view_derived
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet
from genlab.media.pictures.tiles import draw_tiles
from genlab.models import model_class
from genlab.models.base import Model
from genlab.training.fit import Job, fit
from genlab.training.settings import TrainingSettings

torch.set_num_threads(1)  # so that sums are added up in the same order on every machine
_kept = tempfile.TemporaryDirectory()
FOLDER = Path(_kept.name)


def stored(settings: DataSettings) -> ImageSet:
    """The images of Fashion-MNIST that the settings ask for."""
    source = list_source(Path(__file__).parents[2] / "data/01_raw", settings)
    return view(ingest(source, settings, FOLDER / settings.set_name()), settings)


def images(*classes: str, **data: Any) -> LabelledImages:
    """Images with these labels; `data` are settings such as image_size=16."""
    return LabelledImages.of(stored(DataSettings(classes=classes, **data)))


def pairs(*classes: str, **data: Any) -> PairedImages:
    """Edge drawings (a) and the images (b) that they were made from."""
    settings = DataSettings(classes=classes, **data)
    images = stored(settings)
    derived = view_derived(derive(images, settings, FOLDER / settings.derived_name()), images)
    return PairedImages(pair_sides(images, derived, settings), *sides(images, derived))


def domains(*classes: str, **data: Any) -> UnpairedImages:
    """Edge drawings (a) and images (b). Training has no two that belong together; test images know their partners."""
    settings = DataSettings(classes=classes, **data)
    images = stored(settings)
    derived = view_derived(derive(images, settings, FOLDER / settings.derived_name()), images)
    pairs = pair_sides(images, derived, settings)
    return UnpairedImages.of(images, derived, unpair(images, derived, pairs, settings))


def train(
    name: str, examples: Examples, arguments: Mapping[str, Any], draw: Callable[[Model], np.ndarray] | None = None,
    **training: Any,
) -> tuple[Model, pd.DataFrame]:  # fmt: skip
    """A trained model, ready to use, and its losses over time. What is not in `training` is as in the paper.

    `draw` is called every `picture_every` steps.
    """
    recipe = model_class(name).recipe_for(arguments)
    settings = TrainingSettings.of(recipe, {"accelerator": "cpu", **training})
    job = Job(name, arguments, examples.split("train"), settings, seed=0, snapshots=FOLDER / "snapshots", draw=draw)
    fitted = fit(job, lambda sight: None)
    return fitted.checkpoint.build().eval(), pd.DataFrame(fitted.history)


def show(*strips: np.ndarray, names: tuple[str, ...] = (), across: int = 10) -> Image.Image:
    """Rows of grey images (N, H, W, 1); image i of the second strip stands under image i of the first."""
    return Image.fromarray(draw_tiles(strips, across=across, strip_names=names)).convert("L")
