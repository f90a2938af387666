"""MLflow: one run per `kedro run` and model, and one above them where several models run.

Nodes report through `run_of`, hooks open and close the runs.

A thread of its own talks to MLflow, so a slow server does not hold up the training. A server that cannot be reached
never stops the work. The first failure is logged, and the rest is kept in files (`Outbox`). It is sent when the run
ends if the server is back by then, or later by `kedro send`.
"""

import json
import logging
import os
import platform
import sqlite3
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from genlab.errors import GenlabError, masked
from genlab.tracking.outbox import Message, Outbox, deliver

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

RUN_TAGS = "GENLAB_RUN_TAGS"  # JSON: tags for every run that this process or its children open; _parent names a run
NOTE = "mlflow.note.content"  # the tag that MLflow shows as the description of a run
GONE = "the process was killed; another one closed this run"
TEST, TRAIN = "test/", "train/"  # how names begin in MLflow, which sorts charts by the word before the slash
SCORE = "validation/score"  # the curve of the score on the validation split; lower is better


class TrackingSettings(BaseModel):
    """conf/*/tracking.yml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    uri: str | None = None  # null: MLFLOW_TRACKING_URI, else a sqlite file in the project
    experiment: str = Field(default_factory=lambda: os.environ.get("MLFLOW_EXPERIMENT_NAME") or "genlab")
    unsent: str = "data/unsent"  # the folder for what could not be sent
    patience: PositiveFloat = 30.0  # seconds that the end of a `kedro run` waits for a slow server


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


def describe_machine() -> str:
    """Processor, threads and torch: the last bits of a result depend on them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.machine()
    threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
    return f"{processor}, {threads} threads, torch {version('torch')}"


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in parameters.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def milliseconds() -> int:
    """Now, as MLflow counts time."""
    return int(time.time() * 1000)


def keep_artifacts_beside(database: Path) -> None:
    """Let a project's own database look for artifacts in its own folder; a copy of a project names the original's."""
    place = (database.parent / "artifacts").as_uri()
    moved = "select experiment_id, artifact_location from experiments where artifact_location like '%/mlruns/artifacts'"
    with closing(sqlite3.connect(database)) as opened, opened:
        if not opened.execute("select 1 from sqlite_master where name = 'experiments'").fetchone():
            return  # MLflow has not filled it yet
        for experiment, old in opened.execute(f"{moved} and artifact_location <> ?", (place,)).fetchall():
            change = "update runs set artifact_uri = ? || substr(artifact_uri, ?) where experiment_id = ?"
            opened.execute(f"{change} and instr(artifact_uri, ?) = 1", (place, len(old) + 1, experiment, old))
            change = "update experiments set artifact_location = ? where experiment_id = ?"
            opened.execute(change, (place, experiment))


def connect(uri: str) -> Any:
    """A client of MLflow at `uri` that gives up on a silent server after some twenty seconds."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    if uri.startswith("sqlite:///"):
        Path(unquote(uri.removeprefix("sqlite:///"))).parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient(uri)


def hand_over_password(uri: str) -> str:
    """The address of a server without `user:password@`.

    These go to where MLflow's client looks for them, here and in child processes. So nothing that prints an address,
    such as MLflow itself at the end of a run, can print them.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.password:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username or "")
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if os.environ.get("MLFLOW_TRACKING_URI") == uri:
        os.environ["MLFLOW_TRACKING_URI"] = bare
    return bare


def failures() -> tuple[type[Exception], ...]:
    """What MLflow's client raises when it cannot reach its server or its file."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError


class TrackedRun:
    """One run in MLflow. It remembers what it records, for a comparison before MLflow has all of it."""

    def __init__(
        self, tracker: "Tracker", name: str, tags: Mapping[str, str], within: "TrackedRun | None", parent: str | None
    ) -> None:
        self.tracker, self.name, self.within, self.started = tracker, name, within, milliseconds()
        self.run_id: str | None = None  # until MLflow has created it
        self.kept = False  # is something in its outbox?
        self.measured, self.ended = False, False
        self.tags, self.parameters, self.metrics = dict(tags), dict[str, str](), dict[str, float]()
        self.score: float | None = None  # the best so far
        self.pictures: dict[str, bytes] = {}  # PNGs of the figures
        self.sounds: dict[str, bytes] = {}  # WAVs
        self.by_image: pd.DataFrame | None = None  # the metrics of each test image
        self.history: pd.DataFrame | None = None  # the losses while it trained
        self.outbox = Outbox(tracker.unsent / name)
        self.unwritten: deque[Message] = deque()  # what the disk refused to keep
        self._tell(Message("create", {"tags": self.tags.copy(), "parent": parent, "time": self.started}))

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Record nested parameters, flattened."""
        values = {key: masked(str(value)) for key, value in flatten(parameters).items()}
        self.parameters |= values
        self._tell(Message("parameters", values))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record numbers in one request."""
        numbers = {key: float(value) for key, value in metrics.items()}
        self.metrics |= numbers
        self.score = min((value for value in (self.score, numbers.get(SCORE)) if value is not None), default=None)
        self._tell(Message("metrics", {"numbers": numbers, "step": step, "time": milliseconds()}))

    def log_results(self, results: Mapping[str, Any]) -> None:
        """Record what was measured of the finished model: numbers as `test/NAME`, words as tags."""
        self.log_metrics({f"{TEST}{key}": value for key, value in results.items() if isinstance(value, int | float)})
        self.set_tags({key: value for key, value in results.items() if isinstance(value, str)})

    def log_picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Record (H, W, 3) uint8 pixels under `name` at a step; MLflow shows them with a slider over the steps."""
        self._tell(Message("picture", {"name": name, "step": step, "time": milliseconds()}, pixels))

    def log_files(self, path: Path, folder: str) -> None:
        """Record a file, or all files of a folder."""
        self._tell(Message("files", {"folder": folder}, path))

    def log_dataset(self, name: str, fingerprint: str, source: str) -> None:
        """Record the data that the run trains on, by fingerprint."""
        self._tell(Message("data", {"name": name, "fingerprint": fingerprint, "source": source}))
        self.set_tags({"data_fingerprint": fingerprint})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags."""
        if tags:
            shown = {name: masked(text) for name, text in tags.items()}
            self.tags |= shown
            self._tell(Message("tags", shown))

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Close the run."""
        self.ended = True
        self._tell(Message("end", {"status": status, "time": milliseconds()}))

    def _tell(self, message: Message) -> None:
        self.tracker.post(self, message)


class Tracker:
    """The runs of one `kedro run`, by model, and the thread that talks to MLflow."""

    def __init__(self, project: Path, settings: TrackingSettings) -> None:
        self.project, self.settings = project, settings
        database = project / "mlruns/mlflow.db"
        self._own_uri = f"sqlite:///{str(database).replace('%', '%25').replace('?', '%3F')}"  # it is read as a URL
        self.runs: dict[str, TrackedRun] = {}
        self.whole: TrackedRun | None = None  # where several models run: the run above theirs
        self.failed = False  # MLflow does not answer: everything is kept
        self._waiting: deque[tuple[TrackedRun, Message]] = deque()  # the first is on its way
        self._changed = threading.Condition()  # guards _waiting and the outboxes
        self._given_up = False
        self._thread: threading.Thread | None = None
        if self.uri == self._own_uri and database.exists():
            try:
                keep_artifacts_beside(database)
            except sqlite3.Error as error:
                logger.warning("%s cannot be told that its artifacts are beside it: %s", database, error)

    @property
    def uri(self) -> str:
        """The configured server, else MLFLOW_TRACKING_URI, else the project's sqlite file; without a password."""
        return hand_over_password(self.settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or self._own_uri)

    @property
    def unsent(self) -> Path:
        """The folder with a folder for every run that could not be sent."""
        return self.project / self.settings.unsent

    def open_run(self, model: str, tags: Mapping[str, str]) -> TrackedRun:
        """Start a run named after the model; an empty tag is left out. It belongs to that of the whole, if any."""
        self.runs[model] = self._open(model, {"model": model, **tags})
        return self.runs[model]

    def open_whole(self, name: str, tags: Mapping[str, str]) -> TrackedRun:
        """Start a run that holds those which are opened from now on."""
        self.whole = self._open(name, tags)
        return self.whole

    def _open(self, name: str, tags: Mapping[str, str]) -> TrackedRun:
        given = json.loads(os.environ.get(RUN_TAGS, "{}"))
        parent = given.pop("_parent", None)
        common = {
            "machine": describe_machine(),
            "mlflow.user": os.environ.get("USER", "unknown"),
            "mlflow.source.name": " ".join(["kedro", *sys.argv[1:]]),
            "mlflow.source.type": "PROJECT",
            "mlflow.source.git.commit": git_commit(self.project),
        }
        own = {name: masked(text) for name, text in {**common, **tags, **given}.items() if text}
        above = self.whole.name if self.whole else parent
        return TrackedRun(self, f"{name}-{tags['kedro.save_version']}", own, self.whole, above)

    def all(self) -> list[TrackedRun]:
        """The runs, that of the whole last: it ends last."""
        return [*self.runs.values(), *([self.whole] if self.whole else [])]

    def post(self, run: TrackedRun, message: Message) -> None:
        """Hand a message to the thread; returns at once."""
        if self._thread is None:
            import mlflow  # noqa: F401  here, where nothing else is importing at the same time

            self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
            self._thread.start()
        with self._changed:
            self._waiting.append((run, message))
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait until every message is sent or kept, at most for `patience`; whether MLflow has all of them."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._waiting, self.settings.patience):
                logger.warning("MLflow at %s is slow; what it has not taken is kept in %s", self.uri, self.unsent)
                self._given_up = True
                for run, message in self._waiting:
                    self._keep(run, message)
                self._waiting.clear()
            for run in self.all():
                if run.unwritten and (error := self._write_down(run)):
                    logger.warning("%d messages about %s are lost: %s", len(run.unwritten), run.name, error)
                if run.ended:
                    run.outbox.release()
        return not any(run.kept for run in self.all())

    @cached_property
    def client(self) -> Any:
        """MLflow's client; raises `failures`."""
        return connect(self.uri)

    @cached_property
    def experiment_id(self) -> str:
        """The experiment, created where there is none; raises `failures`."""
        if found := self.client.get_experiment_by_name(self.settings.experiment):
            return found.experiment_id
        place = (self.project / "mlruns/artifacts").as_uri() if self.uri == self._own_uri else None
        return self.client.create_experiment(self.settings.experiment, place)

    def _work(self) -> None:
        """What the thread does: one message after another, until `wait` gives up."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                run, message = self._waiting[0]
            arrived = not self.failed and not run.kept and self._send(run, message)
            with self._changed:
                if self._given_up:
                    return
                if not arrived:
                    self._keep(run, message)
            if message.kind == "end" and run.kept:
                self._send_again(run)
            with self._changed:
                if self._given_up:
                    return
                self._waiting.popleft()
                self._changed.notify_all()

    def _send(self, run: TrackedRun, message: Message) -> bool:
        """Whether MLflow is done with the message. The first failure is logged."""
        begins = message.kind == "create" and not run.ended
        try:
            with suppress(OSError, ValueError):  # a disk that refuses stops nothing
                if begins:
                    run.outbox.begin(None)
            run.run_id = deliver(self.client, self.experiment_id, run.name, run.run_id, message)
            with suppress(OSError, ValueError):
                if begins:
                    if run.outbox:  # claimed above, and so nobody else's meanwhile
                        run.outbox.note(run.run_id, 0)
                    self._close_abandoned()
                if message.kind == "end":
                    run.outbox.remove()
        except failures() as error:
            self.failed = True
            logger.warning(
                "MLflow at %s failed; the work goes on, and the rest is kept in %s: %s",
                self.uri, self.unsent, in_a_line(error),
            )  # fmt: skip
        return not self.failed

    def _keep(self, run: TrackedRun, message: Message) -> None:
        """Write a message down. Where the disk refuses that too, it waits in memory for the next try."""
        run.kept = True
        run.unwritten.append(message)
        if (error := self._write_down(run)) and len(run.unwritten) == 1:
            logger.warning("%s of %s waits in memory: %s", message.kind, run.name, error)

    def _write_down(self, run: TrackedRun) -> Exception | None:
        """Write down what is to be kept; what the disk says if it refuses."""
        try:
            while run.unwritten:
                run.outbox.append(run.unwritten[0], run.run_id)
                run.unwritten.popleft()
        except (OSError, ValueError) as error:
            return error
        return None

    def _send_again(self, run: TrackedRun) -> None:
        """At the end of a run: perhaps the server is back. The run that it belongs to goes first."""
        unsendable: tuple[type[Exception], ...] = (*failures(), ValueError)
        for one in (run.within, run):
            if one is None or not one.kept:
                continue
            try:
                one.run_id = one.outbox.send(self.client, self.experiment_id)[0] or one.run_id
                while one.unwritten:
                    one.run_id = deliver(self.client, self.experiment_id, one.name, one.run_id, one.unwritten[0])
                    one.unwritten.popleft()
                if not one.ended:
                    one.outbox.begin(one.run_id)
            except unsendable:
                return
            logger.warning("MLflow at %s is back; %s is sent", self.uri, one.name)
            one.kept = self.failed = False

    def _close_abandoned(self) -> None:
        """Close the runs whose processes are gone. What else of them waits is left to `kedro send`."""
        for outbox in abandoned(self.unsent):
            waits = any(True for _ in outbox.messages())
            outbox.close(GONE, milliseconds())
            if not waits:
                outbox.send(self.client, self.experiment_id)


def in_a_line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0]


def abandoned(unsent: Path) -> Iterator[Outbox]:
    """What other processes have left, in the order of its beginning, each kept from others while it is looked at."""
    outboxes = [Outbox(path) for path in sorted(unsent.glob("[!.]*")) if path.is_dir()]
    for outbox in sorted(outboxes, key=Outbox.began):
        try:
            outbox.claim()
        except BlockingIOError:
            continue
        if outbox:
            yield outbox
        else:
            outbox.remove()
        outbox.release()


def send_kept(tracker: Tracker) -> Iterator[str]:
    """Send everything in the tracker's folder; a line for each run. A run whose process is gone is closed.

    Raises:
        GenlabError: something could not be sent. What could be is; what arrived is not sent again.
    """
    try:
        experiment_id = tracker.experiment_id
    except failures() as error:
        raise GenlabError(f"MLflow at {tracker.uri} cannot be reached: {in_a_line(error)}. Try again later") from error
    unsendable: tuple[type[Exception], ...] = (*failures(), ValueError)
    refused = []
    for outbox in abandoned(tracker.unsent):
        folder = outbox.folder
        try:
            outbox.close(GONE, milliseconds())
            run_id, damaged = outbox.send(tracker.client, experiment_id)
        except unsendable as error:
            refused.append(f"MLflow at {tracker.uri} did not take all of {folder}: {in_a_line(error)}. Try again later")
            continue
        if damaged:
            refused.append(
                f"{folder / 'messages.jsonl'} is damaged in line {', '.join(map(str, damaged))}, or a file named there "
                "is. All other lines are sent. Delete that folder to give these up"
            )
        else:
            yield f"sent {folder.name}, in MLflow {run_id}"
    if refused:
        raise GenlabError("; ".join(refused))


_current: list[Tracker] = []


def set_tracker(tracker: Tracker | None) -> None:
    """Nodes report to this tracker from now on; None: to nobody."""
    _current[:] = [tracker] if tracker else []


def current_tracker() -> Tracker | None:
    """The tracker that nodes report to."""
    return _current[0] if _current else None


def end_open_runs(status: Literal["FAILED", "KILLED"], error: str) -> None:
    """Close every open run, with the reason as a tag. No run is open afterwards."""
    for tracker in _current:
        for run in tracker.all():
            if not run.ended:
                run.set_tags({"error": error})
                run.end(status)
        tracker.wait()
    set_tracker(None)


def run_of(model: str) -> TrackedRun | None:
    """The open run of a model; None without a tracker, as in a notebook."""
    return _current[0].runs.get(model) if _current else None
