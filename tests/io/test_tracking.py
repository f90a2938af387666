"""What goes to MLflow."""

import subprocess
from pathlib import Path

import pytest

from genlab.io.tracking import Tracker, TrackingSettings, flatten, git_commit, run_of, set_tracker


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


def test_a_server_that_is_down_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(tmp_path, TrackingSettings(uri="http://127.0.0.1:9"))
    set_tracker(tracker)
    for _ in range(2):
        assert tracker.open_run("pix2pix", {"kedro.save_version": "now"}) is None
    assert run_of("pix2pix") is None
    assert caplog.text.count("http://127.0.0.1:9 failed, the rest of this run is not tracked") == 1
    set_tracker(None)
