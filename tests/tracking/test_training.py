"""What a training tells MLflow."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genlab.tracking import training
from genlab.tracking.training import TrainingRecord
from genlab.training.alarms import Alarm
from genlab.training.fit import Sight
from genlab.training.trainer import Progress


class Heard:
    """A run that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.calls.append((name, *given))


def test_curves_alarms_pictures_and_earlier_steps_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Heard()
    monkeypatch.setattr(training, "run_of", lambda model: run)
    record = TrainingRecord("vae")
    picture = np.zeros((2, 2, 3), np.uint8)
    progress = Progress(step=4, total=6, images_seen=8, seconds=1.0, values={"vae/kl": 1.0})
    record.see(Sight(progress, picture, score=0.5, alarms=(Alarm("divergence", 3, "it does"),)))
    record.see(Sight(Progress(step=5, total=6, images_seen=9, seconds=1.0, values={"vae/kl": 9.0}, pulse=True), None))
    fitted: Any = SimpleNamespace(history=[{"step": 2.0, "vae/kl": 2.0}, {"step": 4.0, "vae/kl": 1.0}], resumed_from=2)
    record.end(fitted)
    assert run.calls == [
        ("log_metrics", {"vae/kl": 1.0, "validation/score": 0.5}, 4),
        ("log_metrics", {"alarm/divergence": 1.0}, 3),
        ("set_tags", {"alarm.divergence": "step 3: it does"}),
        ("log_picture", "drawings", picture, 4),
        ("set_tags", {"resumed_from_step": "2"}),
        ("log_metrics", {"vae/kl": 2.0}, 2),
    ]
    monkeypatch.setattr(training, "run_of", lambda model: None)
    silent = TrainingRecord("vae")
    silent.see(Sight(progress, picture))
    assert len(run.calls) == 6
