"""What goes to MLflow."""

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from genlab.errors import GenlabError, OnlyText
from genlab.tracking.outbox import Message, Outbox, deliver
from genlab.tracking.runs import all_runs
from genlab.tracking.tracker import (
    GONE,
    TrackedRun,
    Tracker,
    TrackingSettings,
    flatten,
    git_commit,
    run_of,
    send_kept,
    set_tracker,
)
from tests.chaos.faults import Fault, outcome, prepare
from tests.conftest import Gate


def test_parameters_become_flat() -> None:
    assert flatten({"a": 1, "b": {"c": 2, "d": {"e": None}}}) == {"a": 1, "b.c": 2, "b.d.e": None}


def test_the_commit_says_when_files_differ(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == "unknown"
    for command in ("init -q", "add file", "-c user.name=n -c user.email=e commit -qm first"):
        (tmp_path / "file").touch()
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("changed")
    assert git_commit(tmp_path) == f"{commit}-dirty"


def test_the_environment_names_the_server_and_the_settings_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Tracker(tmp_path, TrackingSettings()).uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert Tracker(tmp_path, TrackingSettings()).uri == "http://127.0.0.1:1"
    assert Tracker(tmp_path, TrackingSettings(uri="sqlite:///x.db")).uri == "sqlite:///x.db"


def test_the_environment_names_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrackingSettings().experiment == "genlab"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "spring")
    assert TrackingSettings().experiment == "spring"
    assert TrackingSettings(experiment="own").experiment == "own"


@pytest.mark.parametrize("folder", ["100%20 done", "what?", "a#b"])
def test_a_project_in_a_folder_of_an_odd_name_keeps_its_own_database(
    folder: str, tmp_path: Path, empty_mlflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / folder / "mlruns").mkdir(parents=True)
    shutil.copy(empty_mlflow, tmp_path / folder / "mlruns/mlflow.db")
    tracker = Tracker(tmp_path / folder, TrackingSettings())
    (tmp_path / "file").write_text("x")
    run = tracker.open_run("pix2pix", {"kedro.save_version": "v"})
    finish(run, tmp_path / "file")
    assert tracker.wait()
    assert told(tracker.uri, "pix2pix-v")[0].info.status == "FINISHED"
    with sqlite3.connect(tmp_path / folder / "mlruns/mlflow.db") as database:
        assert database.execute("select name from runs").fetchall() == [("pix2pix-v",)]


@pytest.mark.parametrize("way", [shutil.copytree, os.rename])
def test_a_copied_or_moved_project_has_its_artifacts_beside_its_database(
    way: Callable[[Path, Path], object], tmp_path: Path, empty_mlflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first, second = tmp_path / "it's 100%", tmp_path / "second"
    (first / "mlruns").mkdir(parents=True)
    shutil.copy(empty_mlflow, first / "mlruns/mlflow.db")
    (tmp_path / "file").write_text("x")

    def run(project: Path, version: str) -> str:
        tracker = Tracker(project, TrackingSettings())
        finish(tracker.open_run("pix2pix", {"kedro.save_version": version}), tmp_path / "file")
        assert tracker.wait()
        return told(tracker.uri, f"pix2pix-{version}")[0].info.artifact_uri

    old = run(first, "v")
    assert old.startswith((first / "mlruns/artifacts").as_uri())
    way(first, second)
    shutil.rmtree(first, ignore_errors=True)
    new = run(second, "w")
    assert not first.exists()
    client = MlflowClient(Tracker(second, TrackingSettings()).uri)
    for name, uri in (("pix2pix-v", None), ("pix2pix-w", new)):
        found = told(Tracker(second, TrackingSettings()).uri, name)[0].info
        assert found.artifact_uri.startswith((second / "mlruns/artifacts").as_uri())
        assert uri in (None, found.artifact_uri)
        assert client.list_artifacts(found.run_id)


def test_a_database_that_cannot_be_told_of_its_place_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns/mlflow.db").write_text("not a database, but long enough to be looked at" * 20)
    Tracker(tmp_path, TrackingSettings())
    assert "mlflow.db cannot be told that its artifacts are beside it: file is not a database" in caplog.text


def test_a_password_is_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, capfd: Any) -> None:
    """The server refuses, so that everything is said that can be said."""
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:s%23cret@127.0.0.1:1/")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(tmp_path, TrackingSettings(unsent="unsent"))
    assert tracker.uri == os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:1/"
    assert (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]) == ("user", "s#cret")
    run = tracker.open_run("pix2pix", {"kedro.save_version": "v", "command": "postgresql://u:s%23cret@host/db"})
    run.log_parameters({"data": {"source": "https://u:s%23cret@host/x.zip"}})
    run.set_tags({"error": "postgresql://u:s%23cret@host/db"})
    run.end("FAILED")
    assert not tracker.wait()
    with pytest.raises(GenlabError) as raised:
        list(send_kept(tracker))
    shown = [caplog.text, *capfd.readouterr(), str(raised.value), *(p.read_text() for p in tmp_path.rglob("*.json*"))]
    assert "cret" not in "".join(shown)
    assert "https://***@host/x.zip" in "".join(shown)


def test_a_line_of_the_log_masks_the_password_of_a_database() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 1, "at %s", ("mysql://u:p%@host/db",), None)
    assert OnlyText().filter(record)
    assert record.getMessage() == "at mysql://***@host/db"


def test_mlflow_sends_nothing_about_its_use() -> None:
    """In a process of its own: MLflow decides when it is imported, and never sends from pytest or CI."""
    without = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    code = (
        "import genlab.tracking.tracker; from mlflow.telemetry.client import get_telemetry_client;"
        "assert get_telemetry_client() is None"
    )
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def told(uri: str, name: str) -> tuple[Any, list[float], list[str]]:
    """The one run of that name, the steps of its curve, and its pictures."""
    client = MlflowClient(uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(experiments, f"attributes.run_name = '{name}'")
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "curve")]
    return run, sorted(steps), [item.path for item in client.list_artifacts(run.info.run_id, "images")]


def tell(run: TrackedRun, steps: range) -> None:
    for step in steps:
        run.log_metrics({"curve": step / 10}, step)


def finish(run: TrackedRun, file: Path) -> None:
    run.log_results({"l1": 0.25, "nll_nats_kind": "exact"})
    run.log_picture("drawings", np.zeros((4, 4, 3), np.uint8), 3)
    run.log_files(file, "metrics")
    run.log_dataset("set", "f00d", "here")
    run.end("FINISHED")


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    tracker = Tracker(tmp_path, TrackingSettings(unsent="unsent"))
    set_tracker(tracker)
    yield tracker
    set_tracker(None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    path.write_text("{}")
    return path


def test_a_server_that_is_down_is_said_once_and_everything_is_sent_later(
    tracker: Tracker, file: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for model in ("pix2pix", "vae"):
        run = tracker.open_run(model, {"kedro.save_version": "now"})
        assert run_of(model) is run
        run.log_parameters({"seed": 3, **{f"p{number}": number for number in range(150)}})
        tell(run, range(3))
        finish(run, file)
    assert not tracker.wait()
    assert caplog.text.count("http://127.0.0.1:9 failed; the work goes on") == 1
    with pytest.raises(GenlabError, match="Try again later"):
        list(send_kept(tracker))
    file.unlink()  # what is kept does not need it
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    later = Tracker(tracker.project, tracker.settings)
    assert [line.split(",")[0] for line in send_kept(later)] == ["sent pix2pix-now", "sent vae-now"]
    run, steps, pictures = told(mlflow_uri, "vae-now")
    assert (run.info.status, steps, len(pictures) > 0) == ("FINISHED", [0, 1, 2], True)
    assert run.data.tags["nll_nats_kind"] == "exact"
    assert (run.data.metrics["test/l1"], len(run.data.params)) == (0.25, 151)
    assert run.inputs.dataset_inputs[0].dataset.digest == "f00d"
    assert MlflowClient(mlflow_uri).list_artifacts(run.info.run_id, "metrics")[0].path == "metrics/metrics.json"
    assert not list(tracker.unsent.glob("*"))
    assert list(send_kept(later)) == []


def above(uri: str, *names: str) -> set[str]:
    """The ids of the runs that runs of these names belong to."""
    return {told(uri, name)[0].data.tags["mlflow.parentRunId"] for name in names}


def test_runs_that_are_sent_later_belong_to_the_run_of_the_whole(
    tracker: Tracker, file: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order their names have: `run` comes behind `aae`."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    whole = tracker.open_whole("run", {"kedro.save_version": "now"})
    for model in ("aae", "vae"):
        finish(tracker.open_run(model, {"kedro.save_version": "now"}), file)
    whole.end("FINISHED")
    assert not tracker.wait()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    assert len(list(send_kept(Tracker(tracker.project, tracker.settings)))) == 3
    assert above(mlflow_uri, "aae-now", "vae-now") == {told(mlflow_uri, "run-now")[0].info.run_id}


def test_the_run_of_the_whole_is_sent_before_those_that_belong_to_it(gate: Gate, tracker: Tracker, file: Path) -> None:
    """The server is back when the first model ends; the whole goes on, and no kill would leave it open."""
    gate.open = False
    whole = tracker.open_whole("run", {"kedro.save_version": "back"})
    first = tracker.open_run("aae", {"kedro.save_version": "back"})
    assert not tracker.wait()
    gate.open = True
    finish(first, file)
    assert tracker.wait()
    assert above(gate.address, "aae-back") == {told(gate.address, "run-back")[0].info.run_id}
    assert list(send_kept(Tracker(tracker.project, tracker.settings))) == [], "the whole lives"
    assert whole.outbox, "another process can close it"
    whole.end("FINISHED")
    assert tracker.wait()
    assert told(gate.address, "run-back")[0].info.status == "FINISHED"
    assert not list(tracker.unsent.glob("*"))


def test_what_mlflow_never_takes_is_said_and_the_rest_goes_on(
    tracker: Tracker, mlflow_uri: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tracker.open_run("vae", {"kedro.save_version": "now"})
    run.log_metrics({"what? a name with a question mark": 1.0})
    finish(run, file)
    assert tracker.wait()
    assert "MLflow does not take metrics of vae-now" in caplog.text
    assert told(mlflow_uri, "vae-now")[0].data.metrics == {"test/l1": 0.25}


def test_a_disk_that_is_full_as_well_stops_nothing(
    tracker: Tracker, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Outbox, message: Message, run_id: str | None) -> None:
        raise OSError("No space left on device")

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(Outbox, "append", full)
    finish(tracker.open_run("vae", {"kedro.save_version": "now"}), file)
    tracker.wait()
    assert "messages about vae-now are lost: No space left on device" in caplog.text


def test_the_best_score_of_a_run_is_known_before_mlflow_has_it(tracker: Tracker, mlflow_uri: str) -> None:
    run = tracker.open_run("vae", {"kedro.save_version": "now"})
    for score in (0.5, 0.1, 0.9):
        run.log_metrics({"validation/score": score})
    run.measured = True
    assert [one.score for one in all_runs(tracker, scores=True)] == [0.1]


KEPT = {"kind": "tags", "values": {"a": "b"}, "attachment": None}


def kept(tracker: Tracker, *lines: str | dict[str, Any]) -> Path:
    """A run that was kept as a whole, with these lines before its last two."""
    outbox = Outbox(tracker.unsent / "vae-now")
    outbox.append(Message("create", {"tags": {}, "parent": None, "time": 1}), None)
    with (outbox.folder / "messages.jsonl").open("a") as file:
        file.writelines(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    outbox.append(Message("metrics", {"numbers": {"curve": 0.5}, "step": 7, "time": 2}), None)
    outbox.append(Message("end", {"status": "FINISHED", "time": 3}), None)
    outbox.release()
    return outbox.folder


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "ta',  # without an end: what a full disk or a kill leaves
        '{"kind": "tags", "val\n',
        "\x00\x00\x00\n",
        "[]\n",
        {**KEPT, "kind": "tea"},
        {**KEPT, "attachment": "00001/gone"},
        {**KEPT, "kind": "files", "values": {"folder": "x"}, "attachment": "../secret"},
        {**KEPT, "kind": "files", "values": {"folder": "x"}, "attachment": "/etc/passwd"},
        {**KEPT, "kind": "files", "values": {"folder": "x"}, "attachment": "link"},
        {**KEPT, "kind": "files", "values": {"folder": "x"}, "attachment": "folder"},
        {**KEPT, "kind": "picture", "values": {"name": "x", "step": 0, "time": 0}, "attachment": "state.json"},
    ],
)
def test_a_damaged_line_is_named_and_kept_and_all_others_arrive(
    line: str | dict[str, Any], tracker: Tracker, mlflow_uri: str
) -> None:
    folder = kept(tracker, line)
    (tracker.unsent / "secret").write_text("secret")
    (folder / "link").symlink_to("../secret")
    (folder / "folder").mkdir()
    (folder / "folder/link").symlink_to("../../secret")
    before = (folder / "messages.jsonl").read_bytes()
    for _ in range(2):
        with pytest.raises(GenlabError, match=r"messages.jsonl is damaged in line 2"):
            list(send_kept(tracker))
    run, steps, _ = told(mlflow_uri, "vae-now")
    assert (run.info.status, steps) == ("FINISHED", [7])
    assert not MlflowClient(mlflow_uri).list_artifacts(run.info.run_id)
    assert (folder / "messages.jsonl").read_bytes() == before


@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("event", range(1, 40, 2))
def test_what_is_kept_outlives_a_kill_and_a_full_disk(event: int, fault: Fault, tmp_path: Path) -> None:
    """At any point while one message is written down: it is there or not, and those before and after it are."""
    outbox, file = Outbox(tmp_path / "run"), tmp_path / "file"
    file.write_text("content")

    def work() -> None:
        prepare(outbox.folder, event, fault)
        outbox.append(Message("tags", {"n": 0}), None)
        outbox.append(Message("files", {"n": 1}, file), None)

    outcome(work)
    outbox.append(Message("tags", {"n": 2}), None)
    messages = [message for message in outbox.messages() if message]
    told = [message.values["n"] for message in messages]
    assert told in ([0, 1, 2], [0, 2], [2])
    assert all(message.attachment.read_text() == "content" for message in messages if message.attachment)


def test_a_disk_that_has_room_again_gets_what_waited(
    tracker: Tracker, file: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, fails = Outbox.append, [True] * 3

    def full(self: Outbox, message: Message, run_id: str | None) -> None:
        if fails:
            raise OSError(fails.pop())
        append(self, message, run_id)

    monkeypatch.setattr(Outbox, "append", full)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    finish(tracker.open_run("vae", {"kedro.save_version": "now"}), file)
    assert not tracker.wait()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    assert len(list(send_kept(Tracker(tracker.project, tracker.settings)))) == 1
    assert told(mlflow_uri, "vae-now")[0].data.metrics == {"test/l1": 0.25}


def test_one_run_that_cannot_be_sent_holds_up_no_other(
    tracker: Tracker, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_first(client: Any, experiment_id: str, name: str, run_id: str | None, message: Message) -> str | None:
        if name == "first":
            raise OSError("no place for this file")
        return deliver(client, experiment_id, name, run_id, message)

    monkeypatch.setattr("genlab.tracking.outbox.deliver", refuse_first)
    for name in ("first", "second"):
        outbox = Outbox(tracker.unsent / name)
        outbox.append(Message("create", {"tags": {}, "parent": None, "time": 1}), None)
        outbox.append(Message("end", {"status": "FINISHED", "time": 3}), None)
        outbox.release()
    sending = send_kept(tracker)
    assert next(sending).startswith("sent second")
    with pytest.raises(GenlabError, match=r"did not take all of .*first"):
        next(sending)
    assert [path.name for path in tracker.unsent.iterdir()] == ["first"]


def test_a_run_whose_process_is_gone_is_closed_by_the_next_one(tracker: Tracker, mlflow_uri: str) -> None:
    def work() -> None:
        tell(tracker.open_run("vae", {"kedro.save_version": "before"}), range(2))
        tracker.wait()
        os.kill(os.getpid(), signal.SIGKILL)

    assert outcome(work) == -signal.SIGKILL
    assert told(mlflow_uri, "vae-before")[0].info.status == "RUNNING"
    later = Tracker(tracker.project, tracker.settings)
    run = later.open_run("vae", {"kedro.save_version": "after"})
    later.wait()
    assert list(send_kept(Tracker(tracker.project, tracker.settings))) == [], "the other one lives"
    run.end("FINISHED")
    later.wait()
    closed, steps, _ = told(mlflow_uri, "vae-before")
    assert (closed.info.status, steps, closed.data.tags["error"]) == ("KILLED", [0, 1], GONE)
    assert told(mlflow_uri, "vae-after")[0].info.status == "FINISHED"
    assert not list(tracker.unsent.glob("*"))


@pytest.mark.parametrize("created", [False, True])
def test_a_process_that_is_killed_while_it_opens_a_run_leaves_none_open(
    created: bool, tracker: Tracker, mlflow_uri: str
) -> None:
    """The folder is there before the run in MLflow; the run's id comes after it."""
    outbox = Outbox(tracker.unsent / "vae-before")
    outbox.begin(None)
    outbox.release()
    if created:
        tracker.client.create_run(tracker.experiment_id, run_name="vae-before")
    tracker.open_run("vae", {"kedro.save_version": "after"})
    tracker.wait()
    found = tracker.client.search_runs([tracker.experiment_id])
    assert {run.info.run_name: run.info.status for run in found} == {
        "vae-after": "RUNNING", **({"vae-before": "KILLED"} if created else {}),
    }  # fmt: skip
    assert [path.name for path in tracker.unsent.iterdir()] == ["vae-after"]


class SaysYes(BaseHTTPRequestHandler):
    """A proxy that answers everything with `200 {}`."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "file://{folder}/runs"])
def test_an_address_that_is_no_mlflow_is_said_in_one_line_and_all_can_be_sent_elsewhere(
    uri: str, tracker: Tracker, file: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, tmp_path: Path,
) -> None:  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), SaysYes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=server.server_port, folder=tmp_path))
    finish(tracker.open_run("vae", {"kedro.save_version": "now"}), file)
    assert not tracker.wait()
    server.shutdown()
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "failed; the work goes on, and the rest is kept" in warning
    assert "\n" not in warning
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    assert len(list(send_kept(Tracker(tracker.project, tracker.settings)))) == 1
    run, _, pictures = told(mlflow_uri, "vae-now")
    assert (run.info.status, run.data.metrics["test/l1"], len(pictures) > 0) == ("FINISHED", 0.25, True)


def test_a_server_that_breaks_off_and_is_back_at_the_end_of_the_run(
    gate: Gate, tracker: Tracker, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tracker.open_run("vae", {"kedro.save_version": "breaks-off"})
    tell(run, range(2))
    assert tracker.wait()
    gate.shut()
    tell(run, range(2, 4))
    assert not tracker.wait(), "two metrics are on disk"
    gate.open = True
    finish(run, file)
    assert tracker.wait(), "the end of a run is when it tries again"
    assert "is back; vae-breaks-off is sent" in caplog.text
    run, steps, pictures = told(gate.address, "vae-breaks-off")
    assert (run.info.status, steps) == ("FINISHED", [0, 1, 2, 3])
    assert len([path for path in pictures if path.endswith(".png")]) == 1


def test_a_server_that_is_stuck_holds_up_nothing(gate: Gate, tracker: Tracker, file: Path) -> None:
    """The run goes to its end while no request is answered; then all of it can be sent, as one run."""
    tracker.settings = tracker.settings.model_copy(update={"patience": 0.2})
    gate.held = True
    run = tracker.open_run("vae", {"kedro.save_version": "stuck"})
    tell(run, range(3))
    finish(run, file)
    assert not tracker.wait(), "nothing has arrived"
    gate.held = False
    assert tracker._thread is not None
    tracker._thread.join(30)  # the one request that was on its way arrives, too late to be counted
    assert len(list(send_kept(Tracker(tracker.project, tracker.settings)))) == 1
    run, steps, _ = told(gate.address, "vae-stuck")
    assert (run.info.status, steps, run.data.metrics["test/l1"]) == ("FINISHED", [0, 1, 2], 0.25)
