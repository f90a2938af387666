"""Principal components of images: what a linear code of the same size keeps.

N images, D numbers in an image, Z components.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from genlab.data.arrange.labelled import LabelledImages
from genlab.media.pictures.integers import flatten, largest, to_integers

MEMORY = 2**28  # bytes of float32 images that the components are found in; 64,000 images of 32 x 32 grey pixels


@dataclass(frozen=True)
class PrincipalComponents:
    """The first components of images in the pixel range [0, 1], the most important first."""

    mean: np.ndarray  # (D,)
    directions: np.ndarray  # (Z, D)
    fitted_on: int  # images

    @classmethod
    def of(cls, train: LabelledImages, count: int, seed: int = 0) -> "PrincipalComponents":
        """At most `count` components of the training images: of all, or of as many, drawn at random, as `MEMORY` holds.

        scikit-learn's randomised PCA; there are no more components than images or numbers in an image.
        """
        rows = train.table["row"].to_numpy()
        numbers = int(np.prod(train.store.images.shape[1:]))
        most = max(2, MEMORY // (4 * numbers))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        pixels = flatten(train.store.take(rows))
        pca = PCA(min(count, *pixels.shape), svd_solver="randomized", random_state=seed).fit(pixels)
        return cls(pca.mean_, pca.components_, len(rows))

    def reconstruct(self, images: np.ndarray, count: int) -> np.ndarray:
        """(N, H, W, C) pixels -> what their first `count` components keep of them, of the same type."""
        directions = self.directions[:count]
        again = (flatten(images) - self.mean) @ directions.T @ directions + self.mean
        return to_integers(again * largest(images.dtype), images.dtype).reshape(images.shape)
