"""The record of a training in MLflow: its data, curves, alarms and pictures."""

from collections.abc import Iterable, Mapping

from genlab.tracking.tracker import TRAIN, run_of
from genlab.training.alarms import Alarm, alarms_of
from genlab.training.fit import Fitted, Sight


def name_in_mlflow(value: str, model: str) -> str:
    """What a value of the history is called in MLflow: losses of one meaning share a chart, whoever minimises them."""
    player, _, name = value.rpartition("/")
    return value if player == "validation" else f"{TRAIN}{name.removeprefix('train_').removesuffix(f'_{model}')}"


class TrainingRecord:
    """Reports to the open run of a model. Without an open run, as in a notebook, it does nothing."""

    def __init__(self, model: str) -> None:
        self.model, self.run = model, run_of(model)

    def see(self, sight: Sight) -> None:
        """Record a report of `fit`."""
        if not self.run or sight.progress.pulse:
            return
        step = sight.progress.step
        looked = {"validation/score": sight.score, "validation/diversity": sight.diversity}
        self._log(
            {**sight.progress.values, **{name: value for name, value in looked.items() if value is not None}}, step
        )
        self._warn(sight.alarms)
        if sight.picture is not None:
            self.run.log_picture(f"{TRAIN}drawings", sight.picture, step)

    def _log(self, row: Mapping[str, float], step: int) -> None:
        assert self.run
        named = {name_in_mlflow(name, self.model): value for name, value in row.items() if name != "step"}
        self.run.log_metrics(named, step)

    def _warn(self, alarms: Iterable[Alarm]) -> None:
        assert self.run
        for alarm in alarms:
            self.run.log_metrics({f"{TRAIN}alarm_{alarm.kind}": 1.0}, alarm.step)
            self.run.set_tags({f"alarm.{alarm.kind}": f"step {alarm.step}: {alarm.message}"})

    def end(self, fitted: Fitted) -> None:
        """Record what training was worth, and the steps before a resume, which happened in an earlier run."""
        if not self.run:
            return
        self._warn(alarms_of(fitted.history))
        if not fitted.resumed_from:
            return
        self.run.set_tags({"resumed_from_step": str(fitted.resumed_from)})
        for row in fitted.history:
            if row["step"] <= fitted.resumed_from:
                self._log(row, int(row["step"]))
