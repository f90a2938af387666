"""`kedro run` of the models with a chosen prior, in this process."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.training.checkpoint import Checkpoint
from tests.test_end_to_end import Kedro, fails, newest, save_pictures


def metrics_of(data_root: Path, model: str) -> dict[str, float | str]:
    return json.loads(newest(data_root / f"08_reporting/{model}/metrics.json").read_text())


def figures_of(data_root: Path, model: str) -> set[str]:
    return {path.stem for path in newest(data_root / f"08_reporting/{model}/figures").iterdir()}


def test_a_vae_samples_walks_and_scores(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=vae")
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "vae")
    assert metrics["nll_nats_kind"] == metrics["bits_per_dim_kind"] == "bound, estimated"
    assert metrics["nll_nats"] < metrics["negative_elbo_nats"]
    assert metrics["bits_per_dim"] == pytest.approx(metrics["nll_nats"] / np.log(2) / 32**2)
    for key in ("nll_nats_independent_pixels", "active_units", "latent_match_p_value", "probe_accuracy",
                "probe_accuracy_100", "probe_accuracy_pixels", "mse"):  # fmt: skip
        assert np.isfinite(metrics[key]), key
    assert "parzen_nats" not in metrics
    assert {
        "samples",
        "reconstructions",
        "interpolations",
        "traversals",
        "latents_over_prior",
        "manifold",
    } <= figures_of(data_root, "vae")
    Checkpoint.read(newest(data_root / "06_models/vae/checkpoint.pt")).chosen("best").build()


def test_binarised_images_are_two_levels_everywhere(kedro: Kedro, data_root: Path) -> None:
    given = {"data.binarise": "fixed", "vae.model.pixels": "bernoulli", "data.classes": "[bag]"}
    result = kedro("--pipelines=vae", "--to-nodes=vae.evaluate", **given)
    assert result.exit_code == 0, result.output
    [stored] = data_root.glob("02_intermediate/*/*/images.npy")
    assert len(np.load(stored, mmap_mode="r")) == 14000, "all classes are stored, in shades of grey"
    metrics = metrics_of(data_root, "vae")
    assert metrics["nll_levels"] == 2
    assert "probe_accuracy" not in metrics, "one class: there is nothing to tell apart"


def test_an_aae_shows_the_class_of_each_component(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=aae")
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "aae")
    assert metrics["parzen_nats_kind"] == "historic"
    for key in ("parzen_nats", "latent_energy_distance", "latent_energy_distance_prior", "mse", "probe_accuracy"):
        assert np.isfinite(metrics[key]), key
    assert "nll_nats" not in metrics
    assert {"samples", "interpolations", "latents_over_prior", "manifold"} <= figures_of(data_root, "aae")
    picture = newest(data_root / "08_reporting/aae/figures") / "manifold.png"
    assert Image.open(picture).size == (640, 640)


def test_what_a_person_can_get_wrong(kedro: Kedro, data_root: Path, mlflow_uri: str, tmp_path: Path) -> None:
    vae, aae = "--pipelines=vae", "--pipelines=aae"
    fails(
        kedro(vae, **{"vae.model.latent_dim": 0}),
        mlflow_uri,
        "latent_dim is 0: it should be greater than or equal to 1",
    )
    fails(kedro(vae, **{"vae.model.prior": "cube"}), mlflow_uri, "prior is 'cube': it should be 'standard_normal'")
    fails(kedro(vae, **{"vae.model.prior": "swiss_roll", "vae.model.latent_dim": 3}), mlflow_uri, "two dimensions")
    fails(
        kedro(vae, **{"data.binarise": "often"}),
        mlflow_uri,
        "data.binarise is 'often': it should be 'fixed' or 'dynamic'",
    )
    two = {"data.binarise": "dynamic"}
    fails(
        kedro("--pipelines=unit", **two),
        mlflow_uri,
        "unit learns from domains, which are drawn in black and white once",
    )
    fails(kedro(aae, **{"aae.model.components": 4}), mlflow_uri, "10 classes and 4 components")
    save_pictures(tmp_path / "unlabelled", count=12)
    given = {"data.source": tmp_path / "unlabelled", "data.image_size": 32}
    fails(kedro(aae, **given), mlflow_uri, "these images have no labels")
