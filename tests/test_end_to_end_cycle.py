"""`kedro run` of the models of two domains, in this process."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.training.checkpoint import Checkpoint
from tests.conftest import PROJECT
from tests.test_end_to_end import Kedro, fails, newest, save_pictures


@pytest.mark.parametrize("model", ["cyclegan", "unit"])
def test_a_run_draws_both_ways_and_back_and_is_held_against_truth(kedro: Kedro, data_root: Path, model: str) -> None:
    result = kedro(f"--pipelines={model}")
    assert result.exit_code == 0, result.output
    metrics = json.loads(newest(data_root / f"08_reporting/{model}/metrics.json").read_text())
    for key in ("l1", "psnr", "ssim", "cycle_l1"):
        for suffix in ("", "_low", "_high", "_mean_image"):
            for direction in ("", "_b_to_a"):
                assert np.isfinite(metrics[key + suffix + direction])
    assert metrics["l1_input"] == pytest.approx(metrics["l1_input_b_to_a"])
    assert metrics["l1_mean_image"] == pytest.approx(0.129, abs=0.003)
    assert 0 <= metrics["partner_found"] <= 1
    assert metrics["partner_found_chance"] == 0.01
    drawn = newest(data_root / f"07_model_output/{model}/translations")
    assert {path.name for path in drawn.iterdir()} == {"a_to_b", "b_to_a", "a_to_b_to_a", "b_to_a_to_b"}
    assert all(len(list(path.iterdir())) == 600 for path in drawn.iterdir())
    figures = {path.stem for path in newest(data_root / f"08_reporting/{model}/figures").iterdir()}
    assert {"translations_to_a", "translations_to_b", "few_translations", "few_translations_b_to_a"} <= figures
    assert ("shared_latents" in figures) == (model == "unit")
    Checkpoint.read(newest(data_root / f"06_models/{model}/checkpoint.pt")).build()


def test_class_against_class_is_one_line(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=cyclegan", **{"data.domains": "sneaker/ankle_boot"})
    assert result.exit_code == 0, result.output
    metrics = json.loads(newest(data_root / "08_reporting/cyclegan/metrics.json").read_text())
    assert "l1" not in metrics, "nobody knows the truth"
    assert "partner_found" not in metrics
    assert metrics["cycle_l1"] > 0
    grid = Image.open(newest(data_root / "08_reporting/cyclegan/figures") / "translations_to_b.png")
    assert min(grid.size) > 60


def test_emoji_in_two_styles(kedro: Kedro, data_root: Path) -> None:
    shutil.copytree(PROJECT / "data/01_raw/emoji_pairs", data_root / "01_raw/emoji_pairs")
    small = {"training.steps": 2, "training.batch_size": 2, "unit.model.generator_width": 4}
    result = kedro("--pipelines=unit", "--env=emoji", **small)
    assert result.exit_code == 0, result.output
    metrics = json.loads(newest(data_root / "08_reporting/unit/metrics.json").read_text())
    assert metrics["l1"] > 0


def test_an_empty_side_and_an_identity_loss_between_grey_and_colour(
    kedro: Kedro, data_root: Path, mlflow_uri: str, tmp_path: Path
) -> None:
    save_pictures(tmp_path / "mine/trainA", 6)
    (tmp_path / "mine/trainB").mkdir()
    result = kedro("--pipelines=cyclegan", **{"data.source": tmp_path / "mine"})
    assert result.exit_code == 1
    assert "trainB" in result.output or "domain b" in result.output
    save_pictures(tmp_path / "other/a", 30)
    save_pictures(tmp_path / "other/b", 30)
    for path in (tmp_path / "other/b").iterdir():
        Image.open(path).convert("L").save(path)
    result = kedro("--pipelines=cyclegan", **{"data.source": tmp_path / "other", "cyclegan.model.identity_weight": 0.5})
    fails(result, mlflow_uri, "domain a has 3 channel(s) and b has 1")
