"""The record of a training in MLflow: its data, curves, alarms and pictures."""

from collections.abc import Iterable, Mapping

from genlab.tracking.tracker import run_of
from genlab.training.alarms import Alarm, alarms_of
from genlab.training.fit import Fitted, Sight


class TrainingRecord:
    """Reports to the open run of a model. Without an open run, as in a notebook, it does nothing."""

    def __init__(self, model: str) -> None:
        self.run = run_of(model)

    def see(self, sight: Sight) -> None:
        """Record a report of `fit`."""
        if not self.run or sight.progress.pulse:
            return
        step = sight.progress.step
        found = {"validation/score": sight.score, "validation/diversity": sight.diversity}
        looked = {name: value for name, value in found.items() if value is not None}
        self.run.log_metrics({**sight.progress.values, **looked}, step)
        self._warn(sight.alarms)
        if sight.picture is not None:
            self.run.log_picture("drawings", sight.picture, step)

    def _warn(self, alarms: Iterable[Alarm]) -> None:
        assert self.run
        for alarm in alarms:
            self.run.log_metrics({f"alarm/{alarm.kind}": 1.0}, alarm.step)
            self.run.set_tags({f"alarm.{alarm.kind}": f"step {alarm.step}: {alarm.message}"})

    def end(self, fitted: Fitted) -> None:
        """Record what training was worth, and the steps before a resume, which happened in an earlier run."""
        if not self.run:
            return
        self._warn(alarms_of(fitted.history))
        if not fitted.resumed_from:
            return
        self.run.set_tags({"resumed_from_step": str(fitted.resumed_from)})
        rows: list[Mapping[str, float]] = [row for row in fitted.history if row["step"] <= fitted.resumed_from]
        for row in rows:
            self.run.log_metrics({name: value for name, value in row.items() if name != "step"}, int(row["step"]))
