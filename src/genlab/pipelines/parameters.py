"""From the merged configuration to checked settings. A wrong value is refused before any work starts.

Each section (`data`, `training`, `sample`, `evaluation`) can stand at the top, for all models, and under a model's
name, for that model. The top wins. So an environment or `--params=training.steps=100` reaches every model.

A model's `defaults` are sections too. They lie below its own and hold what suits the embedded data and two cores.
`recipe: paper`, at the top or under a model's name, leaves them out: the model is then built and trained as its paper
says. `data` is no part of a recipe.
"""

import inspect
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, create_model

from genlab.data.settings import DataSettings
from genlab.errors import GenlabError
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.settings import EvaluationSettings
from genlab.experiments.settings import CompareSettings
from genlab.media.base import medium_of
from genlab.models import MODELS
from genlab.sampling.settings import SampleSection, SampleSettings
from genlab.tracking.tracker import flatten

if TYPE_CHECKING:
    from genlab.models.base import Model
    from genlab.training.settings import TrainingSettings

SECTIONS = ("data", "training", "sample", "evaluation")
STAGES = ("arrange", "train", "draw", "evaluate")
"""The nodes that bring in settings of their own. The others depend on those of `evaluate`."""

UNREAD = ("?", "??")
"""Labels and words in place of those that only the files can tell. Any model can be built with them."""

Settings = TypeVar("Settings", bound=BaseModel)


def _schema(name: str, sections: Iterable[str], **fields: Any) -> type[BaseModel]:
    """A schema of sections, whose keys are checked later, and of these fields."""
    fields |= dict.fromkeys(sections, (dict[str, Any] | None, None))
    return create_model(name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)


RECIPE = (Literal["defaults", "paper"] | None, None)
SEED = (Annotated[StrictInt, Field(ge=0, lt=2**63)], 0)
RECORDED = "recorded"
"""Hooks put here, by model, the settings of what an earlier run made and this one goes on from. They win."""
Top = _schema("Top", [*SECTIONS, "compare", *MODELS, RECORDED], seed=SEED, data_root=(Any, None), recipe=RECIPE)
Own = _schema("Own", ["defaults", "model", *SECTIONS], recipe=RECIPE)
Defaults = _schema("Defaults", ["model", *SECTIONS[1:]])  # which images a model learns from is no default


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

    def behind(self, node: str) -> dict[str, Any]:
        """The sections that the work of a node depends on, besides those behind what it takes: plain values."""
        match node:
            case "arrange":
                return {"data": self.data.model_dump(mode="json", exclude={"root", "workers", "max_rejected"})}
            case "train":
                training = {key: value for key, value in self.training.what_matters().items() if key != "accelerator"}
                return {"seed": self.seed, "model": self.arguments, "training": training}
            case "draw":
                sample = self.sample.model_dump(mode="json")
                return {"sample": sample.pop("arguments") | sample}
        return {"evaluation": self.evaluation.model_dump(mode="json")}

    def tags(self) -> dict[str, str]:
        """What a comparison needs: dataset, seed, and a hash of the other settings that the weights depend on."""
        source = self.data.source if self.data.source_a is None else f"{self.data.source_a} {self.data.source_b}"
        training = {"model": self.arguments, "training": self.training.what_matters()}
        return {"dataset": source, "seed": str(self.seed), "training_protocol": protocol_hash(training)}


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one; where several have a value, the last wins.

    Raises:
        GenlabError: one has a list where another has a section.
    """
    try:
        merged: Any = OmegaConf.to_container(OmegaConf.merge(*(OmegaConf.create(dict(layer)) for layer in layers)))
    except OmegaConfBaseException as error:
        keys = ", ".join(sorted({key for layer in layers for key in layer}))
        why = str(error).splitlines()[0]
        raise GenlabError(
            f"one of the parameters {keys} is a list where a section is, or the reverse: {why}"
        ) from error
    return merged


def check(schema: type[Settings], values: Mapping[str, Any], place: str, general: Collection[str] = ()) -> Settings:
    """The values as the schema has them.

    Args:
        schema: what is allowed.
        values: what is given.
        place: where the values stand, such as "vae.training".
        general: the keys whose values stand in the section for all models.

    Raises:
        GenlabError: names each unknown key or wrong value, where it stands, and what is allowed.
    """
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            *outer, key = (str(key) for key in problem["loc"])
            where = place.rpartition(".")[2] if problem["loc"][0] in general else place
            name = ".".join(filter(None, [where, *outer, key]))
            if problem["type"] == "extra_forbidden":
                known = _fields(schema, outer)
                hint = "".join(f"did you mean {close!r}? " for close in get_close_matches(key, known, n=1))
                problems.append(f"unknown parameter {name}; {hint}Known here: {', '.join(known)}")
            else:
                wanted = problem["msg"].replace("Input should be", "it should be")
                wanted = wanted.replace("a valid tuple", "a list: [VALUE,VALUE]")
                wanted = wanted.replace("a valid dictionary", "a section with keys of its own")
                problems.append(f"parameter {name} is {problem['input']!r}: {wanted}")
        said = "; ".join(problems)
        raise GenlabError(f"{said}. Set parameters in conf/ or with --params=KEY=VALUE") from error


def _fields(schema: type[BaseModel], keys: Iterable[str]) -> list[str]:
    for key in keys:
        annotation = schema.model_fields[key].annotation
        assert isinstance(annotation, type)
        schema = annotation
    return list(schema.model_fields)


def _another_source(own: Mapping[str, Any], general: Mapping[str, Any]) -> bool:
    """Whether the `data` section for all models names other images than those of a model's own section."""
    usual = own.get("source", DataSettings.model_fields["source"].default)
    return general.get("source", usual) != usual or "source_a" in general


def argument_schema(model: "type[Model]", data: DataSettings) -> type[BaseModel]:
    """The arguments of a model's constructor as a schema, without those that follow the data.

    The constructor's annotations are the rules.
    """
    from genlab.models.base import DATA_ARGUMENTS

    medium = medium_of(dict(data))
    shape = medium.shape(1, dict(data))
    follow = {*DATA_ARGUMENTS, *medium.arguments({"images": shape}), *medium.arguments({"a": shape, "b": shape})}
    fields: dict[str, Any] = {
        name: (parameter.annotation, parameter.default)
        for name, parameter in inspect.signature(model.__init__).parameters.items()
        if name not in ("self", *follow)
    }
    return create_model(model.__name__, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)


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

    top: Any = check(Top, parameters, "")
    own: Any = check(Own, getattr(top, model) or {}, model)
    defaults = check(Defaults, own.defaults or {}, f"{model}.defaults")
    layers = [own] if (top.recipe or own.recipe) == "paper" else [defaults, own]
    cls, recorded = model_class(model), (top.recorded or {}).get(model, {})

    def mine(name: str) -> dict[str, Any]:
        return merge(*(getattr(layer, name, None) or {} for layer in layers))

    def section(schema: type[Settings], name: str) -> Settings:
        given, general = mine(name), getattr(top, name) or {}
        if name == "data" and _another_source(given, general):
            # the model's own section, such as its classes, is about other images; these two are about the model
            given = {key: given[key] for key in given.keys() & {"binarise", "medium"}}
        recipe = cls.recipe_for(arguments).model_dump() if name == "training" else {}
        return check(schema, merge(recipe, given, general, recorded.get(name, {})), f"{model}.{name}", general)

    data = section(DataSettings, "data")
    schema = argument_schema(cls, data)
    arguments = check(schema, recorded.get("model", mine("model")), f"{model}.model").model_dump(exclude_unset=True)
    asked = merge(mine("sample"), top.sample or {})
    for key, example in (("text", '"a light sandal"'), ("label", "sneaker"), ("group", "theo")):
        if asked.get(key, "") is None:  # --params=sample.text= with nothing behind it
            raise GenlabError(f"sample.{key} is empty; say what to draw: --params=sample.{key}={example}")
    sample = section(sample_schema(model, top.sample or {}), "sample")
    return RunSettings(
        seed=recorded.get("seed", top.seed),
        data=data,
        arguments=arguments,
        training=section(TrainingSettings, "training"),
        sample=SampleSettings(
            **sample.model_dump(include=set(SampleSection.model_fields)),
            arguments=sample.model_dump(exclude=set(SampleSection.model_fields), exclude_defaults=True),
        ),
        evaluation=section(EvaluationSettings, "evaluation"),
    )


def require_agreement(
    model: str, typed: Mapping[str, Any], settings: RunSettings, recorded: Mapping[str, Any], artifact: str
) -> None:
    """Refuse typed values that contradict those that something was made with.

    Args:
        model: its name.
        typed: the parameters of the command line.
        settings: of this run, with the typed values.
        recorded: the sections that the artifact was made with.
        artifact: what this run goes on from, for people.

    Raises:
        GenlabError: names the parameter, both values and what to do.
    """
    wanted = flatten({key: value for node in STAGES for key, value in settings.behind(node).items()})
    known = flatten(recorded)
    own = typed.get(model) or {}
    keys = {*flatten({key: typed[key] for key in (*SECTIONS, "seed") if key in typed}), *flatten(own)}
    if "recipe" in {*typed, *own}:
        keys |= {key for key in (*wanted, *known) if key.startswith(("model.", "training."))}
    for key in sorted(keys):
        if key.partition(".")[0] in recorded and wanted.get(key) != known.get(key):
            raise GenlabError(
                f"{artifact} was made with {key}={known.get(key)}, and this run goes on from it: {key}="
                f"{wanted.get(key)} cannot hold. Leave it out, name another version (--load-versions=ENTRY:VERSION), "
                f"or begin anew: kedro run --pipeline={model}"
            )


def require_batch(model: str, images: int, parameters: Mapping[str, Any]) -> None:
    """Refuse, before images are decoded, a batch that so many cannot fill.

    Raises:
        GenlabError: says how many there are.
    """
    size = resolve(model, parameters).training.batch_size
    if size > images:
        raise GenlabError(f"{images} images do not fill a batch of {size}; lower training.batch_size")


def as_typed(message: str, model: str, typed: Mapping[str, Any]) -> str:
    """The message with `gan.training.KEY` in place of `training.KEY` where that was typed."""
    for section in SECTIONS:
        own, general = (typed.get(model) or {}).get(section) or {}, typed.get(section) or {}
        if keys := "|".join(map(re.escape, set(own) - set(general))):
            message = re.sub(rf"(?<![\w.]){section}\.({keys})\b", rf"{model}.{section}.\1", message)
    return message


def compare_settings(parameters: Mapping[str, Any]) -> CompareSettings:
    """The `compare` section; raises as `resolve` does."""
    top: Any = check(Top, parameters, "")
    return check(CompareSettings, top.compare or {}, "compare")


def data_settings(name: str, parameters: Mapping[str, Any]) -> DataSettings:
    """The `data` section of a model, or for "data" the section that holds for no model in particular.

    Raises as `resolve` does.
    """
    if name != "data":
        return resolve(name, parameters).data
    top: Any = check(Top, parameters, "")
    return check(DataSettings, top.data or {}, "data")


def check_model_fits(model: str, settings: RunSettings) -> None:
    """Build the model, without memory, for the images that the data settings promise.

    Three channels are assumed where only the files can tell how many there are. The train node checks again when it has
    read the files.

    Raises:
        GenlabError: the source does not exist, the network cannot take its images, this machine cannot train it, or
            `sample` asks for a drawing that the model cannot make.
    """
    import torch

    from genlab.data.arrange.captions import known_words
    from genlab.data.arrange.derive import derived_channels
    from genlab.data.sources.layouts import SINGLE
    from genlab.data.sources.listing import known_channels, known_classes, known_groups, require_source
    from genlab.data.spec import Spec
    from genlab.sampling.request import require_drawable
    from genlab.training.checkpoint import build_model
    from genlab.training.machine import require_machine

    require_source(settings.data)
    if settings.data.binarise == "dynamic" and MODELS[model].trains_on != "images":
        raise GenlabError(
            f"{model} learns from {MODELS[model].trains_on}, which are drawn in black and white once: set "
            "data.binarise=fixed"
        )
    words = known_words(settings.data) if MODELS[model].captions else ()
    classes = known_classes(settings.data)
    channels, groups = known_channels(settings.data), known_groups(settings.data)
    if channels is None:
        channels = dict.fromkeys((SINGLE,) if MODELS[model].trains_on == "images" else ("a", "b"), 3)
    elif MODELS[model].trains_on != "images":
        channels = derived_channels(channels, settings.data)
    elif SINGLE not in channels:
        raise GenlabError(
            f"{model} learns from one set of images, but {settings.data.source} has two domains; name another set with "
            "--params=data.source=NAME, or one of its folders"
        )
    data = dict(settings.data)
    medium = medium_of(data)
    shapes = {domain: medium.shape(count, data) for domain, count in channels.items()}
    medium.augment(
        {domain: torch.zeros(1, *shape) for domain, shape in shapes.items()}, settings.training.augmentation()
    )
    spec = Spec(
        shapes, UNREAD if classes is None else classes, UNREAD if words is None else words, medium.named(data),
        UNREAD if groups is None else groups,
    )  # fmt: skip
    try:
        with torch.device("meta"):
            built = build_model(model, spec, settings.arguments)
    except RuntimeError as error:  # torch cannot even count the numbers
        raise GenlabError(f"no machine can hold {model} with these {model}.model settings: {error}") from error
    settings.training.require_players(built.players())
    require_machine(built, sum(map(math.prod, shapes.values())), settings.training, model)
    require_drawable(model, getattr(built, "condition", None), settings.sample, classes, words, groups)
