"""A teacher's tests of the exercises.

`python -m pytest notebooks/lessons/answers` tests the answers themselves; with `--copy=STUDENT.ipynb`, and one of the
files here, it tests what a student wrote.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--copy", type=Path, help="a student's notebook, or a folder of them, in place of the answers kept here"
    )


def exercise(copy: Path, name: str) -> Callable[..., Any]:
    """The function `name` of a student's notebook. Its cell stands alone: it imports what it needs."""
    for path in sorted(copy.glob("*.ipynb")) if copy.is_dir() else [copy]:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and f"def {name}(" in cell.source:
                defined: dict[str, Any] = {}
                exec(compile(cell.source, f"{path}, {name}", "exec"), defined)
                return defined[name]
    pytest.fail(f"{copy} has no cell that defines {name}")


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Callable[[str], Callable[..., Any]]:
    """A function by its name: the answer in the test's file, or what `--copy` has."""
    copy = request.config.getoption("--copy", None)
    return lambda name: exercise(copy, name) if copy else getattr(request.module, name)
