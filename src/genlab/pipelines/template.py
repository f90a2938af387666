"""The pipeline of every model: ingest, derive, pair, train, translate, evaluate, report, in the model's namespace."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from genlab.pipelines import nodes


def bind(function: Callable[..., Any], model: str) -> Callable[..., Any]:
    """`function` with its first argument, the model's name, given; kedro-viz still shows the source of `function`.

    No annotations: they name types that are imported only when a node runs, and Kedro would look for them.
    """
    if inspect.isgeneratorfunction(function):

        def bound(*inputs: Any) -> Any:
            yield from function(model, *inputs)
    else:

        def bound(*inputs: Any) -> Any:
            return function(model, *inputs)

    wrapped: Any = wraps(function)(bound)
    wrapped.__annotations__ = {}
    wrapped.__signature__ = inspect.Signature(list(inspect.signature(function).parameters.values())[1:])
    return wrapped


def create_pipeline(model: str) -> Pipeline:
    """The pipeline of the model of that name; imports neither torch nor the model."""

    def of_model(names: str | list[str] | None) -> Any:
        """Catalog names in the model's namespace, but for what all models share."""
        if isinstance(names, list):
            return [of_model(name) for name in names]
        return names if names in ("raw", "parameters") else f"{model}.{names}"

    def step(function: Any, inputs: list[str], outputs: str | list[str], stage: str) -> Node:
        bound = bind(function, model)
        return node(bound, of_model(inputs), of_model(outputs), name=function.__name__, namespace=model, tags=stage)

    images = ["derived", "images"]  # domains a and b
    return Pipeline([
        step(nodes.ingest, ["raw", "parameters"], "images", "data"),
        step(nodes.derive, ["images", "parameters"], "derived", "data"),
        step(nodes.pair, images, "pairs", "data"),
        step(nodes.train, [*images, "pairs", "snapshots", "parameters"], ["checkpoint", "history"], "train"),
        step(nodes.translate, ["checkpoint", *images, "pairs", "parameters"], "translations", "sample"),
        step(nodes.evaluate, ["checkpoint", "translations", *images, "pairs", "parameters"], "metrics", "evaluate"),
        step(
            nodes.report,
            ["checkpoint", "translations", *images, "pairs", "history", "parameters"],
            ["figures", "curves"],
            "report",
        ),
    ])  # fmt: skip
