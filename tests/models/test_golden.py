"""Losses at a fixed seed in float64, kept as text. A refactoring keeps them; a change of numbers says why.

There are 20 steps of each model and 6 of each of its variants. `make golden` writes the files that are missing, and
only those: delete a file to have it written anew.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from genlab.data.arrange.examples import Examples
from tests.models.test_contract import CASES, start

GOLDEN = Path(__file__).parent / "golden"
WRITE = "GENLAB_GOLDEN"


def golden_file(name: str, variant: str) -> Path:
    return GOLDEN / name / f"{variant}.txt" if variant else GOLDEN / f"{name}.txt"


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_losses_are_what_they_were(name: str, variant: str, examples: Examples, tmp_path: Path) -> None:
    path = golden_file(name, variant)
    if not path.exists() and os.environ.get(WRITE) != "write":
        pytest.skip("there is no golden file yet")
    steps = 6 if variant else 20
    training = start(name, examples, tmp_path, variant, steps=steps, report_every=1, precision="64-true")
    for _ in training.run():
        pass
    terms = [key for key in training.history[0] if "/" in key]
    losses = np.array([[row[key] for key in terms] for row in training.history])
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        np.savetxt(path, losses, fmt="%.9e", header=" ".join(terms))
    assert path.read_text().splitlines()[0] == f"# {' '.join(terms)}"
    np.testing.assert_allclose(losses, np.loadtxt(path, ndmin=2), rtol=1e-5)


def test_every_variant_has_its_golden_file_and_there_is_no_other() -> None:
    wanted = {golden_file(*case) for case in CASES}
    found = set(GOLDEN.rglob("*.txt"))
    assert {str(path.relative_to(GOLDEN)) for path in wanted - found} == set(), "run `make golden`"
    assert {str(path.relative_to(GOLDEN)) for path in found - wanted} == set(), (
        "no model has these variants: delete them"
    )
