"""The pipelines by name: one for each model; all of them and their comparison as the default; `data`, which trains
nothing; `compare`, the leaderboard of the runs that MLflow holds."""

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from genlab.models import MODELS
from genlab.pipelines.template import DATA, create_compare_pipeline, create_data_pipeline, create_pipeline, names_in


def register_pipelines() -> dict[str, Pipeline]:
    """What `kedro run --pipeline=NAME` can run; without a name every model runs, then `compare`.

    The pipelines depend on which of them run together: those share one data branch, and `compare` waits for the models.
    """
    asked = names_in(pipelines._requested_pipelines)
    models = {model: create_pipeline(model, asked or [model]) for model in MODELS}
    together = create_compare_pipeline([name for name in asked if name != DATA and pipelines._requested_pipelines])
    return {
        **models,
        DATA: create_data_pipeline(asked if DATA in asked else [DATA]),
        "compare": together,
        "__default__": sum(models.values(), create_compare_pipeline(MODELS)),
    }
