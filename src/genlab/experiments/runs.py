"""The finished runs that MLflow holds, as `genlab.experiments.leaderboard` wants them."""

import io
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from genlab.errors import GenlabError
from genlab.experiments.leaderboard import FinishedRun
from genlab.tracking.tracker import TrackedRun, Tracker, connect, failures

logger = logging.getLogger(__name__)

SCORE = "validation/score"  # lower is better
NO_SUCH_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # error codes
PICTURE_SIZE = 640  # pixels: larger pictures are made smaller for the page


def read_runs(uri: str, experiment: str, scores: bool = False) -> list[FinishedRun]:
    """All finished runs of models, oldest first; with their best validation score where asked for (slower).

    Raises:
        GenlabError: MLflow cannot be reached.
    """
    try:
        client = connect(uri)
        found = client.get_experiment_by_name(experiment)
        runs, page = [], None
        while found is not None:
            some = client.search_runs(
                [found.experiment_id], "attributes.status = 'FINISHED'", order_by=["attributes.start_time"],
                page_token=page,
            )  # fmt: skip
            runs += [run for run in some if "model" in run.data.tags]
            page = some.token
            if not page:
                break
        return [_as_finished(client, run, scores) for run in runs]
    except failures() as error:
        raise GenlabError(
            f"MLflow at {uri} cannot be read: {error}. Start it, or name another with MLFLOW_TRACKING_URI"
        ) from error


def read_run(uri: str, run_id: str) -> FinishedRun:
    """The run with that id, or of that name.

    Raises:
        GenlabError: there is none, or MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    client = connect(uri)
    try:
        return _as_finished(client, client.get_run(run_id), scores=False)
    except failures() as error:
        if not isinstance(error, MlflowException) or error.error_code not in NO_SUCH_RUN:
            raise GenlabError(
                f"MLflow at {uri} cannot be read: {error}. Start it, or set MLFLOW_TRACKING_URI"
            ) from error
    everywhere = [one.experiment_id for one in client.search_experiments()]
    named = client.search_runs(everywhere, f"attributes.run_name = '{run_id}'")
    if len(named) != 1:
        what = f"{len(named)} runs of the name" if named else "no run"
        raise GenlabError(f"MLflow at {uri} has {what} {run_id!r}; take a run id from `make mlflow` or the leaderboard")
    return _as_finished(client, named[0], scores=False)


def _as_finished(client: Any, run: Any, scores: bool) -> FinishedRun:
    history = client.get_metric_history(run.info.run_id, SCORE) if scores and SCORE in run.data.metrics else []
    score = min((point.value for point in history), default=None)
    return FinishedRun(
        run_id=run.info.run_id, name=run.info.run_name, started=run.info.start_time, tags=dict(run.data.tags),
        parameters=dict(run.data.params), metrics=dict(run.data.metrics), score=score,
    )  # fmt: skip


def session_runs(tracker: Tracker) -> list[FinishedRun]:
    """The runs of this `kedro run` that have their metrics, from memory: MLflow may not have all of them yet."""
    return [_from_memory(run) for run in tracker.runs.values() if run.measured]


def _from_memory(run: TrackedRun) -> FinishedRun:
    return FinishedRun(
        run_id=run.run_id or f"unsent:{run.name}", name=run.name, started=run.started, tags=dict(run.tags),
        parameters=dict(run.parameters), metrics=dict(run.metrics), score=run.metrics.get(SCORE),
        pictures={name: to_png(pixels) for name, pixels in run.pictures.items()},
    )  # fmt: skip


def all_runs(tracker: Tracker, scores: bool) -> list[FinishedRun]:
    """Those that MLflow holds, with those of this `kedro run` in place of what MLflow has of them.

    Raises:
        GenlabError: MLflow cannot be read, and this `kedro run` has nothing of its own; where it has, it is said only.
    """
    tracker.wait()
    own = session_runs(tracker)
    try:
        stored = read_runs(tracker.uri, tracker.settings.experiment, scores)
    except GenlabError as error:
        if not own:
            raise
        logger.warning("%s. The leaderboard holds the runs of this command only", error)
        stored = []
    ids = {run.run_id for run in own}
    return [*(run for run in stored if run.run_id not in ids), *own]


def to_png(pixels: np.ndarray | Image.Image) -> bytes:
    """(H, W, 3) uint8 as a PNG of at most 640 pixels a side."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def read_pictures(uri: str, run_id: str) -> dict[str, bytes]:
    """The figures among a run's artifacts, as small PNGs by name; those that are gone or damaged are not among them."""
    from mlflow.exceptions import MlflowException

    pictures = {}
    client = connect(uri)
    with TemporaryDirectory() as folder:
        try:
            place = Path(client.download_artifacts(run_id, "figures", folder))
        except (MlflowException, OSError):
            return {}
        for path in sorted(place.rglob("*.png")):
            try:
                pictures[path.stem] = to_png(Image.open(path))
            except OSError:
                continue
    return pictures
