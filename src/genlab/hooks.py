"""What happens around a `kedro run`: parameters are checked first, MLflow runs open and close, and the end says where
everything is."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline

from genlab.data.sources import require_source
from genlab.errors import GenlabError
from genlab.io.tracking import Tracker, TrackingSettings, end_open_runs, set_tracker
from genlab.models import MODELS
from genlab.pipelines.parameters import check_model_fits, resolve, resolve_data

logger = logging.getLogger(__name__)


def models_in(pipeline: Pipeline) -> list[str]:
    """The models whose nodes a pipeline holds, in the order of MODELS."""
    namespaces = {node.namespace for node in pipeline.nodes}
    return [model for model in MODELS if model in namespaces]


def trains_nothing(pipeline: Pipeline) -> bool:
    """Whether a pipeline is `data`, or a part of it."""
    return any(node.namespace == "data" for node in pipeline.nodes)


class GenlabHooks:
    """One instance serves one `kedro run`."""

    def __init__(self) -> None:
        self.context: KedroContext | None = None
        self.tracker: Tracker | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse an environment that does not exist, before Kedro trips over it."""
        self.context = context
        conf = Path(context.config_loader.conf_source)
        if context.env and not (conf / context.env).is_dir():
            known = sorted(path.name for path in conf.iterdir() if path.is_dir() and path.name not in ("base", "local"))
            message = f"there is no environment {context.env!r} in {conf}; there are: {', '.join(known)}"
            command = click.get_current_context(silent=True)
            if command is None or command.info_name == "run":
                tags = {"kedro.env": context.env, "kedro.save_version": generate_timestamp(), "error": message}
                self._fail_before_start("kedro", tags, Tracker(Path(context.project_path), TrackingSettings()))
            raise GenlabError(message)

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Check every parameter of every model about to run, then open their MLflow runs."""
        assert self.context is not None
        settings = TrackingSettings(**self.context.config_loader["tracking"])
        self.tracker = Tracker(Path(self.context.project_path), settings)
        tags = {
            "kedro.save_version": str(run_params["run_id"]),
            "kedro.env": str(run_params["env"] or "local"),
            "kedro.pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
        }
        models = models_in(pipeline)
        set_tracker(None)
        if trains_nothing(pipeline):
            require_source(resolve_data(self.context.params))
        for model in models:
            try:
                resolved = resolve(model, self.context.params)
                check_model_fits(model, resolved)
            except GenlabError as error:
                self._fail_before_start(model, {**tags, "error": str(error)}, self.tracker)
                raise
            run = self.tracker.open_run(model, tags)
            if run:
                run.log_parameters(resolved.as_parameters())
        set_tracker(self.tracker)

    @staticmethod
    def _fail_before_start(model: str, tags: Mapping[str, str], tracker: Tracker) -> None:
        run = tracker.open_run(model, tags)
        if run:
            run.end("FAILED")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Metrics and figures go to the model's run as soon as they are saved."""
        model, _, name = dataset_name.partition(".")
        run = self.tracker.runs.get(model) if self.tracker else None
        if run and name == "metrics":
            run.log_metrics(data)
        if run and name == "figures":
            for figure, pixels in data.items():
                run.log_picture(f"test_{figure}", pixels, step=0)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Close the runs as failed, with the error."""
        end_open_runs("FAILED", str(error))

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Keep the figures with the run, close it, and say where everything is."""
        assert self.tracker is not None
        for model in models_in(pipeline):
            run = self.tracker.runs.get(model)
            places = {}
            for name in ("checkpoint", "best_checkpoint", "translations", "samples", "figures", "curves", "metrics"):
                if f"{model}.{name}" in pipeline.all_outputs():
                    places[name] = Path(catalog[f"{model}.{name}"]._get_load_path())
            if run:
                for name in ("figures", "curves", "metrics"):
                    if name in places:
                        run.log_files(places[name], name)
                run.set_tags({f"path.{name}": str(path) for name, path in places.items()})
                run.end("FINISHED")
            self._say_where(model, places, run.name if run else None)
        if trains_nothing(pipeline):
            outputs = [name for name in pipeline.all_outputs() if name.startswith("data.")]
            places = {name.removeprefix("data."): Path(catalog[name]._describe()["filepath"]) for name in outputs}
            self._say_where("data", dict(sorted(places.items())), None)
        set_tracker(None)

    def _say_where(self, model: str, places: Mapping[str, Path], run: str | None) -> None:
        assert self.tracker is not None
        lines = [f"{model} is done."]
        lines += [f"  {name:<13} {path}" for name, path in places.items()]
        if run:
            lines.append(f"  {'MLflow run':<13} {run}, in {self.tracker.uri} (see it with: make mlflow)")
        click.echo("\n".join(lines))
