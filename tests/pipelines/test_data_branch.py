"""One data branch for all models of a run, and one model after another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from kedro.pipeline import Pipeline

import genlab.media.pictures.decode
from genlab.models import MODELS
from genlab.pipelines.template import create_compare_pipeline, create_data_pipeline, create_pipeline, names_in
from genlab.runner import ByNamespace
from genlab.training.checkpoint import Checkpoint
from tests.test_end_to_end import runs, save_pictures

Kedro = Callable[..., Result]


def whole(names: list[str]) -> Pipeline:
    return sum((create_pipeline(name, names) for name in names), create_compare_pipeline(names))


def test_models_share_the_nodes_of_the_data_branch() -> None:
    names = [node.name for node in whole(list(MODELS)).nodes if node.namespace == "data"]
    assert sorted(names) == ["data.caption", "data.derive", "data.ingest", "data.pair", "data.unpair"]


@pytest.mark.parametrize(
    ("models", "wanted"),
    [
        (["vae", "gan"], {"ingest"}),
        (["text_gan"], {"ingest", "caption"}),
        (["pix2pix"], {"ingest", "derive", "pair"}),
        (["vae", "unit"], {"ingest", "derive", "pair", "unpair"}),
    ],
)
def test_a_run_has_only_the_data_nodes_that_its_models_need(models: list[str], wanted: set[str]) -> None:
    found = {node.name for node in whole(models).nodes if node.namespace == "data"}
    assert found == {f"data.{name}" for name in wanted}


def test_the_pipeline_of_data_has_no_model() -> None:
    assert {node.namespace for node in create_data_pipeline(["data"]).nodes} == {"data"}


@pytest.mark.parametrize(
    ("requested", "names"),
    [
        (None, list(MODELS)), ([], list(MODELS)), (["__default__"], list(MODELS)),
        (["gan", "vae", "compare"], ["vae", "gan"]), (["data", "gan"], ["gan", "data"]), (["compare"], []),
    ],
)  # fmt: skip
def test_a_request_names_models(requested: list[str] | None, names: list[str]) -> None:
    assert names_in(requested) == names


def test_nodes_run_model_by_model_each_after_what_it_needs() -> None:
    pipeline = whole(list(MODELS))
    nodes = ByNamespace(pipeline.nodes).nodes
    assert set(nodes) == set(pipeline.nodes)
    namespaces = list(dict.fromkeys(node.namespace for node in nodes))
    assert namespaces == ["data", *MODELS, None]
    assert [node.namespace for node in nodes] == sorted((n.namespace for n in nodes), key=namespaces.index)
    done: set[Any] = set()
    for node in nodes:
        assert pipeline.node_dependencies[node] <= done
        done.add(node)


def test_a_run_of_several_models_decodes_each_image_once(
    kedro: Kedro, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("cat", "dog"):
        save_pictures(tmp_path / "mine" / label, 20)
    decoded = []
    real = genlab.media.pictures.decode.decode
    monkeypatch.setattr(
        "genlab.media.pictures.decode.decode", lambda data, *rest: decoded.append(data) or real(data, *rest)
    )
    command = ("--pipelines=vae,gan,cgan,pix2pix,cyclegan,unit", "--tags=data")
    result = kedro(*command, **{"data.source": tmp_path / "mine"})
    assert result.exit_code == 0, result.output
    assert len(decoded) == 40
    assert len(list(data_root.glob("02_intermediate/mine-*/*/images.npy"))) == 1
    assert len(list(data_root.glob("03_primary/mine-*/*/a.npy"))) == 1
    assert len(list(data_root.glob("05_model_input/*/*.parquet"))) == 2
    assert kedro(*command, **{"data.source": tmp_path / "mine", "pix2pix.data.classes": "[cat]"}).exit_code == 0
    assert len(decoded) == 40, "classes are a view"


def test_models_of_different_sizes_have_arrays_of_their_own_and_run_one_after_another(
    kedro: Kedro, data_root: Path, mlflow_uri: str
) -> None:
    sizes = {"vae.data.image_size": 64}
    result = kedro("--pipelines=gan,vae", "--to-nodes=vae.train,gan.train", **sizes)
    assert result.exit_code == 0, result.output
    assert len(list(data_root.glob("02_intermediate/*/*/images.npy"))) == 2
    report = pd.read_csv(data_root / "08_reporting/data/report.csv")
    assert report["set"].nunique() == 2
    found = {}
    for model in ("vae", "gan"):
        [path] = data_root.glob(f"06_models/{model}/checkpoint.pt/*/*.pt")
        found[model] = Checkpoint.read(path).spec.shapes["images"]
    assert {model: size for model, (*_, size) in found.items()} == {"vae": 64, "gan": 32}
    whole, first, second = runs(mlflow_uri)
    assert (first.data.tags["model"], second.data.tags["model"]) == ("vae", "gan")
    assert first.info.end_time <= second.info.start_time, "a run lasts as long as its own work"
    assert whole.info.start_time <= first.info.start_time
    assert whole.info.end_time >= second.info.end_time
    assert {run.data.tags["mlflow.parentRunId"] for run in (first, second)} == {whole.info.run_id}


def test_a_run_that_breaks_leaves_whole_models(kedro: Kedro, data_root: Path, mlflow_uri: str) -> None:
    result = kedro("--pipelines=gan,dcgan,cgan", **{"dcgan.training.learning_rate": "1.0e+30", "sample.count": 12})
    assert result.exit_code == 1
    whole, *rest = runs(mlflow_uri)
    status = {run.data.tags["model"]: run.info.status for run in rest}
    assert status == {"gan": "FINISHED", "dcgan": "FAILED"}, "cgan never began"
    assert (whole.info.status, whole.data.tags["models"]) == ("FAILED", "gan, dcgan, cgan")
    assert whole.data.tags["error"] == rest[-1].data.tags["error"]
    assert list(data_root.glob("08_reporting/gan/metrics.json/*/metrics.json"))


def test_bad_data_fail_the_whole_before_a_model_begins(kedro: Kedro, data_root: Path, mlflow_uri: str) -> None:
    (data_root / "01_raw/fashion_mnist/train-images-idx3-ubyte.gz").unlink()
    assert kedro("--pipelines=gan,vae").exit_code == 1
    (whole,) = runs(mlflow_uri)
    assert (whole.info.status, whole.data.tags["models"]) == ("FAILED", "vae, gan")
    assert "is missing; fetch or restore it" in whole.data.tags["error"]
