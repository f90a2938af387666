"""What a training tells MLflow."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genlab.tracking import training
from genlab.tracking.training import TrainingRecord, name_in_mlflow
from genlab.training.alarms import Alarm
from genlab.training.fit import Sight
from genlab.training.trainer import Progress
from tests.models.test_contract import CASES
from tests.models.test_golden import golden_file


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_two_losses_of_a_model_never_share_a_name(name: str, variant: str) -> None:
    """In MLflow the player's name is gone, so that the losses of several models are one chart."""
    losses = golden_file(name, variant).read_text().splitlines()[0].removeprefix("# ").split()
    assert len({name_in_mlflow(loss, name) for loss in losses}) == len(losses)


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
    progress = Progress(step=4, total=6, images_seen=8, seconds=1.0, values={"vae/kl": 1.0, "loss_vae": 2.0})
    record.see(Sight(progress, picture, score=0.5, alarms=(Alarm("divergence", 3, "it does"),)))
    record.see(Sight(Progress(step=5, total=6, images_seen=9, seconds=1.0, values={"vae/kl": 9.0}, pulse=True), None))
    fitted: Any = SimpleNamespace(history=[{"step": 2.0, "vae/kl": 2.0}, {"step": 4.0, "vae/kl": 1.0}], resumed_from=2)
    record.end(fitted)
    assert run.calls == [
        ("log_metrics", {"train/kl": 1.0, "train/loss": 2.0, "validation/score": 0.5}, 4),
        ("log_metrics", {"train/alarm_divergence": 1.0}, 3),
        ("set_tags", {"alarm.divergence": "step 3: it does"}),
        ("log_picture", "train/drawings", picture, 4),
        ("set_tags", {"resumed_from_step": "2"}),
        ("log_metrics", {"train/kl": 2.0}, 2),
    ]
    monkeypatch.setattr(training, "run_of", lambda model: None)
    silent = TrainingRecord("vae")
    silent.see(Sight(progress, picture))
    assert len(run.calls) == 6
