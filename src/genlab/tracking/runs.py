"""Runs read back: what MLflow holds, and what this `kedro run` has told it so far."""

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from genlab.errors import GenlabError
from genlab.tracking.tracker import SCORE, TEST, TrackedRun, Tracker, connect, failures

logger = logging.getLogger(__name__)

MOST_RUNS = 50_000  # as many as MLflow gives at a time
PICTURE_SIZE = 640  # pixels: larger pictures are made smaller for the page


@dataclass(frozen=True)
class FinishedRun:
    """What is known of a run."""

    run_id: str
    name: str
    started: int  # milliseconds since 1970
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    score: float | None = None  # the best on the validation split; lower is better
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # PNGs, where they are at hand
    sounds: Mapping[str, bytes] = field(default_factory=dict)  # WAVs, where they are at hand
    by_image: pd.DataFrame | None = None  # the metrics of each test image, where they are at hand
    history: pd.DataFrame | None = None  # the losses while it trained, where they are at hand

    @property
    def final_metrics(self) -> dict[str, float]:
        """The metrics of the finished model, as `metrics.json` calls them. Another name with a slash is a curve.

        Runs of an older Genlab, which `kedro reproduce` still makes, have them without `test/`.
        """
        names = {name: name.removeprefix(TEST) for name in self.metrics if name != "learning_rate"}
        return {own: self.metrics[name] for name, own in names.items() if "/" not in own}

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id[:8]})"


@contextmanager
def reading(uri: str) -> Iterator[Any]:
    """A client of MLflow.

    Raises:
        GenlabError: MLflow cannot be read.
    """
    try:
        yield connect(uri)
    except failures() as error:
        raise GenlabError(
            f"MLflow at {uri} cannot be read: {error}. Start it, or name another with MLFLOW_TRACKING_URI"
        ) from error


def read_runs(uri: str, experiment: str, scores: bool = False) -> list[FinishedRun]:
    """All finished runs of models, oldest first. With `scores` also their best validation score, which is slower.

    Raises:
        GenlabError: MLflow cannot be read.
    """
    finished, oldest_first = "attributes.status = 'FINISHED'", ["attributes.start_time"]
    with reading(uri) as client:
        found = client.get_experiment_by_name(experiment)
        where = [found.experiment_id] if found else []
        runs = client.search_runs(where, finished, max_results=MOST_RUNS, order_by=oldest_first)
        return [_as_finished(client, run, scores) for run in runs if "model" in run.data.tags]


def read_run(uri: str, wanted: str) -> FinishedRun:
    """The run with that id, or of that name.

    Raises:
        GenlabError: there is none, several have that name, or MLflow cannot be read.
    """
    with reading(uri) as client:
        everywhere = [one.experiment_id for one in client.search_experiments()]
        quoted = f'"{wanted}"' if "'" in wanted else f"'{wanted}'"
        found = client.search_runs(everywhere, f"attributes.run_id = {quoted}")
        found = found or client.search_runs(everywhere, f"attributes.run_name = {quoted}")
        if len(found) == 1:
            return _as_finished(client, found[0], scores=False)
    what = f"{len(found)} runs of the name" if found else "no run"
    raise GenlabError(f"MLflow at {uri} has {what} {wanted!r}; take a run id from `make mlflow` or the leaderboard")


def _as_finished(client: Any, run: Any, scores: bool) -> FinishedRun:
    history = client.get_metric_history(run.info.run_id, SCORE) if scores and SCORE in run.data.metrics else []
    score = min((point.value for point in history), default=None)
    return FinishedRun(
        run.info.run_id, run.info.run_name, run.info.start_time, run.data.tags, run.data.params, run.data.metrics, score
    )


def all_runs(tracker: Tracker, scores: bool) -> list[FinishedRun]:
    """The runs that MLflow holds, with those of this `kedro run` in place of what MLflow has of them.

    Raises:
        GenlabError: MLflow cannot be read, and this `kedro run` has no metrics of its own. Where it has, the failure is
            a warning.
    """
    tracker.wait()
    own = [as_finished(run) for run in tracker.runs.values() if run.measured]
    try:
        stored = read_runs(tracker.uri, tracker.settings.experiment, scores)
    except GenlabError as error:
        if not own:
            raise
        logger.warning("%s. The leaderboard holds the runs of this command only", error)
        stored = []
    ids = {run.run_id for run in own}
    return [*(run for run in stored if run.run_id not in ids), *own]


def as_finished(run: TrackedRun) -> FinishedRun:
    """A run of this command, as it is so far."""
    return FinishedRun(
        run.run_id or f"unsent:{run.name}", run.name, run.started, run.tags, run.parameters, run.metrics, run.score,
        run.pictures, run.sounds, run.by_image, run.history,
    )  # fmt: skip


def to_png(pixels: np.ndarray | Image.Image) -> bytes:
    """(H, W, 3) uint8 as a PNG of at most 640 pixels a side."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def read_pictures(uri: str, run_id: str) -> dict[str, bytes]:
    """The figures of a run as small PNGs by name, without those that are gone or damaged."""
    pictures = {}
    with TemporaryDirectory() as folder, suppress(*failures()):
        for path in sorted(Path(connect(uri).download_artifacts(run_id, "figures", folder)).rglob("*.png")):
            with suppress(OSError):
                pictures[path.stem] = to_png(Image.open(path))
    return pictures


def read_sounds(uri: str, run: FinishedRun) -> Mapping[str, bytes]:
    """The recordings of a run to listen to, WAVs by name, at hand or in MLflow; none where it has none."""
    if run.sounds or "path.sounds" not in run.tags:
        return run.sounds
    with TemporaryDirectory() as folder, suppress(*failures()):
        return read_wav(Path(connect(uri).download_artifacts(run.run_id, "sounds", folder)))
    return {}


def read_wav(folder: Path) -> dict[str, bytes]:
    """The WAV files in a folder, by their names in it."""
    paths = sorted(folder.rglob("*.wav"))
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_bytes() for path in paths}


def read_table(uri: str, run: FinishedRun, name: Literal["by_image", "history"]) -> pd.DataFrame | None:
    """A table of a run, at hand or in MLflow; None where it is gone, damaged, or was never kept."""
    at_hand: pd.DataFrame | None = getattr(run, name)
    if at_hand is not None:
        return at_hand
    with TemporaryDirectory() as folder, suppress(*failures(), ValueError):
        for path in Path(connect(uri).download_artifacts(run.run_id, name, folder)).rglob("*.parquet"):
            return pd.read_parquet(path)
    return None
