"""The pipeline of every model: ingest, derive, pair or unpair, train, draw, evaluate, report, in the model's namespace,
and its studies; the pipeline `data`, which does what needs no model; and `compare`. What a model trains on decides
which of the first it needs.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from genlab.models import MODELS
from genlab.pipelines import nodes

IMAGES = ["images", "derived"]
SHARED = ("raw", "features_place", "parameters")  # one entry of the catalog for all models

STUDIES: dict[str, tuple[Any, list[str]]] = {
    "classify": (nodes.classify, ["classifier_study", "classifier_metrics", "classifier_figures"]),
    "sweep_dimensions": (nodes.sweep_dimensions, ["dimension_study", "dimension_figures"]),
}
"""Nodes that some models ask for (`Entry.studies`), with what they make out of the trained model and its images."""


def bind(function: Callable[..., Any], namespace: str) -> Callable[..., Any]:
    """`function` with its first argument, the namespace, given; kedro-viz still shows the source of `function`.

    No annotations: they name types that are imported only when a node runs, and Kedro would look for them.
    """
    if inspect.isgeneratorfunction(function):

        def bound(*inputs: Any) -> Any:
            yield from function(namespace, *inputs)
    else:

        def bound(*inputs: Any) -> Any:
            return function(namespace, *inputs)

    wrapped: Any = wraps(function)(bound)
    wrapped.__annotations__ = {}
    wrapped.__signature__ = inspect.Signature(list(inspect.signature(function).parameters.values())[1:])
    return wrapped


def _step(namespace: str, function: Any, inputs: list[str], outputs: str | list[str], stage: str) -> Node:
    """A node whose function knows its namespace."""

    def inside(names: str | list[str]) -> Any:
        """Catalog names in the namespace, but for what all share."""
        if isinstance(names, list):
            return [inside(name) for name in names]
        return names if names in SHARED else f"{namespace}.{names}"

    bound = bind(function, namespace)
    return node(bound, inside(inputs), inside(outputs), name=function.__name__, namespace=namespace, tags=stage)


def _data_steps(namespace: str, trains_on: str, captions: bool = False) -> list[Node]:
    """From raw files to what is trained on; and their report."""
    step = partial(_step, namespace)
    outputs = ["images", "data_report", "data_table", "contact_sheet"]
    steps = [step(nodes.ingest, ["raw", "images_place", "parameters"], outputs, "data")]
    if trains_on != "images":
        steps += [
            step(nodes.derive, ["images", "derived_place", "parameters"], "derived", "data"),
            step(nodes.pair, [*IMAGES, "parameters"], "pairs", "data"),
        ]
    if trains_on == "domains":
        steps.append(step(nodes.unpair, [*IMAGES, "pairs", "parameters"], "domains", "data"))
    if captions:
        steps.append(step(nodes.caption, ["images", "parameters"], "captions", "data"))
    return steps


def create_data_pipeline() -> Pipeline:
    """Ingest, report, pair and unpair, and train nothing."""
    return Pipeline(_data_steps("data", "domains"))


def create_pipeline(model: str) -> Pipeline:
    """The pipeline of the model of that name; imports neither torch nor the model."""
    trains_on, captions = MODELS[model].trains_on, MODELS[model].captions
    step = partial(_step, model)
    examples = {"images": ["images"], "pairs": [*IMAGES, "pairs"], "domains": [*IMAGES, "domains"]}[trains_on]
    examples += ["captions"] if captions else []
    studies = [STUDIES[name] for name in MODELS[model].studies]
    drawings = "samples" if trains_on == "images" else "translations"
    trained = ["checkpoint", "best_checkpoint"]
    return Pipeline([
        *_data_steps(model, trains_on, captions),
        step(nodes.train, ["snapshots", "parameters", *examples], [*trained, "history"], "train"),
        step(nodes.draw, [*trained, "parameters", *examples], drawings, "sample"),
        step(nodes.evaluate, [*trained, drawings, "features_place", "parameters", *examples], "metrics", "evaluate"),
        step(nodes.report, [*trained, drawings, "history", "features_place", "parameters", *examples],
             ["figures", "curves"], "report"),
        *(step(function, [*trained, "parameters", *examples], outputs, "study") for function, outputs in studies),
    ])  # fmt: skip


def create_compare_pipeline(models: Iterable[str]) -> Pipeline:
    """The leaderboard of what MLflow holds, once these models, which run with it, have their metrics and figures."""
    awaited = [f"{model}.{name}" for model in models for name in ("metrics", "figures")]
    outputs = ["leaderboard", "leaderboard_text", "leaderboard_page"]
    with warnings.catch_warnings():  # Kedro would have a node take nothing of another namespace
        warnings.filterwarnings("ignore", message="One or more dataset names contain")
        return Pipeline([node(nodes.compare, ["parameters", *awaited], outputs, name="compare", tags="compare")])
