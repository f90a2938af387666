"""A progress bar with images per second, the losses and the time left; log lines where there is no terminal."""

import logging
import time
from datetime import timedelta
from types import TracebackType

import rich
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from genlab.training import trainer
from genlab.training.alarms import Alarm

logger = logging.getLogger(__name__)
LINES = 10  # how many log lines a whole training writes at least where there is no terminal
SILENCE = 50.0  # seconds between two of them at most, but for the time from pulse to pulse


class ProgressBar:
    """Shows the reports of one training; use as a context manager."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.lines, self.said = 0, 0.0
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]:.0f} images/s  {task.fields[losses]}  [red]{task.fields[alarms]}"),
        )  # fmt: skip
        self.bar = Progress(*columns, console=rich.get_console(), transient=False)
        self.task = self.bar.add_task(model, total=None, speed=0.0, losses="", alarms="")
        self.alarms: list[str] = []

    def __enter__(self) -> "ProgressBar":
        if self.bar.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def warn(self, alarm: Alarm) -> None:
        """Say what looks wrong, once, and keep its name in the bar."""
        if (name := alarm.kind.replace("_", " ")) in self.alarms:
            return
        self.alarms.append(name)
        self.bar.update(self.task, alarms=", ".join(self.alarms))
        logger.warning("%s: %s at step %d: %s", self.model, name, alarm.step, alarm.message)

    def show(self, progress: trainer.Progress) -> None:
        """Bring the bar up to date, or write the next log line."""
        speed = progress.values["images_per_second"]
        losses = "  ".join(f"{name.partition('/')[2]} {v:.3f}" for name, v in progress.values.items() if "/" in name)
        self.bar.update(self.task, total=progress.total, completed=progress.step, speed=speed, losses=losses)
        now, due = time.monotonic(), progress.step * LINES >= self.lines * progress.total
        if not self.bar.console.is_terminal and (due or now - self.said > SILENCE):
            self.lines, self.said = progress.step * LINES // progress.total + 1, now
            left = (progress.total - progress.step) * progress.seconds / progress.step
            logger.info(
                "%s: step %d of %d, %.1f images/s, about %s left: %s",
                self.model, progress.step, progress.total, speed, timedelta(seconds=round(left)), losses,
            )  # fmt: skip
