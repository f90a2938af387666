"""Directions of labels in a latent space. N images, Z latent dimensions, K classes."""

from typing import Any

import numpy as np

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.media.pictures.tiles import draw_tiles
from genlab.models.base import Decodes, Encodes
from genlab.report.registry import figure
from genlab.sampling.draw import decode_latents, encode_images

STEPS = 7  # images in a row; the one in the middle is real
ROWS = 10  # classes at most
ENCODED = 2000  # training images behind the directions, at most


def label_directions(codes: np.ndarray, labels: np.ndarray, classes: int) -> dict[int, np.ndarray]:
    """From the mean code of all other images to that of each class, (Z,), by label.

    Kingma and Dhariwal 2018, section 5.2, do so for attributes of faces. An image without a label, -1, is no example of
    anything. A class without examples, or without others, has no direction.
    """
    found = {}
    for label in range(classes):
        mine, others = codes[labels == label], codes[(labels >= 0) & (labels != label)]
        if len(mine) and len(others):
            found[label] = mine.mean(axis=0) - others.mean(axis=0)
    return found


@figure(needs=(Decodes, Encodes), on=LabelledImages)
def draw_directions(case: Judged[Any, LabelledImages]) -> dict[str, np.ndarray]:
    """`directions`: a row for each class, an image of the split moved away from it and towards it.

    The steps go from -1 to 1 times the direction of the class. None where there are not two classes.
    """
    train, images = case.examples.split("train").spread(ENCODED), case.shown.spread(ROWS).pixels
    directions = label_directions(encode_images(case, train.pixels), train.labels, len(train.classes))
    if not directions:
        return {}
    some = list(directions)[:ROWS]
    start = encode_images(case, images[np.arange(len(some)) % len(images)])
    along = np.stack([directions[label] for label in some])
    z = start[:, None] + np.linspace(-1, 1, STEPS)[:, None] * along[:, None]
    drawn = decode_latents(case, z.reshape(-1, z.shape[-1]).astype(np.float32))
    return {"directions": draw_tiles([drawn], across=STEPS, names=[train.classes[label] for label in some])}
