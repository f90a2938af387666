"""Labels are shown as they are called."""

import numpy as np
import pytest

from genlab.report.figures.memorisation import draw_class_histogram
from genlab.report.scatter import scatter


@pytest.mark.parametrize("name", ["$\\frac$", "$x", "$5 and $6", "_hidden", "<b>x</b>"])
def test_a_label_is_no_formula_and_hides_nothing(name: str) -> None:
    points, labels = np.zeros((2, 2)), np.array([0, 1])
    with_it, without = (scatter(points, labels, [shown, "other"]) for shown in (name, ""))
    assert not np.array_equal(with_it, without), "the legend shows it"
    draw_class_histogram(labels, labels, [name, "other"])
