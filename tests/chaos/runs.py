"""python -m tests.chaos.runs FOLDER [EVERY]: a whole `kedro run` is killed at every EVERY-th change of files.

After each kill the same command runs again. Checkpoints, history, metrics, drawings and figures must be those of a run
that nobody disturbed. MLflow must have one finished run, and no run that is still open.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.startup import bootstrap_project
from mlflow import MlflowClient

from genlab.training.checkpoint import Checkpoint
from tests.chaos.faults import outcome, prepare

PROJECT = Path(__file__).parents[2]
MODEL = "autoencoder"
TIMES = ("seconds", "per_second")


def run(folder: Path) -> None:
    """The command, in this process; what it says is in `log`."""
    from genlab.cli import cli

    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    arguments = [
        "run", f"--pipelines={MODEL}", "--env=test", f"--params=data_root={folder / 'data'},evaluation.resamples=5",
    ]  # fmt: skip
    sys.argv = ["kedro", *arguments]
    with (folder / "log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    cli.main(arguments, standalone_mode=False)


def newest(folder: Path, name: str) -> Path:
    """The newest version of an artifact."""
    return sorted(folder.glob(f"data/*/{MODEL}/{name}/*/{name}"))[-1]


def results(folder: Path) -> dict[str, Any]:
    """All that a run makes, without times."""
    found: dict[str, Any] = {}
    last = Checkpoint.read(newest(folder, "checkpoint.pt"))
    for which, one in (("last", last), ("best", last.chosen("best"))):
        found[which] = {key: value.tolist() for key, value in one.weights.items()}
    history = pd.read_parquet(newest(folder, "history.parquet"))
    found["history"] = history.drop(columns=[name for name in history if name.endswith(TIMES)]).to_csv()
    metrics = json.loads(newest(folder, "metrics.json").read_text())
    found["metrics"] = {name: value for name, value in metrics.items() if not name.endswith(TIMES)}
    for name in ("samples", "figures"):
        root = newest(folder, name)
        found[name] = {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.*")
        }
    return found


def statuses(folder: Path) -> list[str]:
    """Of the runs in MLflow."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    everywhere = [one.experiment_id for one in client.search_experiments()]
    return sorted(one.info.status for one in client.search_runs(everywhere))


def prepared(folder: Path, database: Path | None) -> Path:
    """A project's data before its first run."""
    (folder / "data/01_raw").mkdir(parents=True)
    (folder / "data/01_raw/fashion_mnist").symlink_to(PROJECT / "data/01_raw/fashion_mnist")
    if database:
        shutil.copy(database, folder / "mlflow.db")
    return folder


def main(root: Path, every: int) -> int:
    """Kill, run again, compare; the number of faults."""
    bootstrap_project(PROJECT)
    os.chdir(PROJECT)
    database = root / "empty.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    said = os.dup(1)
    whole = prepared(root / "whole", database)
    run(whole)  # here, so that its copies need not import anything
    os.dup2(said, 1)
    expected, faults, event = results(whole), 0, 1
    while True:
        folder = prepared(root / f"at_{event}", database)

        def killed(folder: Path = folder, event: int = event) -> None:
            prepare(folder, event, "kill")
            run(folder)

        first = outcome(killed)
        second = outcome(lambda folder=folder: run(folder))
        wrong = []
        if first not in (0, -signal.SIGKILL) or second:
            wrong.append(f"ended with {first}, then {second}")
        else:
            wrong += [name for name, value in results(folder).items() if value != expected[name]]
        if (found := statuses(folder)).count("RUNNING") or "FINISHED" not in found:
            wrong.append(f"MLflow: {found}")
        if any((folder / "data/unsent").glob("[!.]*")):
            wrong.append("something is unsent")
        if wrong:
            faults += 1
            print(f"change {event}: {'; '.join(wrong)}, see {folder}/log", flush=True)
        else:
            shutil.rmtree(folder)
        if not first:
            break
        event += every
    print(f"{MODEL}: killed at every {every}th of {event} changes of files; {faults} faults", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
