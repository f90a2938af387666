"""MLflow: one run per `kedro run` and model. Nodes report through `run_of`, hooks open and close the runs.

mlflow is imported when the first run opens, not before. A server that cannot be reached never stops the work: the
first failure is said, and the rest of the run is not tracked.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

logger = logging.getLogger(__name__)

PARAMETER_LENGTH = 6000  # characters that MLflow keeps of a parameter


class TrackingSettings(BaseModel):
    """conf/*/tracking.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str | None = None  # null: MLFLOW_TRACKING_URI, else a sqlite file in the project
    experiment: str = "genlab"


def git_commit(project: Path) -> str:
    """The commit of the project's HEAD, with "-dirty" behind it where files differ; "unknown" without git."""
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=project, capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit.stdout.strip()


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in parameters.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


class TrackedRun:
    """One run in MLflow. Every method does nothing once the server has failed."""

    def __init__(self, tracker: "Tracker", run_id: str, name: str) -> None:
        self.tracker, self.run_id, self.name = tracker, run_id, name

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Record nested parameters, flattened."""
        from mlflow.entities import Param

        values = [Param(key, str(value)[:PARAMETER_LENGTH]) for key, value in flatten(parameters).items()]
        self._send(lambda client: client.log_batch(self.run_id, params=values))

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Record the numbers among `metrics` in one request; text becomes tags."""
        from mlflow.entities import Metric, RunTag

        now = int(time.time() * 1000)
        numbers = [Metric(k, float(v), now, step) for k, v in metrics.items() if isinstance(v, int | float)]
        tags = [RunTag(k, v) for k, v in metrics.items() if isinstance(v, str)]
        self._send(lambda client: client.log_batch(self.run_id, metrics=numbers, tags=tags))

    def log_picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Record (H, W, 3) uint8 pixels under `name` at a step; MLflow shows them with a slider over the steps."""
        self._send(lambda client: client.log_image(self.run_id, pixels, key=name, step=step, synchronous=True))

    def log_files(self, path: Path, folder: str) -> None:
        """Record a file, or all files of a folder."""
        if path.is_dir():
            self._send(lambda client: client.log_artifacts(self.run_id, str(path), folder))
        else:
            self._send(lambda client: client.log_artifact(self.run_id, str(path), folder))

    def log_dataset(self, name: str, fingerprint: str, source: str) -> None:
        """Record the data that the run trains on, by fingerprint."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name, fingerprint, "local", source)
        used = DatasetInput(data, [InputTag("mlflow.data.context", "training")])
        self._send(lambda client: client.log_inputs(self.run_id, [used]))
        self.set_tags({"data_fingerprint": fingerprint})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags."""
        from mlflow.entities import RunTag

        self._send(lambda client: client.log_batch(self.run_id, tags=[RunTag(k, v) for k, v in tags.items()]))

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Close the run."""
        self._send(lambda client: client.set_terminated(self.run_id, status))

    def _send(self, call: Callable[[Any], object]) -> None:
        self.tracker.send(call)


@dataclass
class Tracker:
    """The runs of one `kedro run`, by model."""

    project: Path
    settings: TrackingSettings

    def __post_init__(self) -> None:
        self.runs: dict[str, TrackedRun] = {}
        self.failed = False
        self._client: Any = None
        self.experiment_id = ""

    @property
    def home(self) -> Path:
        """Where MLflow's database and artifacts are, when nobody names a server."""
        return self.project / "mlruns"

    @property
    def uri(self) -> str:
        """The configured server, or MLFLOW_TRACKING_URI, or the project's sqlite file."""
        return self.settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"

    def open_run(self, model: str, tags: Mapping[str, str]) -> TrackedRun | None:
        """Start a run named after the model; None where the server cannot be reached."""

        def create(client: Any) -> None:
            name = f"{model}-{tags['kedro.save_version']}"
            run = client.create_run(self._experiment(client), run_name=name, tags={**self._common_tags(model), **tags})
            self.runs[model] = TrackedRun(self, run.info.run_id, name)

        self.send(create)
        return self.runs.get(model)

    def send(self, call: Callable[[Any], object]) -> None:
        """Call MLflow; its failure is said once, and then nothing more is sent."""
        if self.failed:
            return
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._client is None:
                if self.uri.startswith("sqlite:///"):
                    Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
                logging.getLogger("alembic").setLevel(logging.WARNING)
                self._client = MlflowClient(self.uri)
            call(self._client)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            self.failed = True
            logger.warning("MLflow at %s failed, the rest of this run is not tracked: %s", self.uri, error)

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.settings.experiment)
        if found is not None:
            return found.experiment_id
        ours = self.uri == f"sqlite:///{self.home / 'mlflow.db'}"
        location = (self.home / "artifacts").as_uri() if ours else None
        return client.create_experiment(self.settings.experiment, artifact_location=location)

    def _common_tags(self, model: str) -> dict[str, str]:
        return {
            "model": model,
            "mlflow.user": os.environ.get("USER", "unknown"),
            "mlflow.source.name": " ".join(["kedro", *sys.argv[1:]]),
            "mlflow.source.type": "PROJECT",
            "mlflow.source.git.commit": git_commit(self.project),
        }


_current: list[Tracker] = []


def set_tracker(tracker: Tracker | None) -> None:
    """Make `tracker` the one that nodes report to."""
    _current[:] = [tracker] if tracker else []


def end_open_runs(status: Literal["FAILED", "KILLED"], error: str) -> None:
    """Close what is open, with the reason as a tag; then nobody tracks."""
    for run in _current[0].runs.values() if _current else ():
        run.set_tags({"error": error[:5000]})
        run.end(status)
    set_tracker(None)


def run_of(model: str) -> TrackedRun | None:
    """The open run of a model; None when nobody tracks, as in a notebook."""
    return _current[0].runs.get(model) if _current else None
