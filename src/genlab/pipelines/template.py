"""The pipeline of every model: ingest, derive, pair, train, translate, evaluate, report, in the model's namespace."""

from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Node, Pipeline, node

from genlab.pipelines import nodes


def create_pipeline(model: str) -> Pipeline:
    """The pipeline of the model of that name; imports neither torch nor the model."""

    def of_model(names: str | list[str] | None) -> Any:
        """Catalog names in the model's namespace, but for what all models share."""
        if isinstance(names, list):
            return [of_model(name) for name in names]
        return names if names in ("raw", "parameters") else f"{model}.{names}"

    def step(function: Any, inputs: list[str], outputs: str | list[str], stage: str) -> Node:
        bound = update_wrapper(partial(function, model), function)
        name = function.__name__
        return node(bound, of_model(inputs), of_model(outputs), name=name, namespace=model, tags=stage)

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
