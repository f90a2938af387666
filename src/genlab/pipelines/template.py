"""The pipelines: the data branch, which all models of a run share, the branch of each model, and `compare`.

A model trains, draws, evaluates, reports and studies in a namespace of its own. What it trains on decides which
data nodes it needs.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from genlab.models import MODELS
from genlab.pipelines import nodes

warnings.filterwarnings("ignore", message="One or more dataset names contain")  # of another namespace: as it should be

DATA = "data"
"""The namespace of the data branch, and the name of the pipeline that runs nothing else."""

IMAGES = ["data.images", "data.derived"]

STUDIES: dict[str, tuple[Any, str | list[str]]] = {
    "classify": (nodes.classify, ["classifier_study", "classifier_metrics", "classifier_figures"]),
    "sweep_dimensions": (nodes.sweep_dimensions, ["dimension_study", "dimension_figures"]),
    "listen": (nodes.listen, "sounds"),
}
"""Nodes that only some models have (`Entry.studies`), with their outputs."""


def names_in(requested: Sequence[str] | None) -> list[str]:
    """The models, and perhaps "data", of a run of these pipelines. Without a request these are all models."""
    if not requested or "__default__" in requested:
        return list(MODELS)
    return [name for name in (*MODELS, DATA) if name in requested]


def bind(function: Callable[..., Any], first: str | Sequence[str]) -> Callable[..., Any]:
    """`function` with its first argument given: a model, or all that share a node. kedro-viz still shows its source.

    No annotations: they name types that are imported only when a node runs, and Kedro would look for them.
    """
    if inspect.isgeneratorfunction(function):

        def bound(*inputs: Any) -> Any:
            yield from function(first, *inputs)
    else:

        def bound(*inputs: Any) -> Any:
            return function(first, *inputs)

    wrapped: Any = wraps(function)(bound)
    wrapped.__annotations__ = {}
    wrapped.__signature__ = inspect.Signature(list(inspect.signature(function).parameters.values())[1:])
    return wrapped


def _data_steps(needs: set[str], names: Sequence[str]) -> list[Node]:
    """From raw files to what is trained on, and the report. Each node serves all of the names that need it.

    The nodes of two models are equal, so a run of both has them once.
    """

    def step(need: str, function: Any, inputs: list[str], outputs: str | list[str]) -> list[Node]:
        served = [name for name in names if need in _needs(name)]
        made = node(bind(function, served), inputs, outputs, name=function.__name__, namespace=DATA, tags="data")
        return [made] if need in needs else []

    reports = ["data.report", "data.report_table", "data.contact_sheet"]
    return [
        *step("images", nodes.ingest, ["raw", "parameters"], ["data.images", *reports]),
        *step("pairs", nodes.derive, ["data.images", "parameters"], "data.derived"),
        *step("pairs", nodes.pair, [*IMAGES, "parameters"], "data.pairs"),
        *step("domains", nodes.unpair, [*IMAGES, "data.pairs", "parameters"], "data.domains"),
        *step("captions", nodes.caption, ["data.images", "parameters"], "data.captions"),
    ]


def _needs(name: str) -> set[str]:
    """What a model needs of the data branch. Domains are made of pairs that are taken apart."""
    if name == DATA:
        return {"images", "pairs", "domains"}
    entry = MODELS[name]
    pairs = {"pairs"} if entry.trains_on == "domains" else set()
    return {"images", entry.trains_on, *pairs, *(["captions"] if entry.captions else [])}


def create_data_pipeline(names: Sequence[str]) -> Pipeline:
    """Ingest, report, pair and unpair, and train nothing. `names` are all pipelines that run."""
    return Pipeline(_data_steps(_needs(DATA), names))


def create_pipeline(model: str, names: Sequence[str]) -> Pipeline:
    """The pipeline of a model, in a run of all these; imports neither torch nor the model."""
    trains_on, captions = MODELS[model].trains_on, MODELS[model].captions
    arranged = {"images": IMAGES[:1], "pairs": [*IMAGES, "data.pairs"], "domains": [*IMAGES, "data.domains"]}[trains_on]
    arranged += ["data.captions"] if captions else []
    studies = [STUDIES[name] for name in MODELS[model].studies]
    drawings = "samples" if trains_on == "images" else "translations"
    carded = ["metrics", "figures", "curves", *(["sounds"] if "listen" in MODELS[model].studies else [])]

    def step(function: Any, takes: list[str], outputs: str | list[str], stage: str) -> Node:
        """A node within the namespace of the model."""
        made = f"{model}.{outputs}" if isinstance(outputs, str) else [f"{model}.{name}" for name in outputs]
        return node(bind(function, model), takes, made, name=function.__name__, namespace=model, tags=stage)

    def later(function: Any, takes: list[str], outputs: str | list[str], stage: str) -> Node:
        """A node that sees the examples."""
        return step(function, [*(f"{model}.{name}" for name in (*takes, "examples")), "parameters"], outputs, stage)

    return Pipeline(
        [
            *_data_steps(_needs(model), names),
            step(nodes.arrange, ["parameters", *arranged], "examples", "train"),
            later(nodes.train, [], ["checkpoint", "history"], "train"),
            later(nodes.draw, ["checkpoint"], drawings, "sample"),
            later(nodes.evaluate, ["checkpoint", drawings], ["metrics", "by_image"], "evaluate"),
            later(nodes.report, ["checkpoint", drawings, "history", "by_image"], ["figures", "curves"], "report"),
            *(later(function, ["checkpoint"], outputs, "study") for function, outputs in studies),
            step(nodes.show, [f"{model}.{name}" for name in carded], "card", "report"),
        ]
    )


def create_compare_pipeline(models: Iterable[str]) -> Pipeline:
    """The leaderboard and the atlas of what MLflow holds, once these models, which run with them, have their cards.

    They are made together, since the leaderboard's page links the atlas.
    """
    takes = ["parameters", *(f"{model}.card" for model in models)]
    board = ["leaderboard", "leaderboard_text", "leaderboard_page"]
    return Pipeline(
        [
            node(nodes.compare, takes, board, name="compare", tags="compare"),
            node(nodes.atlas, takes, ["atlas_page", "atlas_picture"], name="atlas", tags="compare"),
        ]
    )
