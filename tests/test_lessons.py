"""The lessons ask, show and set an exercise; their outputs are those of their code; an unsolved exercise is red."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from genlab.models import MODELS, model_class
from tests.conftest import PROJECT
from tests.test_notebooks import execute, outputs

FOLDER = PROJECT / "notebooks/lessons"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
sys.path.insert(0, str(FOLDER))
from execute import code_digest  # noqa: E402


def test_there_are_nine() -> None:
    assert [path.name[:2] for path in LESSONS] == [f"{number}_" for number in range(1, 10)]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
class TestLesson:
    def test_it_asks_first_and_names_commands_that_exist(self, path: Path) -> None:
        first = nbformat.read(path, as_version=4).cells[0].source
        assert re.match(rf"# {path.name[0]}\. .*\?\n", first)
        commands = re.findall(r"^    (kedro (?:run|sweep) .*)", first, re.M)
        names = [name for command in commands for name in re.findall(r"--pipelines?=(\S+)", command)[0].split(",")]
        assert names
        assert set(names) <= set(MODELS)
        for name, argument in re.findall(r"(\w+)\.model\.(\w+)=", first):
            assert argument in inspect.signature(model_class(name).__init__).parameters

    def test_what_it_shows_was_made_by_its_code(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        assert notebook.metadata.get("executed") == code_digest(notebook), f"make lessons ARGS={path.name[0]}"
        assert outputs(notebook, "image/png")
        assert sum(cell.source.startswith("## What to look at") for cell in notebook.cells) == 1
        assert outputs(notebook, "text/html"), "a number beside its control"
        assert path.stat().st_size < 200_000

    def test_its_exercise_is_tested_and_its_answer_is_not_in_it(self, path: Path) -> None:
        *_, stub = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        functions = [node for node in ast.parse(stub).body if isinstance(node, ast.FunctionDef)]
        tests = (FOLDER / f"answers/test_{path.stem}.py").read_text()
        for function in functions:
            assert f'written("{function.name}")' in tests
            assert [type(node) for node in function.body] == [ast.Expr, ast.Raise], "a docstring, and nothing done"
        assert functions


def check(copy: Path, *tests: str) -> str:
    """What a teacher sees."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests, f"--copy={copy}"]
    return subprocess.run(command, cwd=FOLDER / "answers", capture_output=True, text=True).stdout


def test_an_unsolved_exercise_is_red() -> None:
    assert "3 failed" in check(FOLDER, "test_6_pairs.py").splitlines()[-1]


def test_a_solved_exercise_is_green_and_a_missing_one_is_named(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    solved = "import numpy as np\n\n\ndef best_for_l1(truths):\n    return np.sort(truths, axis=0)[len(truths) // 2]\n"
    notebook.cells = [nbformat.v4.new_code_cell("1 / 0"), nbformat.v4.new_code_cell(solved)]
    nbformat.write(notebook, tmp_path / "student.ipynb")
    assert "3 passed" in check(tmp_path / "student.ipynb", "test_6_pairs.py").splitlines()[-1]
    assert "student.ipynb has no cell that defines there" in check(tmp_path / "student.ipynb", "test_7_no_pairs.py")


def test_a_lesson_in_a_quick_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the training: the probabilities of all images add up to one, and the flow comes back."""
    done = execute(FOLDER / "8_exact_densities.ipynb", monkeypatch, quick=True)
    said = "".join(output.get("text", "") for cell in done.cells for output in cell.get("outputs", []))
    assert float(re.findall(r"all probabilities together: (\S+)", said)[0]) == pytest.approx(1, abs=1e-4)
    assert "on or above the diagonal: 0.0" in said
    assert "there and back: 0 levels" in said
