"""Every environment of 128 pixels and more trains CycleGAN and UNIT as their papers do, whatever conf/base says."""

import pytest

from genlab.data.public import SETS
from genlab.models import model_class
from genlab.pipelines.parameters import resolve
from genlab.training.settings import TrainingSettings
from tests.data.test_environments import load

LARGE = sorted(name for name, entry in SETS.items() if entry.size >= 128)


def test_the_cyclegan_family_is_among_them():
    family = {"horse2zebra", "apple2orange", "summer2winter_yosemite", "monet2photo", "cezanne2photo"}
    family |= {"ukiyoe2photo", "vangogh2photo", "iphone2dslr_flower"}
    family |= {f"{name}_unpaired" for name in ("maps", "facades", "cityscapes")}
    assert family <= set(LARGE)


@pytest.mark.parametrize("name", ["cyclegan", "unit"])
@pytest.mark.parametrize("environment", LARGE)
def test_the_recipe_is_that_of_the_paper(environment, name):
    settings = resolve(name, load(environment))
    cls = model_class(name)
    paper = TrainingSettings.of(cls.recipe, {})
    assert settings.training.what_matters() == paper.what_matters()
    given = cls(**{"image_size": 8 * 4, **settings.arguments, "generator_width": 1, "discriminator_width": 1,
                   "receptive_field": 16})  # fmt: skip
    defaults = cls(image_size=8 * 4, generator_width=1, discriminator_width=1, receptive_field=16)
    if environment == "monet2photo" and name == "cyclegan":
        assert given.identity_weight == 5.0, "half of lambda = 10"
        given.identity_weight = 0.0
    assert str(given) == str(defaults)
    plain = {k: v for k, v in vars(given).items() if isinstance(v, int | float)}
    assert plain == {k: v for k, v in vars(defaults).items() if isinstance(v, int | float)}
    arguments = settings.arguments
    assert (arguments["generator_width"], arguments["discriminator_width"], arguments["receptive_field"]) == (
        64,
        64,
        70,
    )
