"""A progress bar with images per second, the losses and the time left; log lines where there is no terminal."""

import logging
from types import TracebackType

import rich
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from genlab.training import trainer
from genlab.training.alarms import Alarm

logger = logging.getLogger(__name__)
LINES = 10  # how many log lines a whole training writes where there is no terminal


class ProgressBar:
    """Shows the reports of one training; use as a context manager."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.lines = 0
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
        """Say what looks wrong, and keep its name in the bar."""
        self.alarms.append(alarm.kind.replace("_", " "))
        self.bar.update(self.task, alarms=", ".join(self.alarms))
        logger.warning("%s: %s at step %d: %s", self.model, self.alarms[-1], alarm.step, alarm.message)

    def show(self, progress: trainer.Progress) -> None:
        """Bring the bar up to date, or write the next log line."""
        speed = progress.values["images_per_second"]
        losses = "  ".join(f"{name.partition('/')[2]} {v:.3f}" for name, v in progress.values.items() if "/" in name)
        self.bar.update(self.task, total=progress.total, completed=progress.step, speed=speed, losses=losses)
        if not self.bar.console.is_terminal and progress.step * LINES >= self.lines * progress.total:
            self.lines = progress.step * LINES // progress.total + 1
            left = (progress.total - progress.step) * progress.seconds / progress.step
            logger.info(
                "%s: step %d of %d, %.0f images/s, about %.0f s left: %s",
                self.model, progress.step, progress.total, speed, left, losses,
            )  # fmt: skip
