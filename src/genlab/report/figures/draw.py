"""The figures of a trained model, by what it can do."""

from collections.abc import Mapping

import numpy as np

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import DecodesDomains, EncodesDomains, Model, Samples, Translates
from genlab.report.figures.conditions import draw_condition_figures
from genlab.report.figures.latent_space import draw_latent_figures
from genlab.report.figures.shared_latents import draw_shared_latents
from genlab.sampling.settings import SampleSettings
from genlab.sampling.translate import choose_shown, group, translation_grid


def draw_figures(
    model: Model, examples: Examples, drawings: Mapping[str, np.ndarray], settings: SampleSettings
) -> dict[str, np.ndarray]:
    """Pictures (H, W, 3) uint8 by name, of the test split; `drawings` are those of `genlab.sampling.draw`."""
    figures = {}
    if isinstance(model, Translates):
        assert isinstance(examples, PairedImages | UnpairedImages)
        for to in model.targets:
            shown = choose_shown(examples, to, settings.pictures)
            name = "translations" if len(model.targets) == 1 else f"translations_to_{to}"
            figures[name] = translation_grid(shown, drawings, to)
        if isinstance(model, EncodesDomains) and isinstance(model, DecodesDomains):
            figures["shared_latents"] = draw_shared_latents(model, examples, settings)
    if isinstance(examples, LabelledImages):
        new = group(drawings, "samples")
        if isinstance(model, Samples) and new:
            rows = np.linspace(0, len(new) - 1, min(settings.pictures, len(new))).round().astype(int)
            figures["samples"] = draw_tiles([np.stack([list(new.values())[row] for row in rows])])
        if isinstance(model, Samples):
            figures |= draw_condition_figures(model, examples, drawings, settings)
        again = group(drawings, "reconstructions")
        if again:
            shown_images = examples.spread(settings.pictures)
            pair = [shown_images.pixels, np.stack([again[name] for name in shown_images.table["id"]])]
            figures["reconstructions"] = draw_tiles(pair, strip_names=("original", "reconstruction"))
        figures |= draw_latent_figures(model, examples, settings)
    return figures
