"""The pipelines by name: one for each model; all of them and their comparison as the default; `data`, which trains
nothing; `compare`, the leaderboard of the runs that MLflow holds."""

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from genlab.models import MODELS
from genlab.pipelines.template import create_compare_pipeline, create_data_pipeline, create_pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """What `kedro run --pipeline=NAME` can run; without a name every model runs, then `compare`.

    In `--pipelines=ae,vae,compare` too the comparison comes last, which Kedro orders by what a node takes: so it must
    be known which models were asked for.
    """
    models = {model: create_pipeline(model) for model in MODELS}
    asked = [model for model in MODELS if model in (pipelines._requested_pipelines or [])]
    return {
        **models,
        "data": create_data_pipeline(),
        "compare": create_compare_pipeline(asked),
        "__default__": sum(models.values(), create_compare_pipeline(MODELS)),
    }
