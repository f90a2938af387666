"""Images drawn anew from what a model keeps of them."""

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.base import Reconstructs
from genlab.sampling.case import Case
from genlab.sampling.draw import reconstruct_images
from genlab.sampling.registry import drawing


@drawing(needs=Reconstructs, on=LabelledImages)
def draw_reconstructions(case: Case[Reconstructs, LabelledImages]) -> dict[str, np.ndarray]:
    """The reconstruction of every image of the split, "reconstructions/<id>"."""
    again = reconstruct_images(case, case.shown.pixels)
    return {f"reconstructions/{name}": p for name, p in zip(case.shown.table["id"], again, strict=True)}
