"""The benchmark against the authors' code, with a small stand-in for their checkout; no speed is asserted."""

import logging
from pathlib import Path

import pytest

from genlab.benchmarks import authors
from genlab.errors import GenlabError

MODEL = """
import torch

class {cls}:
    def __init__(self, opt):
        assert opt.isTrain and opt.gpu_ids == [] and opt.ngf == 2, opt
        self.device = torch.device("cpu")
        self.net = torch.nn.Conv2d(opt.input_nc, opt.output_nc, 1)

    def set_input(self, input):
        self.real = input["A"]

    def optimize_parameters(self):
        assert self.real.shape == (1, 3, 32, 32)
        self.net(self.real).sum().backward()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/__init__.py").write_text("")
    for module, cls in (("pix2pix_model", "Pix2PixModel"), ("cycle_gan_model", "CycleGANModel")):
        (tmp_path / f"models/{module}.py").write_text(MODEL.format(cls=cls))
    return tmp_path


def test_both_are_measured_in_turn_and_the_ratio_is_said(checkout: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    small = ["--size", "32", "--width", "2", "--seconds", "0", "--rounds", "1"]
    authors.main(["--checkout", str(checkout), "--models", "cyclegan", *small])
    lines = [record.message for record in caplog.records if record.name == authors.logger.name]
    assert [line.split()[1] for line in lines] == ["theirs", "ours", "ours"]
    assert all(word in lines[0] for word in ("images/s", "peak", "GB", "threads"))
    assert "ours / theirs" in lines[2]


@pytest.mark.parametrize("name", authors.MODELS)
def test_our_step_trains_the_papers_network(name: str) -> None:
    step, device = authors.our_step(name, 32, 2, "cpu")
    assert authors.time_step(step, device, 0) > 0


def test_a_folder_without_their_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"has no models/cycle_gan_model.py; give --checkout the folder"):
        authors.their_step(tmp_path, "cyclegan", 32, 2, "cpu")


def test_what_fails_in_a_process_is_said(checkout: Path) -> None:
    (checkout / "models/pix2pix_model.py").write_text("raise RuntimeError('no such torch')")
    with pytest.raises(GenlabError, match="theirs pix2pix could not be measured: RuntimeError: no such torch"):
        authors.main(["--checkout", str(checkout), "--models", "pix2pix", "--rounds", "1"])
