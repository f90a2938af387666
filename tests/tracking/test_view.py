"""MLflow's page: what it is told to show, and where it is."""

import http.server
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

from genlab.tracking import view
from genlab.tracking.tracker import Tracker, TrackingSettings


def test_columns_are_the_headline_metrics_that_there_are() -> None:
    known = ["test/l1", "test/l1_low", "test/l1_mean_image", "test/l1_b_to_a", "test/fd_lite0", "train/nll", "l1"]
    shown = view.describe_view(known)
    assert shown["selectedColumns"] == [
        "tags.`model`", "params.`seed`", "metrics.`test/fd_lite0`", "metrics.`test/l1`", "metrics.`test/l1_b_to_a`",
        "metrics.`test/train_seconds`",
    ]  # fmt: skip


def test_the_installed_page_knows_these_words() -> None:
    """Nothing promises them: another version of MLflow may have others."""
    scripts = (Path(mlflow.__file__).parent / "server/js/build/static/js").glob("*.js")
    text = "".join(path.read_text() for path in scripts if path.name.startswith("main") or path.stat().st_size < 10**6)
    words = [
        "viewStateShareKey",
        "mlflow.sharedViewState.",
        "workflowType",
        "machine_learning",
        *view.describe_view([]),
    ]
    assert [word for word in words if f'"{word}"' not in text] == []


class Healthy(http.server.BaseHTTPRequestHandler):
    """Says that it is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        pass


def test_a_server_on_this_machine_is_found_past_a_proxy_and_what_is_none_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server, ThreadPoolExecutor() as pool:
        pool.submit(server.handle_request)
        assert view.answers(f"http://127.0.0.1:{server.server_port}")
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor() as pool:
        pool.submit(lambda: other.accept()[0].close())
        assert not view.answers(f"http://127.0.0.1:{other.getsockname()[1]}")


def test_the_view_is_in_the_experiment_and_the_address_names_it(
    mlflow_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(tmp_path, TrackingSettings(unsent="unsent"))
    run = tracker.open_run("vae", {"kedro.save_version": "now"})
    run.log_results({"bits_per_dim": 1.0})
    run.end("FINISHED")
    assert tracker.wait()
    page = view.share_view(tracker)
    stored: Any = tracker.client.get_experiment(tracker.experiment_id)
    assert "metrics.`test/bits_per_dim`" in json.loads(stored.tags["mlflow.sharedViewState.genlab"])["selectedColumns"]
    assert page == f"#/experiments/{stored.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey=genlab"
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(view, "share_view", lambda tracker: page)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9/")
    for display, times in (("", 0), (":0", 1)):
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        view.show_runs(tracker, 5000)
        assert capsys.readouterr().out == f"The runs, with their headline metrics: http://127.0.0.1:9/{page}\n"
        assert opened == [f"http://127.0.0.1:9/{page}"] * times
