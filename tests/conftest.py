"""What all tests share: shapes checked at run time, small real data, and a Kedro project whose data are elsewhere."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

# jaxtyping's shapes are promises that nobody keeps unless they are checked: here they are.
SHAPED = ["data.augment", "data.batches", "models", "nn", "sampling", "training"]
install_import_hook([f"genlab.{package}" for package in SHAPED], "beartype.beartype")

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

from genlab.data.derive import derive, pair_sides, sides
from genlab.data.domains import UnpairedImages
from genlab.data.ingest import ingest
from genlab.data.labelled import LabelledImages
from genlab.data.pairs import PairedImages
from genlab.data.settings import DataSettings
from genlab.data.sources import list_source
from genlab.data.unpair import DOMAIN_COLUMNS

PROJECT = Path(__file__).parents[1]
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shoes(tmp_path_factory: pytest.TempPathFactory) -> PairedImages:
    """All edges -> shoe pairs of the embedded sample."""
    settings = DataSettings(classes=("sandal", "sneaker", "ankle_boot"))
    folder = tmp_path_factory.mktemp("shoes")
    images = ingest(list_source(PROJECT / "data/01_raw", settings), settings, folder / "images")
    images = images.move_to(folder / "images")
    derived = derive(images, settings, folder / "derived").move_to(folder / "derived")
    return PairedImages(pair_sides(images, derived, settings), *sides(images, derived))


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
    return LabelledImages.of(images.move_to(folder / "images"))


@pytest.fixture(scope="session")
def few_images(fashion: LabelledImages) -> LabelledImages:
    """Forty training images, four of every class."""
    train = fashion.split("train")
    rows = train.table.groupby("label").head(4).reset_index(drop=True)
    return LabelledImages(rows, train.store, train.classes)


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


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A data folder of the test's own, with a copy of the raw files that it may damage."""
    root = tmp_path / "data"
    shutil.copytree(PROJECT / "data/01_raw/fashion_mnist", root / "01_raw/fashion_mnist")
    return root


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
    from genlab.io.tracking import set_tracker

    set_tracker(None)
