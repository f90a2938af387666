"""What happens around a `kedro run`: checks of all parameters, MLflow runs, and a list of the results at the end."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, CatalogProtocol, MemoryDataset
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from omegaconf.errors import OmegaConfBaseException

from genlab.data.sources.listing import require_source
from genlab.errors import ONLY_TEXT, RIGHTS, GenlabError, masked
from genlab.io.record import LINEAGE, Origin, Record, join
from genlab.models import MODELS
from genlab.pipelines.conf import require_readable, unresolved
from genlab.pipelines.parameters import (
    RECORDED,
    RunSettings,
    as_typed,
    check_model_fits,
    compare_settings,
    data_settings,
    require_agreement,
    resolve,
)
from genlab.pipelines.template import DATA, names_in
from genlab.tracking.tracker import NOTE, TEST, Tracker, TrackingSettings, end_open_runs, set_tracker

logger = logging.getLogger(__name__)

REPEATED = ("from_nodes", "to_nodes", "node_names", "from_inputs", "to_outputs", "load_versions", "tags", "namespaces")
"""The options of `kedro run` that choose a part of the pipelines."""

WHOLE = "The models of one `kedro run`: a run each, below this one."
COMPARED = f"{WHOLE} What compares them is among the artifacts."


class GenlabHooks:
    """One instance serves one `kedro run` after another."""

    context: KedroContext
    tracker: Tracker
    catalog: CatalogProtocol
    outputs: set[str]  # of the pipeline
    missing: dict[str, set[str]]  # by model: the outputs that are not saved yet
    tags: dict[str, str]  # of every MLflow run of the command
    resolved: dict[str, RunSettings]  # of the models that run

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse an environment that does not exist, before Kedro trips over it."""
        self.context = context
        for handler in logging.getLogger().handlers:
            handler.addFilter(ONLY_TEXT)
        conf = Path(context.config_loader.conf_source)
        if context.env and not (conf / context.env).is_dir():
            known = sorted(path.name for path in conf.iterdir() if path.is_dir() and path.name not in ("base", "local"))
            message = f"there is no environment {context.env!r} in {conf}; there are: {', '.join(known)}"
            command = click.get_current_context(silent=True)
            if command is None or command.info_name == "run":
                self.tracker = Tracker(Path(context.project_path), TrackingSettings())
                self.tags = {"kedro.env": context.env, "kedro.save_version": generate_timestamp()}
                self._fail_before_start("kedro", message)
            raise GenlabError(message)
        require_readable(conf / name for name in ("base", context.env or "local"))
        try:
            for kind in ("globals", "parameters", "catalog", "tracking"):
                context.config_loader[kind]
        except OmegaConfBaseException as error:
            raise unresolved(conf, error) from error
        except ValueError as error:  # Kedro's, of one key in two files
            raise GenlabError(f"{' '.join(str(error).split())}; take it out of one of them") from error

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Tell the nodes, as a parameter, where all data are: an absolute path, as the catalog has it."""
        parameters = {**catalog["parameters"].load(), "data_root": str(catalog["raw"].load().parent)}
        catalog["parameters"] = MemoryDataset(parameters)

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Check every parameter of every model that runs or whose data are prepared."""
        tracking = TrackingSettings(**self.context.config_loader["tracking"])
        self.tracker = Tracker(Path(self.context.project_path), tracking)
        self.catalog, self.outputs, self.resolved = catalog, pipeline.all_outputs(), {}
        self.tags = {
            "kedro.save_version": str(run_params["run_id"]),
            "kedro.env": str(run_params["env"] or "local"),
            "kedro.pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
            "environment": str(run_params["env"] or "base"),
            "command": describe_command(run_params),
        }
        namespaces = {node.namespace for node in pipeline.nodes}
        models = [model for model in MODELS if model in namespaces]
        if saved := self.outputs.intersection(run_params["load_versions"] or {}):
            raise GenlabError(
                f"--load-versions names {sorted(saved)[0]}, which this run makes anew; begin after it: --from-nodes"
            )
        self.missing = {model: {name for name in self.outputs if name.startswith(f"{model}.")} for model in models}
        set_tracker(None)
        parameters = catalog["parameters"].load()
        root = Path(parameters["data_root"])
        if not os.access(place := next(one for one in (root, *root.parents) if one.exists()), os.W_OK):
            raise GenlabError(f"nothing can be written in {place}. {RIGHTS}")
        compare_settings(parameters)
        for name in names_in(run_params["pipeline_names"]) if DATA in namespaces else models:
            try:
                if name == DATA:
                    require_source(data_settings(DATA, parameters))
                    continue
                settings = resolve(name, parameters)
                if earlier := [entry for entry in pipeline.inputs() if entry.startswith(f"{name}.")]:
                    settings = self._go_on(name, settings, sorted(earlier), run_params)
                else:
                    check_model_fits(name, settings)
            except GenlabError as error:
                said = as_typed(str(error), name, run_params["runtime_params"] or {})
                self._fail_before_start(name, said)
                raise GenlabError(said) from error
            if name in models:
                self.resolved[name] = settings
        if len(self.resolved) > 1:
            note = COMPARED if "leaderboard" in self.outputs else WHOLE
            self.tracker.open_whole("run", {**self.tags, "models": ", ".join(self.resolved), NOTE: note})
        set_tracker(self.tracker)

    def _go_on(
        self, model: str, settings: RunSettings, entries: list[str], run_params: Mapping[str, Any]
    ) -> RunSettings:
        """The settings of a run that goes on from what an earlier one made: those that it was made with."""
        named = run_params["load_versions"] or {}
        for entry in named.keys() & set(entries):  # what was made with it, or from it, belongs to it
            behind = self.catalog[entry].record(entry).artifacts
            for other in set(entries) - named.keys():
                self.catalog[other].pin(behind[other].version if other in behind else named[entry])
        record = join((self.catalog[entry].record(entry) for entry in entries), f"this run of {model}")
        artifact = f"{entries[0]} {record.artifacts[entries[0]].version}"
        require_agreement(model, run_params["runtime_params"] or {}, settings, record.settings, artifact)
        if run_params["env"] not in (None, record.environment):
            raise GenlabError(
                f"{artifact} was made with --env={record.environment}, and this run goes on from it: leave --env out, "
                f"name another version (--load-versions=ENTRY:VERSION), or train: kedro run --pipeline={model} "
                f"--env={run_params['env']}"
            )
        logger.info("%s goes on from %s, with the settings that it was made with", model, artifact)
        parameters = self.catalog["parameters"].load()
        recorded = {**(parameters.get(RECORDED) or {}), model: dict(record.settings)}
        self.catalog["parameters"] = MemoryDataset({**parameters, RECORDED: recorded})
        return resolve(model, self.catalog["parameters"].load())

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Refuse inputs without a common history. Tell the outputs what they are made from."""
        model = node.namespace or ""
        if model not in self.resolved:
            return
        entries = tuple(name for name in node.inputs if name.startswith(f"{model}."))
        before = join((self.catalog[name].record(name) for name in entries), node.name)
        settings = {**before.settings, **self.resolved[model].behind(node.name.partition(".")[2])}
        behind = Record(before.artifacts, settings, before.environment or self.tags["environment"])
        for name in node.outputs:
            made_by = f"{node.name} {self.tags['kedro.save_version']}"
            self.catalog[name].origin = Origin(name, made_by, entries, behind)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Say in MLflow what a model learns from."""
        model, _, name = dataset_name.partition(".")
        run = self.tracker.runs.get(model)
        if name == "examples" and run and "data_fingerprint" not in run.tags:
            training = data.split("train")
            source = self.resolved[model].data.source
            run.log_dataset(source, training.fingerprint(), f"{len(training)} {training.unit}")
            run.set_tags({"environment": self.catalog[dataset_name].record(dataset_name).environment})

    def _fail_before_start(self, model: str, error: str) -> None:
        self.tracker.open_run(model, {**self.tags, "error": error}).end("FAILED")
        self.tracker.wait()

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Open a model's MLflow run when its first node begins."""
        self._open(node.namespace or "")

    def _open(self, model: str) -> None:
        if model in self.resolved and model not in self.tracker.runs:
            run = self.tracker.open_run(model, {**self.tags, **self.resolved[model].tags()})
            run.log_parameters(self.resolved[model].as_parameters())

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Metrics and figures go to the model's run as soon as they are saved; the last of all closes it.

        What belongs to no model, such as the leaderboard, goes to the run of the whole.
        """
        from genlab.tracking.runs import read_wav, to_png  # they need pandas, which not every command does

        model, _, name = dataset_name.partition(".")
        if self.tracker.whole and not name:
            self.tracker.whole.log_files(self._place(dataset_name), folder="")
        if model not in self.missing:
            return
        run = self.tracker.runs[model]
        if name == "metrics" or name.endswith("_metrics"):
            run.log_results(data)
            if name == "metrics":
                run.measured = True
                run.set_tags({LINEAGE: self.catalog[dataset_name].record(dataset_name).lineage()})
        if name == "sounds":
            run.sounds = read_wav(self._place(dataset_name))
        if name in ("by_image", "history"):
            setattr(run, name, data)
        if name == "figures" or name.endswith("_figures"):
            for figure, pixels in data.items():
                run.log_picture(f"{TEST}{figure}", pixels, step=0)
                run.pictures[figure] = to_png(pixels)
        self.missing[model].discard(dataset_name)
        if not self.missing[model]:
            self._finish(model)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Close the open runs as failed, with the error. A model that has not begun has no run, unless it is alone."""
        if not self.tracker.all():
            for model in self.resolved:
                self._open(model)
        end_open_runs("FAILED", str(error))

    @hook_impl
    def after_pipeline_run(self, run_params: Mapping[str, Any]) -> None:
        """Close what is still open, and wait until MLflow has it all."""
        for model, run in self.tracker.runs.items():
            if not run.ended:
                self._finish(model)
        if self.tracker.whole:
            self.tracker.whole.end("FINISHED")
        others = {"compare": "leaderboard", "atlas": "atlas"} | ({} if self.resolved else {DATA: f"{DATA}."})
        for name, start in others.items():
            if places := {made: self._place(made) for made in sorted(self.outputs) if made.startswith(start)}:
                self._say_where(name, places)
        if not self.tracker.wait():
            env, root = run_params["env"], (run_params["runtime_params"] or {}).get("data_root")
            options = [f" --env={env}" if env else "", f" --params=data_root={root}" if root else ""]
            click.echo(f"MLflow does not have all of this run yet. Send the rest with: kedro send{''.join(options)}")
        set_tracker(None)

    def _finish(self, model: str) -> None:
        """Send the files of the reporting layer to the run, close it, and show where everything is."""
        from genlab.experiments.note import describe_run  # needs torch, which not every command does
        from genlab.tracking.runs import as_finished

        run, places = self.tracker.runs[model], {}
        for output in sorted(name for name in self.outputs if name.startswith(f"{model}.")):
            name = output.removeprefix(f"{model}.")
            places[name] = self._place(output)
            if self.catalog[output].metadata["kedro-viz"]["layer"] == "reporting":
                run.log_files(places[name], name)
        run.set_tags({f"path.{name}": str(path) for name, path in places.items()})
        run.set_tags({NOTE: describe_run(as_finished(run))})
        run.end("FINISHED")
        alarms = {name: text for name, text in run.tags.items() if name.startswith("alarm.")}
        tracked = {"MLflow run": f"{run.name}, in {masked(self.tracker.uri)} (see: make mlflow)"}
        self._say_where(model, {**places, **tracked, **alarms})

    def _place(self, name: str) -> Path:
        """Where an entry of the catalog is."""
        entry = self.catalog[name]
        versioned = isinstance(entry, AbstractVersionedDataset)
        return Path(entry._get_load_path() if versioned else entry._describe()["filepath"])

    @staticmethod
    def _say_where(name: str, places: Mapping[str, object]) -> None:
        width = max(map(len, places))
        click.echo("\n".join([f"{name} is done.", *(f"  {what:<{width}} {where}" for what, where in places.items())]))


def describe_command(run_params: Mapping[str, Any]) -> str:
    """The part of the command that `kedro reproduce` needs, as JSON."""
    given = {key: run_params[key] for key in ("env", "pipeline_names", "runtime_params")}
    parts = {key: run_params.get(key) for key in REPEATED if run_params.get(key)}
    threads = os.environ.get("OMP_NUM_THREADS")
    return json.dumps({**given, "parts": parts, "threads": threads}, default=str)
