"""A new model is three edits: its file, its YAML, one line in MODELS. Here they are made in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from genlab.models import MODELS
from genlab.models.base import Family
from tests.conftest import PROJECT
from tests.experiments.test_atlas import Page

pytestmark = pytest.mark.whole
MODEL = '''\
"""Toy: a linear generator that learns by the energy distance.

B batch, C channels, H = W image size, Z numbers of noise.
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from genlab.models.base import Batch, Family, Model, Recipe, Samples, Turn
from genlab.nn.noise import Chance, draw_noise


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """E|x - y| - E|y - y'| / 2, but for what y cannot change; (B, D), (B, D) -> ()"""
    return torch.cdist(x, y).mean() - torch.cdist(y, y).mean() / 2


class Toy(Model, Samples):
    """G(z) = tanh(A z + b)."""

    family = Family.DIRECT
    recipe = Recipe(learning_rate=1e-2, batch_size=16, epochs=1.0)
    condition = None

    def __init__(self, *, image_size: int = 32, channels: int = 1, latent_dim: Annotated[int, Ge(1)] = 16) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.generator = nn.Sequential(
            nn.Linear(latent_dim, channels * image_size**2),
            nn.Tanh(),
            nn.Unflatten(1, (channels, image_size, image_size)),
        )

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"generator": list(self.parameters())}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        x = batch["images"]
        drawn = self.generator(draw_noise(len(x), self.latent_dim, "normal", like=x))
        yield Turn("generator", {"energy": energy_distance(x.flatten(1), drawn.flatten(1))})

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
        return self.generator(draw_noise(n, self.latent_dim, "normal", next(self.parameters()), rng))
'''
SETTINGS = """toy:
  defaults:
    model:
      latent_dim: 8  # enough for a toy
"""
LINE = '    "toy": Entry("genlab.models.toy:Toy", "images"),\n'
PARTS = ("src", "conf", "pyproject.toml", "data/01_raw/fashion_mnist")
FOR_PAGES = ("notebooks/lessons", "docs", "tests/models", "CONTRIBUTING.md", "Makefile")
EDITS = {"src/genlab/models/toy.py", "conf/base/parameters/toy.yml", "src/genlab/models/__init__.py"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> "Project":
    """A copy of the project after the three edits and `kedro run`."""
    root = tmp_path_factory.mktemp("toy")
    for part in PARTS:
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        copy(PROJECT / part, root / part)
    copied = contents(root)
    (root / "mlruns").mkdir()
    shutil.copy(empty_mlflow, root / "mlruns/mlflow.db")
    (root / "src/genlab/models/toy.py").write_text(MODEL)
    (root / "conf/base/parameters/toy.yml").write_text(SETTINGS)
    models = root / "src/genlab/models/__init__.py"
    before, brace, after = models.read_text().partition("\n}\n")
    models.write_text(f"{before}\n{LINE.rstrip()}{brace}{after}")
    run(root, "kedro", "run", "--pipelines=toy,compare", "--env=test")
    return Project(root, copied)


class Project(NamedTuple):
    """Where the copy is, and what was in its files before the edits."""

    root: Path
    before: dict[str, bytes]


def contents(root: Path) -> dict[str, bytes]:
    """The files of code and configuration."""
    found = (path for part in ("src", "conf") for path in (root / part).rglob("*"))
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in found
        if path.is_file() and path.parent.name != "__pycache__"
    }


def run(root: Path, *command: str) -> str:
    """What a command of this environment says in the copy, where it must succeed."""
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root / "docs")])}
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    done = subprocess.run(program, cwd=root, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_trains_draws_is_measured_and_compared(project: Project) -> None:
    results = project.root / "data/08_reporting"
    (metrics,) = (results / "toy").glob("metrics.json/*/metrics.json")
    assert json.loads(metrics.read_text())["fd_lite0"] > 0
    for kind in ("07_model_output/toy/samples", "08_reporting/toy/figures"):
        assert list((project.root / "data" / kind).rglob("*.png"))
    assert pd.read_parquet(results / "leaderboard.parquet")["model"].tolist() == ["toy"]


def test_it_is_in_the_atlas(project: Project) -> None:
    """At its branch, with its numbers; all others wait for a run."""
    text = (project.root / "data/08_reporting/atlas.html").read_text()
    page = Page(text)
    assert page.paths["toy"] == list(Family.DIRECT.value)
    assert {model for model, *_ in page.values} == {"toy"}
    assert text.count("Never run here.") == len(MODELS)


def test_kedro_viz_draws_it(project: Project) -> None:
    run(project.root, "kedro", "viz", "build")
    main = json.loads((project.root / "build/api/main").read_text())
    names = {node["name"] for node in main["nodes"]}
    assert "toy" in main["modular_pipelines"]
    assert {"toy.checkpoint", "toy.samples", "toy.metrics", "toy.figures"} <= names


def test_it_has_a_page(project: Project) -> None:
    """Its formula beside its lines, its settings with their reason, its figures; the list of models names it."""
    for part in FOR_PAGES:
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        (project.root / part).parent.mkdir(exist_ok=True)
        copy(PROJECT / part, project.root / part)
    run(project.root, "python", "-m", "pages", "pages")
    page = (project.root / "pages/models/toy.md").read_text()
    assert "# Toy: a linear generator that learns by the energy distance" in page
    assert re.search(r'id="energy_distance"><div class="said"><p><math.*?<mfrac>.*?torch', page, re.S)
    assert "enough for a toy" in page
    assert (project.root / "pages/models" / re.findall(r"!\[[^]]*\]\((toy_\w+\.png)\)", page)[0]).exists()
    assert 'href="toy.html"' in (project.root / "pages/models/index.md").read_text()


def test_it_imports_no_other_paper(project: Project) -> None:
    assert "0 broken" in run(project.root, "lint-imports")


def test_no_other_file_has_changed(project: Project) -> None:
    after = contents(project.root)
    assert {name for name in after if after[name] != project.before.get(name)} == EDITS
    assert project.before.keys() <= after.keys()
