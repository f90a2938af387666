"""The pipelines by name: each model, `data`, which trains nothing, and `compare`: leaderboard and atlas.

The default is all models and their comparison.
"""

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from genlab.models import MODELS
from genlab.pipelines.template import DATA, create_compare_pipeline, create_data_pipeline, create_pipeline, names_in


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines of `kedro run --pipeline=NAME`. Without a name every model runs, then `compare`.

    Pipelines that run together share one data branch, and `compare` waits for the models.
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
