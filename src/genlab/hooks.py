"""What happens around a `kedro run`: parameters are checked first, MLflow runs open and close, and the end says where
everything is."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from genlab.data.sources.listing import require_source
from genlab.errors import GenlabError
from genlab.models import MODELS
from genlab.pipelines.parameters import (
    RunSettings,
    check_model_fits,
    compare_settings,
    require_said,
    resolve,
    resolve_data,
)
from genlab.pipelines.template import DATA, names_in
from genlab.tracking.tracker import Tracker, TrackingSettings, end_open_runs, set_tracker

logger = logging.getLogger(__name__)


def models_in(pipeline: Pipeline) -> list[str]:
    """The models whose nodes a pipeline holds, in the order of MODELS."""
    namespaces = {node.namespace for node in pipeline.nodes}
    return [model for model in MODELS if model in namespaces]


def prepares_data(pipeline: Pipeline) -> bool:
    """Whether a pipeline holds nodes of the data branch."""
    return any(node.namespace == DATA for node in pipeline.nodes)


ARTIFACTS = (
    "figures", "curves", "metrics",
    "classifier_study", "classifier_metrics", "classifier_figures", "dimension_study", "dimension_figures",
)  # catalog entries that go to MLflow as files  # fmt: skip
PLACES = ("checkpoint", "best_checkpoint", "translations", "samples", *ARTIFACTS)  # what a person may look for
REPEATED = ("from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs", "load_versions", "tags", "namespaces")


class GenlabHooks:
    """One instance serves one `kedro run`."""

    def __init__(self) -> None:
        self.context: KedroContext | None = None
        self.tracker: Tracker | None = None
        self.catalog: CatalogProtocol | None = None
        self.pipeline = Pipeline([])
        self.missing: dict[str, set[str]] = {}  # what each model has not saved yet
        self.tags: dict[str, str] = {}  # of every run
        self.resolved: dict[str, RunSettings] = {}  # of the models that run

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
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Say to the nodes, as a parameter, where all data are: an absolute path, as the catalog has it."""
        parameters = {**catalog["parameters"].load(), "data_root": str(catalog["raw"].load().parent)}
        catalog["parameters"] = MemoryDataset(parameters)

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Check every parameter of every model that runs or whose data are prepared."""
        assert self.context is not None
        tracking = TrackingSettings(**self.context.config_loader["tracking"])
        self.tracker = Tracker(Path(self.context.project_path), tracking)
        self.catalog, self.pipeline = catalog, pipeline
        self.tags = {
            "kedro.save_version": str(run_params["run_id"]),
            "kedro.env": str(run_params["env"] or "local"),
            "kedro.pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
            "environment": str(run_params["env"] or "base"),
            "command": describe_command(run_params),
        }
        models = models_in(pipeline)
        outputs = pipeline.all_outputs()
        self.missing = {model: {name for name in outputs if name.startswith(f"{model}.")} for model in models}
        self.resolved = {}
        set_tracker(None)
        compare_settings(self.context.params)
        for name in names_in(run_params["pipeline_names"]) if prepares_data(pipeline) else models:
            try:
                if name == DATA:
                    require_source(resolve_data(self.context.params))
                    continue
                settings = resolve(name, self.context.params)
                require_said(run_params["runtime_params"] or {})
                check_model_fits(name, settings)
            except GenlabError as error:
                self._fail_before_start(name, {**self.tags, "error": str(error)}, self.tracker)
                raise
            if name in models:
                self.resolved[name] = settings
        set_tracker(self.tracker)

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Open a model's MLflow run when its first node begins."""
        self._open(node.namespace or "")

    def _open(self, model: str) -> None:
        if self.tracker is not None and model in self.resolved and model not in self.tracker.runs:
            run = self.tracker.open_run(model, {**self.tags, **self.resolved[model].tags()})
            run.log_parameters(self.resolved[model].as_parameters())

    @staticmethod
    def _fail_before_start(model: str, tags: Mapping[str, str], tracker: Tracker) -> None:
        tracker.open_run(model, tags).end("FAILED")
        tracker.wait()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Metrics and figures go to the model's run as soon as they are saved; the last of all closes it."""
        model, _, name = dataset_name.partition(".")
        if model not in self.missing or self.tracker is None:
            return
        run = self.tracker.runs[model]
        if name == "metrics" or name.endswith("_metrics"):
            run.log_metrics(data)
            run.measured |= name == "metrics"
        if name == "figures" or name.endswith("_figures"):
            for figure, pixels in data.items():
                run.log_picture(f"test_{figure}", pixels, step=0)
                run.pictures[figure] = pixels
        self.missing[model].discard(dataset_name)
        if not self.missing[model]:
            self._finish(model)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Close the open run as failed, with the error. Where none has begun, the data failed for all models."""
        if self.tracker is not None and not self.tracker.runs:
            for model in self.resolved:
                self._open(model)
        end_open_runs("FAILED", str(error))

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Close what is still open, and wait until MLflow has it all."""
        assert self.tracker is not None
        for model in models_in(pipeline):
            if not self.tracker.runs[model].ended:
                self._finish(model)
        if prepares_data(pipeline) and not self.resolved:
            outputs = [name for name in pipeline.all_outputs() if name.startswith(f"{DATA}.")]
            self._say_where(DATA, self._places(outputs))
        if "leaderboard" in pipeline.all_outputs():
            self._say_where("compare", self._places([name for name in pipeline.all_outputs() if "leaderboard" in name]))
        if not self.tracker.wait():
            click.echo(f"MLflow does not have all of this run yet. Send the rest with: {self._send_command()}")
        set_tracker(None)

    def _finish(self, model: str) -> None:
        """Keep the files with the run, close it, and say where everything is."""
        assert self.tracker is not None
        run = self.tracker.runs[model]
        outputs = self.pipeline.all_outputs()
        places = {}
        for name in PLACES:
            if f"{model}.{name}" in outputs:
                assert self.catalog is not None
                places[name] = Path(self.catalog[f"{model}.{name}"]._get_load_path())
        for name in ARTIFACTS:
            if name in places:
                run.log_files(places[name], name)
        run.set_tags({f"path.{name}": str(path) for name, path in places.items()})
        run.end("FINISHED")
        self._say_where(model, places, run.name)

    def _places(self, names: list[str]) -> dict[str, Path]:
        assert self.catalog is not None
        return {
            name.removeprefix("data."): Path(str(self.catalog[name]._describe()["filepath"])) for name in sorted(names)
        }

    def _say_where(self, model: str, places: Mapping[str, Path], run: str | None = None) -> None:
        assert self.tracker is not None
        lines = [f"{model} is done."]
        width = max(map(len, [*places, "MLflow run"]))
        lines += [f"  {name:<{width}} {path}" for name, path in places.items()]
        if run:
            lines.append(f"  {'MLflow run':<{width}} {run}, in {self.tracker.uri} (see it with: make mlflow)")
        click.echo("\n".join(lines))

    def _send_command(self) -> str:
        assert self.tracker is not None
        usual = self.tracker.unsent == self.tracker.project / TrackingSettings().unsent
        return "kedro send" if usual else f"kedro send --folder={self.tracker.unsent}"


def describe_command(run_params: Mapping[str, Any]) -> str:
    """What `kedro reproduce` needs of the command, as JSON."""
    given = {key: run_params[key] for key in ("env", "pipeline_names", "runtime_params")}
    parts = {key: run_params.get(key) for key in REPEATED if run_params.get(key)}
    threads = os.environ.get("OMP_NUM_THREADS")
    return json.dumps({**given, "parts": parts, "threads": threads}, default=str)
