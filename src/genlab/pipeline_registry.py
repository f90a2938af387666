"""The pipelines by name: one for each model, all of them as the default, and `data`, which trains nothing."""

from kedro.pipeline import Pipeline

from genlab.models import MODELS
from genlab.pipelines.template import create_data_pipeline, create_pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """What `kedro run --pipeline=NAME` can run; without a name every model runs."""
    pipelines = {model: create_pipeline(model) for model in MODELS}
    return {**pipelines, "data": create_data_pipeline(), "__default__": sum(pipelines.values(), Pipeline([]))}
