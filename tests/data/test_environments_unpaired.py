"""Every environment of 128 pixels and more trains CycleGAN and UNIT as their papers do, whatever conf/base says."""

import pytest

from genlab.data.settings import DataSettings
from genlab.data.sources.public import SETS
from genlab.models import model_class
from genlab.pipelines.parameters import argument_schema, resolve
from genlab.training.settings import TrainingSettings
from tests.data.test_environments import load

LARGE = sorted(name for name, entry in SETS.items() if entry.size >= 128 and entry.medium == "pictures")


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
    papers = {"identity_weight": 0.5} if (environment, name) == ("monet2photo", "cyclegan") else {}  # section 5.2
    arguments = argument_schema(cls, DataSettings())
    assert arguments(**settings.arguments) == arguments(**papers)
