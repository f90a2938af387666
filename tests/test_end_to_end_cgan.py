"""`kedro run` of the models that are told what to draw: requests, their figures, and everything that is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genlab.media.pictures.write import read_picture
from tests.test_end_to_end import Kedro, assert_no_work, fails, newest, save_pictures

FEW = {"sample.count": 40}


def test_a_label_is_drawn_beside_what_is_evaluated(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=cgan", **FEW)
    assert result.exit_code == 0, result.output
    samples = newest(data_root / "07_model_output/cgan/samples")
    before = {path.name: path.read_bytes() for path in (samples / "samples").iterdir()}
    assert len(before) == 40
    assert not (samples / "requested").exists()
    grid = Image.open(newest(data_root / "08_reporting/cgan/figures") / "by_label.png")
    assert grid.height >= 10 * 64, "a row for each class"

    drawn = {}
    for label in ("sneaker", 7, "bag"):  # sneaker is number 7
        only = () if label == "bag" else ("--to-nodes=cgan.draw",)
        result = kedro("--pipelines=cgan", "--from-nodes=cgan.draw", *only, **FEW, **{"sample.label": label})
        assert result.exit_code == 0, result.output
        samples = newest(data_root / "07_model_output/cgan/samples")
        drawn[label] = [read_picture(path) for path in sorted((samples / "requested").iterdir())]
        assert {path.name: path.read_bytes() for path in (samples / "samples").iterdir()} == before
    assert len(drawn["bag"]) == 4
    assert np.array_equal(drawn["sneaker"], drawn[7])
    assert Image.open(newest(data_root / "08_reporting/cgan/figures") / "requested.png").width > 64


def test_a_text_is_drawn(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=text_gan", **FEW, **{"sample.text": "a light sandal"})
    assert result.exit_code == 0, result.output
    samples = newest(data_root / "07_model_output/text_gan/samples")
    assert len(list((samples / "samples").iterdir())) == 40
    assert len(list((samples / "requested").iterdir())) == 4
    figures = newest(data_root / "08_reporting/text_gan/figures")
    assert {path.stem for path in figures.iterdir()} >= {"by_caption", "requested", "samples"}
    captions = pd.read_parquet(data_root / "05_model_input/captions")
    assert len(captions) == 14000
    assert 0.05 < captions["held_out"].mean() < 0.3
    assert json.loads(newest(data_root / "08_reporting/text_gan/metrics.json").read_text())["images_seen"] == 24


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("cgan", {"sample.label": 10}, "sample.label=10 is none of the 10 labels"),
        ("cgan", {"sample.label": "sneakr"}, "did you mean 'sneaker'?"),
        ("cgan", {"sample.text": "a light sandal"}, "cgan is told a label: use sample.label"),
        ("cgan", {"data.image_size": 48}, "cgan cannot halve images of 48 pixels"),
        ("cgan", {"data.classes": "[bag]"}, "the images have 1 class; it needs two or more"),
        ("cgan", {"data.source": "celeba"}, "the images have 1 class; it needs two or more"),
        ("cgan", {"data.source": "emoji_pairs"}, "cgan learns from one set of images"),
        ("text_gan", {"sample.text": ""}, "sample.text is empty; say what to draw"),
        ("text_gan", {"sample.text": "a purple sandal"}, "no training caption has: 'purple'"),
        ("text_gan", {"sample.label": "sandal"}, "text_gan is told a text: use sample.text"),
        ("text_gan", {"data.captions": "nowhere.csv"}, "there is no file of captions nowhere.csv"),
        ("text_gan", {"data.source": "mnist"}, "data.captions is null; set data.captions=derived"),
        ("pix2pix", {"sample.label": "sandal"}, "pix2pix is told nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_work(
    kedro: Kedro, mlflow_uri: str, data_root: Path, model: str, parameters: dict[str, object], message: str
) -> None:
    fails(kedro(f"--pipelines={model}", **parameters), mlflow_uri, message)
    assert_no_work(data_root)


def test_ones_own_pictures_with_captions(kedro: Kedro, data_root: Path, mlflow_uri: str, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        save_pictures(tmp_path / "mine" / label, 20)
    names = [(label, f"{label}/scene{number:02d}.png") for label in ("cat", "dog") for number in range(20)]
    lines = [f"{name},a {'small' if 'e1' in name else 'big'} {label}" for label, name in names]
    (tmp_path / "mine/captions.csv").write_text("file,caption\n" + "\n".join(lines))
    mine = {"data.source": tmp_path / "mine", "data.captions": "captions.csv", "data.max_rejected": 1, **FEW}
    result = kedro("--pipelines=text_gan", **mine, **{"sample.text": "a small dog"})
    assert result.exit_code == 0, result.output
    samples = newest(data_root / "07_model_output/text_gan/samples")
    assert Image.open(next((samples / "requested").iterdir())).mode == "RGB"

    fails(kedro("--pipelines=text_gan", **mine, **{"sample.text": "a bird"}), mlflow_uri, "has: 'bird'")
    (tmp_path / "mine/captions.csv").write_text("file,caption\n" + "\n".join(lines[1:]))
    fails(kedro("--pipelines=text_gan", **mine), mlflow_uri, "1 images have no caption")


def test_pictures_of_which_one_has_no_label(kedro: Kedro, mlflow_uri: str, tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        save_pictures(tmp_path / "mine" / label, 20)
    (tmp_path / "mine/cat/scene00.png").rename(tmp_path / "mine/stray.png")
    fails(kedro("--pipelines=cgan", **{"data.source": tmp_path / "mine"}), mlflow_uri, "1 of 40 have none; the first:")
