"""How Genlab runs a pipeline: the data branch first, then one model after another, then the comparison.

Kedro's own order is by depth: it would train all models before it draws with the first. In this order an interrupted
run leaves whole models, and results come early.
"""

from typing import Any

from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from genlab.models import MODELS


class ByNamespace(Pipeline):
    """A pipeline whose nodes come namespace by namespace, in the order of MODELS."""

    @property
    def nodes(self) -> list[Node]:
        """The nodes, each after those it depends on: the data branch needs no model, and a model needs no other."""
        order = ["data", *MODELS]
        return sorted(super().nodes, key=lambda node: order.index(node.namespace) if node.namespace else len(order))


class ModelByModel(SequentialRunner):
    """Runs one model after another."""

    def _run(self, pipeline: Pipeline, *args: Any, **kwargs: Any) -> None:
        super()._run(ByNamespace(pipeline.nodes), *args, **kwargs)
