"""What a training says where there is no terminal."""

import logging
from datetime import timedelta
from itertools import pairwise

import pytest

from genlab.training import progress as module
from genlab.training.progress import ProgressBar
from genlab.training.trainer import Progress


def test_a_line_comes_at_least_every_minute_with_all_that_one_wants_to_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: clock)
    caplog.set_level(logging.INFO)
    hours = 10
    with ProgressBar("pix2pix") as bar:
        said = []
        for second in range(5, hours * 360, 5):  # a pulse every five seconds of the first tenth
            clock = 1000.0 + second
            before = len(caplog.records)
            values = {"images_per_second": 0.125, "generator/l1": 1.5}
            bar.show(Progress(second, hours * 3600, second * 4, float(second), values, pulse=True))
            said += [second] * (len(caplog.records) - before)
    assert said[0] <= 10
    assert max(late - early for early, late in pairwise(said)) <= 60
    assert len(said) < 75, "little more than one a minute"
    assert caplog.messages[0] == (
        f"pix2pix: step 5 of 36000, 0.1 images/s, about {timedelta(seconds=35995)} left: l1 1.500"
    )
