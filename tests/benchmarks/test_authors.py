"""The benchmark against the authors' code, with a small stand-in for their checkout; no speed is asserted."""

import logging
from pathlib import Path

import pytest

from genlab.benchmarks import authors

FILES = {
    "options/train_options.py": """
import argparse

class TrainOptions:
    def parse(self):
        parser = argparse.ArgumentParser()
        for name in ("dataroot", "checkpoints_dir", "model", "gpu_ids", "netG"):
            parser.add_argument(f"--{name}")
        for name in ("ngf", "ndf"):
            parser.add_argument(f"--{name}", type=int)
        print("their options are printed")
        return parser.parse_args()
""",
    "models/__init__.py": """
def create_model(options):
    from models.cycle_gan_model import CycleGANModel
    return CycleGANModel(options)
""",
    "models/cycle_gan_model.py": """
import torch

class CycleGANModel:
    def __init__(self, opt):
        assert (opt.model, opt.gpu_ids, opt.ngf, opt.netG) == ("cycle_gan", "-1", 2, "resnet_6blocks"), opt
        self.net = torch.nn.Conv2d(3, 3, 1).to(opt.device)

    def set_input(self, input):
        self.real = input["A"]

    def optimize_parameters(self):
        assert self.real.shape == (1, 3, 32, 32)
        self.net(self.real).sum().backward()
""",
}


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return [
        "--checkout", str(tmp_path), "--model", "cyclegan", "--theirs", "cycle_gan", "--options=--netG resnet_6blocks",
        "--arguments", "identity_weight=0.5", "--size", "32", "--width", "2", "--seconds", "0", "--rounds", "1",
    ]  # fmt: skip


def test_both_are_measured_in_turn_and_the_ratio_is_said(command: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    authors.main(command)
    lines = [record.message for record in caplog.records if record.name == authors.logger.name]
    assert [line.split()[1] for line in lines] == ["theirs", "ours", "ours"]
    assert all(word in lines[0] for word in ("images/s", "peak", "GB", "threads"))
    assert "ours / theirs" in lines[2]


def test_a_folder_without_their_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has no models/pix2pix_model.py; give --checkout the folder"):
        authors.main(["--checkout", str(tmp_path), "--model", "pix2pix", "--whose", "theirs"])


def test_what_fails_in_a_process_is_said(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "models/cycle_gan_model.py").write_text("raise RuntimeError('no such torch')")
    with pytest.raises(SystemExit, match="theirs could not be measured: .*RuntimeError: no such torch"):
        authors.main(command)
