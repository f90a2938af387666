"""FID and KID: torch-fidelity's own command on the same two folders, and what is said without weights."""

import json
import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity import fidelity
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.evaluation.features.cache import NO_CACHE
from genlab.evaluation.measures import inception
from genlab.evaluation.measures.inception import evaluate_inception, inception_weights
from genlab.evaluation.measures.samples import Reals
from genlab.evaluation.settings import EvaluationSettings

CPU = torch.device("cpu")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of the architecture: torch-fidelity builds it only from a file, so that one is intercepted."""
    monkeypatch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    empty, path = tmp_path / "empty.pth", tmp_path / "inception.pth"
    torch.save({}, empty)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], os.fspath(empty))
    monkeypatch.undo()
    torch.save(network.state_dict(), path)
    return path


def test_our_numbers_are_those_of_torch_fidelitys_command(
    shoes: PairedImages, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Real shoes against noisy ones, of random weights: the arithmetic is the same whatever the weights are."""
    real = shoes.split("test").side("b")[:8]
    drawn = np.clip(real + np.random.default_rng(0).normal(0, 40, real.shape), 0, 255).astype(np.uint8)
    for name, images in (("drawn", drawn), ("real", real)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(tmp_path / name / f"{number:03d}.png")
    ours = evaluate_inception(
        drawn, Reals(real[:4], real), EvaluationSettings(inception_weights=weights, kid_subsets=10), NO_CACHE, CPU
    )
    options = ["--fid", "--kid", "--kid-subset-size", "4", "--kid-subsets", "10", "--rng-seed", "0", "--cpu", "--json",
               "--silent", "--no-cache", "--feature-extractor-weights-path", os.fspath(weights)]  # fmt: skip
    folders = ["--input1", os.fspath(tmp_path / "drawn"), "--input2", os.fspath(tmp_path / "real")]
    monkeypatch.setattr(sys, "argv", ["fidelity", *folders, *options])
    capsys.readouterr()
    fidelity.main()
    theirs = json.loads(capsys.readouterr().out)
    assert ours["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert ours["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3, abs=1e-7)
    assert float(ours["fid"]) > 0
    assert "8 images are too few" in str(ours["fid_note"])


def test_without_weights_it_is_said_once_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    inception._say_once.cache_clear()
    some = np.zeros((4, 32, 32, 1), np.uint8)
    with caplog.at_level(logging.WARNING):
        found = [evaluate_inception(some, Reals(some, some), EvaluationSettings(), NO_CACHE, CPU) for _ in range(2)]
    assert found == [{"fid_note": "no Inception weights"}] * 2
    assert len([r for r in caplog.records if "evaluation.inception_weights=auto" in r.getMessage()]) == 1


def test_a_wrong_path_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"evaluation\.inception_weights=.*gone\.pth is no file"):
        inception_weights(tmp_path / "gone.pth", None)


def test_a_downloaded_file_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / inception.NAME).write_bytes(b"something else")
    with pytest.raises(GenlabError, match="is not the file of that name"):
        inception_weights("auto", tmp_path)
