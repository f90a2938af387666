"""Diversity: distances between drawings against those between real images."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.diversity import mean_distance, measure_diversity
from genlab.models.dcgan import DCGAN
from genlab.sampling.settings import SampleSettings


def test_mean_distance_is_scipys(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (12, 5, 5, 3), dtype=np.uint8)
    assert mean_distance(images) == pytest.approx(pdist(images.reshape(12, -1).astype(float)).mean())
    assert mean_distance(np.repeat(images[:1], 9, axis=0)) == 0


def test_a_model_that_draws_one_image_has_none(few_images: LabelledImages) -> None:
    measure = measure_diversity(few_images, "train", SampleSettings())
    assert measure is not None
    model = DCGAN(image_size=32, channels=1, generator_width=4, discriminator_width=4)
    varied = measure(model)
    model.generator.project.weight.data.zero_()
    alone = measure(model)
    assert varied is not None
    assert alone == 0 < varied < 1


def test_where_images_do_not_differ_nothing_is_measured(few_images: LabelledImages) -> None:
    one = LabelledImages(few_images.table.head(1), few_images.store, few_images.classes)
    assert measure_diversity(one, "train", SampleSettings()) is None
