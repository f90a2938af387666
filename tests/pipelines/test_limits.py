"""Settings that cannot be meant: at their limits and far beyond, for every model."""

import inspect
import math
from collections.abc import Iterator
from typing import Any

import pytest

from genlab.data.settings import DataSettings
from genlab.errors import GenlabError
from genlab.models import MODELS, model_class
from genlab.pipelines.parameters import argument_schema, check_model_fits, merge, resolve
from genlab.training.settings import TrainingSettings


def beyond(default: Any) -> Iterator[Any]:
    """Values of a parameter at its limits and far beyond."""
    if default is True or default is False:
        yield from (True, "no", 2)
    elif isinstance(default, int):
        yield from (0, 1, 2, 10**5, 10**12, -1, 0.5, float("inf"))
    elif isinstance(default, float):
        yield from (0.0, 1e-300, 1.0, 1e300, -1.0, float("inf"), float("nan"))
    else:
        yield from ("", "nonsense", -1, [], {}, None)


def arguments_of(model: str) -> dict[str, inspect.Parameter]:
    schema = argument_schema(model_class(model), DataSettings())
    parameters = inspect.signature(model_class(model).__init__).parameters
    return {name: parameters[name] for name in schema.model_fields}


@pytest.mark.parametrize("model", MODELS)
def test_whatever_a_parameter_is_set_to_a_model_is_built_or_refused_in_one_line(model: str) -> None:
    """Every argument of the constructor and every value of the recipe, one at a time."""
    recipe = {name: field.get_default() for name, field in TrainingSettings.model_fields.items()}
    cases = [("model", name, p.default) for name, p in arguments_of(model).items()]
    if model == "gan":  # training settings are the same for all
        cases += [("training", name, default) for name, default in recipe.items()]
    own = {"model": model_class(model).small()}
    for section, name, default in cases:
        for value in beyond(default):
            given = merge({model: own, "data": {"image_size": 32}}, {model: {section: {name: value}}})
            try:
                settings = resolve(model, given)
                check_model_fits(model, settings)
            except GenlabError as error:
                said = str(error)
            else:
                said, number = "", {**settings.arguments, **settings.training.model_dump()}[name]
                assert not isinstance(number, float) or math.isfinite(number), (section, name, value)
            assert "\n" not in said, (section, name, value)
