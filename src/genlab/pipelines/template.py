"""The pipeline of every model: ingest, derive, pair, train, translate, evaluate, report, in the model's namespace; and
the pipeline `data`, which does what needs no model."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from genlab.pipelines import nodes

IMAGES = ["images", "derived"]


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
        return names if names in ("raw", "parameters") else f"{namespace}.{names}"

    bound = bind(function, namespace)
    return node(bound, inside(inputs), inside(outputs), name=function.__name__, namespace=namespace, tags=stage)


def _data_steps(namespace: str) -> list[Node]:
    outputs = ["images", "data_report", "data_table", "contact_sheet"]
    return [
        _step(namespace, nodes.ingest, ["raw", "images_place", "parameters"], outputs, "data"),
        _step(namespace, nodes.derive, ["images", "derived_place", "parameters"], "derived", "data"),
        _step(namespace, nodes.pair, [*IMAGES, "parameters"], "pairs", "data"),
    ]


def create_data_pipeline() -> Pipeline:
    """Ingest, report, pair and unpair, and train nothing."""
    unpair = _step("data", nodes.unpair, [*IMAGES, "pairs", "parameters"], "domains", "data")
    return Pipeline([*_data_steps("data"), unpair])


def create_pipeline(model: str) -> Pipeline:
    """The pipeline of the model of that name; imports neither torch nor the model."""
    step = partial(_step, model)
    return Pipeline([
        *_data_steps(model),
        step(nodes.train, [*IMAGES, "pairs", "snapshots", "parameters"], ["checkpoint", "history"], "train"),
        step(nodes.translate, ["checkpoint", *IMAGES, "pairs", "parameters"], "translations", "sample"),
        step(nodes.evaluate, ["checkpoint", "translations", *IMAGES, "pairs", "parameters"], "metrics", "evaluate"),
        step(
            nodes.report,
            ["checkpoint", "translations", *IMAGES, "pairs", "history", "parameters"],
            ["figures", "curves"],
            "report",
        ),
    ])  # fmt: skip
