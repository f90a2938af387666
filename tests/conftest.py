"""What all tests share: shapes checked at run time, small real data, and a Kedro project whose data are elsewhere."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

os.environ["DO_NOT_TRACK"] = os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# jaxtyping's shapes are promises that nobody keeps unless they are checked: here they are. What is imported while the
# hook works is compiled anew, so the large libraries come first.
import mlflow  # noqa: F401
import scipy.stats  # noqa: F401
import torch
import torchmetrics  # noqa: F401
import torchvision  # noqa: F401
from jaxtyping import install_import_hook

SHAPED = ["data.batches", "media.pictures.augment", "media.pictures.levels", "models", "nn", "sampling", "training"]
install_import_hook([f"genlab.{package}" for package in SHAPED], "beartype.beartype")

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from genlab.data.arrange.derive import derive, pair_sides, sides
from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.arrange.unpair import DOMAIN_COLUMNS
from genlab.data.arrange.view import view, view_derived
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.media.pictures.attributes import Scale, caption

PROJECT = Path(__file__).parents[1]
torch.set_num_threads(1)
# `nohup make test &` ignores these two, and so would what the tests start.
for number, handler in ((signal.SIGHUP, lambda *_: None), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on a project's data as whole, before tests are chosen by their marks."""
    for item in items:
        if isinstance(item, pytest.Function) and "ingested" in item.fixturenames:
            item.add_marker("whole")


@pytest.fixture(scope="session")
def shoes(tmp_path_factory: pytest.TempPathFactory) -> PairedImages:
    """All edges -> shoe pairs of the embedded sample."""
    settings = DataSettings(classes=("sandal", "sneaker", "ankle_boot"))
    folder = tmp_path_factory.mktemp("shoes")
    images = ingest(list_source(PROJECT / "data/01_raw", settings), settings, folder / "images")
    seen = view(images, settings)
    derived = view_derived(derive(seen, settings, folder / "derived"), seen)
    return PairedImages(pair_sides(seen, derived, settings), *sides(seen, derived))


@pytest.fixture(scope="session")
def few_shoes(shoes: PairedImages) -> PairedImages:
    """Thirty-two training pairs."""
    return PairedImages(shoes.split("train").table.head(32), shoes.a, shoes.b)


@pytest.fixture(scope="session")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> LabelledImages:
    """The embedded sample of Fashion-MNIST, all ten classes."""
    settings = DataSettings()
    folder = tmp_path_factory.mktemp("fashion")
    images = ingest(list_source(PROJECT / "data/01_raw", settings), settings, folder / "images")
    return LabelledImages.of(view(images, settings))


@pytest.fixture(scope="session")
def few_images(fashion: LabelledImages) -> LabelledImages:
    """Forty training images, four of every class."""
    train = fashion.split("train")
    rows = train.table.groupby("label").head(4).reset_index(drop=True)
    return LabelledImages(rows, train.store, train.classes)


@pytest.fixture(scope="session")
def few_captions(few_images: LabelledImages) -> LabelledImages:
    """The same forty images with captions, derived from their labels, brightness and shape."""
    table = few_images.table
    labels, pixels = table["label"].to_numpy(dtype=str), few_images.pixels
    bright, shape = Scale.of(pixels, labels).describe(pixels, labels)
    said = [caption(*words) for words in zip(labels, bright, shape, strict=True)]
    return few_images.with_captions(
        table[["id"]].assign(caption=said, bright=bright.tolist(), shape=shape.tolist(), held_out=False)
    )


@pytest.fixture(scope="session")
def few_sounds(tmp_path_factory: pytest.TempPathFactory) -> LabelledImages:
    """Forty recordings of digits, two of each speaker for every digit, at 2 kHz and cut at 0.3 s; some are shorter."""
    settings = DataSettings(source="spoken_digits_small", rate=2000, seconds=0.3)
    listing = list_source(PROJECT / "data/01_raw", settings)
    sounds = LabelledImages.of(ingest(listing, settings, tmp_path_factory.mktemp("sounds")))
    rows = sounds.split("train").table.groupby(["label", "group"]).head(2).reset_index(drop=True)
    return replace(sounds, table=rows)


@pytest.fixture(scope="session")
def few_domains(few_shoes: PairedImages) -> UnpairedImages:
    """The thirty-two training pairs, unpaired: sixteen edge drawings and the sixteen shoes that are not theirs."""
    sides = []
    for domain, array, rows in (("a", "derived/a", few_shoes.table[:16]), ("b", "images/images", few_shoes.table[16:])):
        table = rows[["id", "split", "label"]].assign(domain=domain, array=array, row=rows[domain], truth=-1)
        sides.append(table[DOMAIN_COLUMNS])
    return UnpairedImages(pd.concat(sides, ignore_index=True), few_shoes.a, few_shoes.b)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables made: making them takes seconds, copying them none."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow_uri(empty_mlflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty MLflow of the test's own, to which MLFLOW_TRACKING_URI points."""
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)  # a server of one's own keeps its artifacts under the working folder
    return uri


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Path:
    """A data folder with the embedded raw files, and what is decoded and derived of them."""
    root = tmp_path_factory.mktemp("ingested") / "data"
    shutil.copytree(PROJECT / "data/01_raw/fashion_mnist", root / "01_raw/fashion_mnist")
    run_alone(root, empty_mlflow, ["run", "--pipelines=pix2pix", "--env=test", "--to-nodes=data.derive"])
    shutil.rmtree(root / "08_reporting")
    (root / "mlflow.db").unlink()
    return root


@pytest.fixture
def data_root(tmp_path: Path, ingested: Path) -> Path:
    """A data folder of the test's own, which it may damage. Nothing need be decoded."""
    return Path(shutil.copytree(ingested, tmp_path / "data"))


@pytest.fixture
def kedro(data_root: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """`kedro(*options, key=value)`: `kedro run --pipeline=pix2pix --env=test` in this process, over the test's data."""
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT)
    monkeypatch.chdir(PROJECT)
    from genlab.cli import cli

    def run(*options: str, **parameters: object) -> Result:
        given = ",".join(f"{key}={value}" for key, value in {"data_root": data_root, **parameters}.items())
        chosen = [option for option in options if option.startswith(("--pipeline", "--env"))]
        standard = [o for o in ("--pipelines=pix2pix", "--env=test") if not any(c[:6] == o[:6] for c in chosen)]
        arguments = ["run", *standard, *options, f"--params={given}"]
        monkeypatch.setattr(sys, "argv", ["kedro", *arguments])
        return CliRunner().invoke(cli, arguments)

    yield run
    from genlab.tracking.tracker import set_tracker

    set_tracker(None)


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, ingested: Path, empty_mlflow: Path) -> "Swept":
    """A project's data after a tiny sweep of pix2pix over two seeds and two objectives, with its comparison."""
    command = ["sweep", "--pipeline=pix2pix", "--env=test", "--seeds=0,1"]
    lists = ["--vary", "pix2pix.model.objective=l1,cgan"]
    root = Path(shutil.copytree(ingested, tmp_path_factory.mktemp("swept") / "data"))
    return run_alone(root, empty_mlflow, [*command, *lists], "evaluation.resamples=20")


def run_alone(root: Path, empty_mlflow: Path, command: list[str], parameters: str = "") -> "Swept":
    """A command in this process, over the data in `root`, with an MLflow of its own."""
    from kedro.framework.startup import bootstrap_project

    from genlab.cli import cli

    shutil.copy(empty_mlflow, root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        bootstrap_project(PROJECT)
        patch.chdir(PROJECT)
        arguments = [*command, f"--params=data_root={root}{',' * bool(parameters)}{parameters}"]
        patch.setattr(sys, "argv", ["kedro", *arguments])
        result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return Swept(root, f"sqlite:///{root / 'mlflow.db'}", result.output)


class Swept(NamedTuple):
    """Where a command's data and MLflow are, and what it said."""

    root: Path
    uri: str
    output: str


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Iterator[str]:
    """A real `mlflow server` on 127.0.0.1; its address. It takes some ten seconds to start."""
    import requests

    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_mlflow, folder / "mlflow.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                    break
            except requests.ConnectionError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


class Gate:
    """A door before a server: it can be shut, as if the server were down, or held, as if it were stuck."""

    def __init__(self, target: str) -> None:
        self.target = (urlsplit(target).hostname or "", urlsplit(target).port or 0)
        self.open, self.held = True, False
        self.passing: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        """Break every connection, and refuse those that come."""
        self.open = False
        for one in self.passing:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            client, _ = self.door.accept()
            if not self.open:
                client.close()
                continue
            server = socket.create_connection(self.target)
            self.passing += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                while self.held:
                    time.sleep(0.02)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def gate(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The real MLflow server behind a gate, to which MLFLOW_TRACKING_URI points."""
    gate = Gate(mlflow_server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gate.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return gate
