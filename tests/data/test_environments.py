"""Every public set is an environment, and the pix2pix family has the recipe of its paper."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from genlab.data.settings import DataSettings
from genlab.data.sources.public import SETS
from genlab.models.pix2pix import Pix2Pix
from genlab.pipelines.parameters import argument_schema, resolve
from genlab.settings import CONFIG_LOADER_ARGS
from genlab.training.settings import TrainingSettings

CONF = Path(__file__).parents[2] / "conf"
ENVIRONMENTS = {name: name for name in SETS} | {"emoji": "emoji_pairs"}
JITTER = 286 / 256

# Isola et al. 2017, section 6.2: direction, epochs, batch size, jitter and mirroring
RECIPES = {
    "facades": ("b_to_a", 200, 1, True),
    "cityscapes": ("b_to_a", 200, 1, True),
    "maps": ("a_to_b", 200, 1, True),
    "edges2shoes": ("a_to_b", 15, 4, False),
    "edges2handbags": ("a_to_b", 15, 4, False),
    "night2day": ("b_to_a", 17, 4, True),
}


def load(environment):
    return OmegaConfigLoader(str(CONF), env=environment, **CONFIG_LOADER_ARGS)["parameters"]


def test_there_is_an_environment_for_every_set_and_no_other():
    found = {path.name for path in CONF.iterdir() if path.is_dir()} - {"base", "lecture", "local", "test"}
    assert found == set(ENVIRONMENTS)


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
def test_the_environment_names_its_set_at_its_size(environment):
    data = resolve("pix2pix", load(environment)).data
    assert data.source == ENVIRONMENTS[environment]
    assert data.classes is None, "conf/base names three of Fashion-MNIST"
    if environment == "spoken_digits":
        assert (data.medium, round(data.rate * data.seconds)) == ("sound", SETS[environment].size)
    elif environment in SETS:
        assert data.image_size == max(SETS[environment].size, 32)  # 28 pixels get a border


@pytest.mark.parametrize("environment", sorted(RECIPES))
def test_the_recipe_is_that_of_the_paper(environment):
    settings = resolve("pix2pix", load(environment))
    direction, epochs, batch_size, augmented = RECIPES[environment]
    paper = TrainingSettings.of(
        Pix2Pix.recipe,
        {"epochs": epochs, "batch_size": batch_size, "jitter": JITTER if augmented else 1.0, "mirror": augmented},
    )
    assert settings.training.what_matters() == paper.what_matters()  # how often it reports is no part of a recipe
    arguments = argument_schema(Pix2Pix, DataSettings())(**settings.arguments)
    assert arguments.model_dump() == argument_schema(Pix2Pix, DataSettings())(direction=direction).model_dump()


def test_the_pix2pix_family_is_what_has_recipes():
    assert {name for name, entry in SETS.items() if entry.layout == "side_by_side"} == set(RECIPES)
