"""Twenty losses at a fixed seed in float64, kept as text. A refactoring keeps them; a change of numbers says why.

Write them anew with: GENLAB_GOLDEN=write python -m pytest tests/models/test_golden.py
"""

import os
from pathlib import Path

import numpy as np
import pytest

from genlab.data.arrange.examples import Examples
from genlab.models import MODELS
from tests.models.test_contract import start

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", list(MODELS))
def test_twenty_losses_are_what_they_were(name: str, examples: Examples, tmp_path: Path) -> None:
    training = start(name, examples, tmp_path, steps=20, report_every=1, precision="64-true")
    for _ in training.run():
        pass
    terms = [key for key in training.history[0] if "/" in key]
    losses = np.array([[row[key] for key in terms] for row in training.history])
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GENLAB_GOLDEN") == "write":
        np.savetxt(path, losses, fmt="%.9e", header=" ".join(terms))
    assert path.read_text().splitlines()[0] == f"# {' '.join(terms)}"
    np.testing.assert_allclose(losses, np.loadtxt(path, ndmin=2), rtol=1e-5)
