"""From the merged configuration to checked settings. A wrong value is refused before any work starts.

Each section (`data`, `training`, `sample`, `evaluation`) can stand at the top, for all models, and under a model's
name, for that model. The top wins, so that an environment or `--params=training.steps=100` reaches every model.

A model's `defaults` are sections too. They lie below its own and hold what suits the embedded data and two cores.
`recipe: paper`, at the top or under a model's name, leaves them out: the model is then built and trained as its paper
says. `data` is no part of a recipe.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from genlab.data.settings import DataSettings
from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.experiments.settings import CompareSettings
from genlab.media.base import medium_named
from genlab.models import MODELS
from genlab.sampling.settings import SampleSection, SampleSettings

if TYPE_CHECKING:
    from genlab.models.base import Model
    from genlab.training.settings import TrainingSettings

SECTIONS = ("data", "training", "sample", "evaluation")
TOP_LEVEL = ("seed", "data_root", "recipe", *SECTIONS, "compare", *MODELS)
DEFAULTS = ("model", "training", "sample", "evaluation")
RECIPES = ("defaults", "paper")

UNREAD = ("?", "??")
"""What stands for labels and words where only the files can tell them: enough for any model to be built."""

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True)
class RunSettings:
    """All parameters of one model, checked."""

    seed: int
    data: DataSettings
    arguments: dict[str, Any]  # of the model's constructor
    training: "TrainingSettings"
    sample: SampleSettings
    evaluation: EvaluationSettings

    def as_parameters(self) -> dict[str, Any]:
        """Nested plain values, for a tracker."""
        sections = {name: getattr(self, name).model_dump() for name in SECTIONS}
        return {"seed": self.seed, "model": self.arguments, **sections}

    def tags(self) -> dict[str, str]:
        """What a comparison sorts runs by: dataset, seed, and a hash of all else that the weights depend on."""
        source = self.data.source if self.data.source_a is None else f"{self.data.source_a} {self.data.source_b}"
        training = {"model": self.arguments, "training": self.training.what_matters()}
        return {"dataset": source, "seed": str(self.seed), "training_protocol": protocol_hash(training)}


def _unknown(key: str, where: str, known: Iterable[str]) -> str:
    close = get_close_matches(key, list(known), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown parameter {where}{key}; {hint}Known here: {', '.join(known)}"


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one; where several have a value, the last wins."""
    merged: Any = OmegaConf.to_container(OmegaConf.merge(*(OmegaConf.create(dict(layer)) for layer in layers)))
    return merged


def check(
    schema: type[Settings], own: Mapping[str, Any], general: Mapping[str, Any], section: str, own_name: str,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:  # fmt: skip
    """A section's parameters over their defaults, checked.

    Raises:
        GenlabError: names each unknown key or wrong value, where it stands, and what is allowed.
    """
    try:
        return schema(**merge(defaults or {}, own, general))
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            keys = [str(key) for key in problem["loc"]]
            top = bool(keys) and keys[0] in general
            where = section if top else own_name
            if problem["type"] == "extra_forbidden":
                problems.append(_unknown(keys[-1], ".".join([where, *keys[:-1]]) + ".", _fields(schema, keys[:-1])))
            else:
                wanted = problem["msg"].replace("Input should be", "it should be")
                problems.append(f"parameter {'.'.join([where, *keys])} is {problem['input']!r}: {wanted}")
        raise GenlabError("; ".join(problems) + f". Set it in conf/ or with --params={section}.KEY=VALUE") from error


def _another_source(own: Mapping[str, Any], general: Mapping[str, Any]) -> bool:
    """Whether the general `data` section names other images than a model's own section is about."""
    usual = own.get("source", DataSettings.model_fields["source"].default)
    return general.get("source", usual) != usual or "source_a" in general


def _fields(schema: type[BaseModel], keys: list[str]) -> list[str]:
    for key in keys:
        annotation = schema.model_fields[key].annotation
        assert isinstance(annotation, type)
        schema = annotation
    return list(schema.model_fields)


def argument_schema(model: "type[Model]", data: DataSettings) -> type[BaseModel]:
    """The arguments of a model's constructor as a schema, without those that follow the data.

    The constructor's annotations are the rules.
    """
    from genlab.models.base import DATA_ARGUMENTS

    medium = medium_named(data.medium)
    shape = medium.shape(1, dict(data))
    follow = {*DATA_ARGUMENTS, *medium.arguments({"images": shape}), *medium.arguments({"a": shape, "b": shape})}
    fields: dict[str, Any] = {
        name: (parameter.annotation, parameter.default)
        for name, parameter in inspect.signature(model.__init__).parameters.items()
        if name not in ("self", *follow)
    }
    return create_model(model.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def sample_schema(model: str, general: Mapping[str, Any]) -> type[SampleSection]:
    """The `sample` section of a model: what holds for all, and its own arguments of sampling.

    Raises:
        GenlabError: the section for all models has an argument that others have and this one has not.
    """
    from genlab.models import model_class
    from genlab.models.base import sampling_arguments

    own = {name: (p.annotation, p.default) for name, p in sampling_arguments(model_class(model)).items()}
    schema = create_model(model, __base__=SampleSection, **own)  # type: ignore[call-overload]
    for key in set(general) - set(schema.model_fields):
        if owners := [other for other in MODELS if key in sampling_arguments(model_class(other))]:
            raise GenlabError(f"{model} has no sample.{key}: write {owners[0]}.sample.{key} for the model that has it")
    return schema


def resolve(model: str, parameters: Mapping[str, Any]) -> RunSettings:
    """The settings of one model out of the merged configuration.

    Raises:
        GenlabError: a key is unknown, or a value is not allowed; the message names it and what is allowed.
    """
    from genlab.models import model_class
    from genlab.training.settings import TrainingSettings

    require_known(TOP_LEVEL, parameters, "")
    own = _own(model, parameters)
    seed = parameters.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise GenlabError(f"parameter seed is {seed!r}: it should be a whole number from 0 up. Use --params=seed=0")
    cls = model_class(model)

    def section(schema: type[Settings], name: str) -> Settings:
        mine, general = own[name], _section(parameters, name)
        if name == "data" and _another_source(mine, general):
            mine = {}  # what the model's file says of its own images, such as their classes, does not hold for others
        recipe = vars(cls.recipe_for(arguments)) if name == "training" else None
        return check(schema, mine, general, name, f"{model}.{name}", recipe)

    data = section(DataSettings, "data")
    checked = check(argument_schema(cls, data), own["model"], {}, f"{model}.model", f"{model}.model")
    arguments = checked.model_dump(exclude_unset=True)
    sample = section(sample_schema(model, _section(parameters, "sample")), "sample")
    return RunSettings(
        seed=seed,
        data=data,
        arguments=arguments,
        training=section(TrainingSettings, "training"),
        sample=SampleSettings(
            **sample.model_dump(include=set(SampleSection.model_fields)),
            arguments=sample.model_dump(exclude=set(SampleSection.model_fields)),
        ),
        evaluation=section(EvaluationSettings, "evaluation"),
    )


def _section(given: Mapping[str, Any], name: str, where: str = "") -> dict[str, Any]:
    """The section of that name, empty if there is none.

    Raises:
        GenlabError: it is a value without keys.
    """
    section = given.get(name) or {}
    if not isinstance(section, Mapping):
        raise GenlabError(f"parameter {where}{name} is {section!r}: it should be a section with keys of its own")
    return dict(section)


def _own(model: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The sections under a model's name, over its defaults unless the recipe is the paper's.

    Raises:
        GenlabError: a key is unknown, a section has no keys, or there is no such recipe.
    """
    own = _section(parameters, model)
    require_known(("recipe", "defaults", "model", *SECTIONS), own, f"{model}.")
    defaults = _section(own, "defaults", f"{model}.")
    require_known(DEFAULTS, defaults, f"{model}.defaults.")
    recipes = {f"{model}.recipe": own.get("recipe"), "recipe": parameters.get("recipe")}
    for where, recipe in recipes.items():
        if recipe not in (None, *RECIPES):
            raise GenlabError(f"parameter {where} is {recipe!r}: it should be {' or '.join(map(repr, RECIPES))}")
    paper = (parameters.get("recipe") or own.get("recipe")) == "paper"
    layers = [own] if paper else [defaults, own]
    return {name: merge(*(_section(layer, name, f"{model}.") for layer in layers)) for name in ("model", *SECTIONS)}


def _general(schema: type[Settings], name: str, parameters: Mapping[str, Any]) -> Settings:
    """A section that holds for no model in particular.

    Raises:
        GenlabError: a key is unknown, or a value is not allowed.
    """
    require_known(TOP_LEVEL, parameters, "")
    return check(schema, {}, _section(parameters, name), name, name)


def resolve_data(parameters: Mapping[str, Any]) -> DataSettings:
    """The `data` section that holds for no model in particular; raises as `resolve` does."""
    return _general(DataSettings, "data", parameters)


def compare_settings(parameters: Mapping[str, Any]) -> CompareSettings:
    """The `compare` section; raises as `resolve` does."""
    return _general(CompareSettings, "compare", parameters)


def data_settings(name: str, parameters: Mapping[str, Any]) -> DataSettings:
    """The `data` section of the pipeline of that name: a model's, or "data"."""
    return resolve_data(parameters) if name == "data" else resolve(name, parameters).data


def require_known(known: Iterable[str], given: Mapping[str, Any], where: str) -> None:
    """Refuse a mapping with other keys than those known.

    Raises:
        GenlabError: names the first unknown key and the known ones.
    """
    for key in given:
        if key not in known:
            raise GenlabError(_unknown(key, where, known) + ". Set parameters in conf/ or with --params=KEY=VALUE")


def require_said(given: Mapping[str, Any]) -> None:
    """Refuse `--params=sample.text=` with nothing behind it, which the command line reads as null: no request.

    Raises:
        GenlabError: says what to write.
    """
    for section in (given, *(given.get(model) for model in MODELS)):
        sample = (section or {}).get("sample")
        for key, example in (("text", '"a light sandal"'), ("label", "sneaker")):
            if isinstance(sample, Mapping) and key in sample and sample[key] is None:
                raise GenlabError(f"sample.{key} is empty; say what to draw: --params=sample.{key}={example}")


def check_model_fits(model: str, settings: RunSettings) -> None:
    """Build the model without memory for the images that the data settings promise.

    Where only the files can tell how many channels their images have, three are assumed. The train node checks again
    once it has read the files.

    Raises:
        GenlabError: the source does not exist, the network cannot take its images, or `sample` asks for a drawing that
            the model cannot make.
    """
    import torch

    from genlab.data.arrange.captions import known_words
    from genlab.data.arrange.derive import derived_channels
    from genlab.data.sources.layouts import SINGLE
    from genlab.data.sources.listing import known_channels, known_classes, require_source
    from genlab.data.spec import Spec
    from genlab.sampling.request import require_drawable
    from genlab.training.checkpoint import build_model

    require_source(settings.data)
    words = known_words(settings.data) if MODELS[model].captions else ()
    classes = known_classes(settings.data)
    channels = known_channels(settings.data)
    if channels is None:
        channels = dict.fromkeys((SINGLE,) if MODELS[model].trains_on == "images" else ("a", "b"), 3)
    elif MODELS[model].trains_on != "images":
        channels = derived_channels(channels, settings.data)
    elif SINGLE not in channels:
        raise GenlabError(
            f"{model} learns from one set of images, but {settings.data.source} has two domains; name another set with "
            "--params=data.source=NAME, or one of its folders"
        )
    medium, data = medium_named(settings.data.medium), dict(settings.data)
    shapes = {domain: medium.shape(count, data) for domain, count in channels.items()}
    spec = Spec(shapes, UNREAD if classes is None else classes,
                     UNREAD if words is None else words)  # fmt: skip
    with torch.device("meta"):
        built = build_model(model, spec, settings.arguments)
    settings.training.require_players(built.players())
    require_drawable(model, getattr(built, "condition", None), settings.sample, classes, words)
