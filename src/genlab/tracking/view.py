"""MLflow's page of the models' runs: its address, and what it shows."""

import json
import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener

import click

from genlab.errors import GenlabError
from genlab.evaluation.questions import QUESTIONS, base_name
from genlab.tracking.runs import MOST_RUNS, reading
from genlab.tracking.tracker import TEST, Tracker

VIEW = "genlab"  # the key of the view in the experiment's tags and in the address


def describe_view(metrics: Iterable[str]) -> dict[str, Any]:
    """What the page shows, as MLflow's own button *Share* writes it down: runs of models, and columns.

    Args:
        metrics: what the runs of the experiment have.
    """
    known = sorted(name.removeprefix(TEST) for name in metrics if name.startswith(TEST))
    headline = dict.fromkeys(name for question in QUESTIONS for name in question.headline)
    shown = [name for first in headline for name in known if base_name(name) == first]
    numbers = [f"metrics.`{TEST}{name}`" for name in (*shown, "train_seconds")]
    return {
        "searchFilter": "tags.model != ''",  # not the run above them
        "orderByKey": "tags.`mlflow.runName`", "orderByAsc": False,  # by model, the newest first; by time it would nest
        "selectedColumns": ["tags.`model`", "params.`seed`", *numbers],
    }  # fmt: skip


def share_view(tracker: Tracker) -> str:
    """Tell MLflow what to show; the address of the page behind that of the server.

    `workflowType`: since 3.17 MLflow opens as if the runs were of language models.

    Raises:
        GenlabError: MLflow cannot be read.
    """
    with reading(tracker.uri) as client:
        runs = client.search_runs([tracker.experiment_id], max_results=MOST_RUNS)
        view = describe_view({name for run in runs for name in run.data.metrics})
        client.set_experiment_tag(tracker.experiment_id, f"mlflow.sharedViewState.{VIEW}", json.dumps(view))
    return f"#/experiments/{tracker.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"


def show_runs(tracker: Tracker, port: int) -> None:
    """Say where the page is, and open it where there is a display. Where MLflow is no server, be one until Ctrl-C.

    Raises:
        GenlabError: MLflow cannot be read, or its page does not start.
    """
    page = share_view(tracker)
    if tracker.uri.startswith("http"):
        open_page(f"{tracker.uri.rstrip('/')}/{page}")
        return
    place = f"http://127.0.0.1:{port}"
    if answers(place):
        raise GenlabError(f"there is a page at {place} already; name another port: make mlflow ARGS=--port=5001")
    store = ["--backend-store-uri", tracker.uri]
    server = subprocess.Popen([sys.executable, "-m", "mlflow", "ui", *store, "--port", str(port), "--workers", "1"])
    try:
        while not answers(place):
            if server.poll() is not None:
                raise GenlabError(f"MLflow's page at {place} does not start; what it said is above")
            time.sleep(0.2)
        open_page(f"{place}/{page}")
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


def answers(place: str) -> bool:
    """Whether an MLflow server is there."""
    direct = build_opener(ProxyHandler({}))  # a proxy for other addresses does not know this machine
    with suppress(OSError, HTTPException), direct.open(f"{place}/health", timeout=5) as answer:
        return bool(answer.status == HTTPStatus.OK)
    return False


def open_page(address: str) -> None:
    """Show an address, in a browser where there is a display."""
    click.echo(f"The runs, with their headline metrics: {address}")
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)
