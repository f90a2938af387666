"""The notebooks run from their first cell to their last, as a person would run them."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT, Swept

pytestmark = pytest.mark.whole
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def execute(path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool = False) -> Any:
    """The notebook after a run; a cell that fails fails the test with its traceback. Quick: trainings have 20 steps."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT / "src"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells if quick else ():
        cell.source = re.sub(r'("steps": |steps=)\d+', r"\g<1>20", cell.source)
    resources = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()


def outputs(notebook: Any, kind: str) -> list[str]:
    return [
        output["data"][kind] for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
        if kind in output.get("data", {})
    ]  # fmt: skip


def test_compare_runs(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", swept.uri)
    done = execute(PROJECT / "notebooks/01_compare_runs.ipynb", monkeypatch)
    assert len(outputs(done, "image/png")) == 2
    assert any("objective=cgan" in table for table in outputs(done, "text/html"))


def test_walk_the_latent_space(monkeypatch: pytest.MonkeyPatch) -> None:
    done = execute(PROJECT / "notebooks/02_walk_the_latent_space.ipynb", monkeypatch)
    assert len(outputs(done, "image/png")) == 3


def test_your_own_images(monkeypatch: pytest.MonkeyPatch) -> None:
    done = execute(PROJECT / "notebooks/03_your_own_images.ipynb", monkeypatch)
    assert len(outputs(done, "image/png")) == 2
    said = "".join(output.get("text", "") for cell in done.cells for output in cell.get("outputs", []))
    assert "broken.png" in said


def test_listen_to_a_wavenet(monkeypatch: pytest.MonkeyPatch) -> None:
    done = execute(PROJECT / "notebooks/04_listen_to_a_wavenet.ipynb", monkeypatch, quick=True)
    assert len(outputs(done, "image/png")) == 3
    players = [html for html in outputs(done, "text/html") if "<audio" in html]
    assert len(players) == 8
    assert all("data:audio/wav;base64," in player for player in players)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_is_small_and_in_order(path: Path) -> None:
    notebook = json.loads(path.read_text())
    assert path.stat().st_size < 400_000
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom before committing it"
    kinds = {output["output_type"] for cell in notebook["cells"] for output in cell.get("outputs", [])}
    assert "error" not in kinds
