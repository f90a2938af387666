"""python -m tests.chaos.runs FOLDER kill|full [EVERY]: a `kedro run` meets its fault at every EVERY-th change of files.

From that change on the process is dead, or its disk is full, which it must say in one line. Then the same command runs
again. Checkpoints, history, metrics, drawings and figures must be those of a run that nobody disturbed. MLflow must
have a finished run, and none that is still open.
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
from tests.chaos.faults import Fault, outcome, prepare
from tests.pipelines.test_provenance import SMALL, paint

PROJECT = Path(__file__).parents[2]
MODEL = "vae"
TIMES = ("seconds", "per_second")


def run(folder: Path) -> None:
    """The command, in this process; what it says is in `log`."""
    from genlab.cli import cli

    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    given = {"data_root": folder / "data", "data.source": folder.parent / "mine", **SMALL}
    params = ",".join(f"{name}={value}" for name, value in given.items())
    arguments = ["run", f"--pipelines={MODEL}", "--env=test", f"--params={params}"]
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


def prepared(folder: Path, database: Path) -> Path:
    """A project's data before its first run."""
    (folder / "data/01_raw").mkdir(parents=True)
    shutil.copy(database, folder / "mlflow.db")
    return folder


def main(root: Path, fault: Fault, every: int) -> int:
    """Disturb, run again, compare; the number of faults."""
    bootstrap_project(PROJECT)
    os.chdir(PROJECT)
    paint(root / "mine", 0)
    database = root / "empty.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    said = os.dup(1)
    whole = prepared(root / "whole", database)
    run(whole)  # here, so that its copies need not import anything
    os.dup2(said, 1)
    expected, faults, event = results(whole), 0, 1
    while True:
        folder = prepared(root / f"at_{event}", database)

        def disturbed(folder: Path = folder, event: int = event) -> None:
            changes = prepare(folder / "data", event, fault)
            run(folder)
            (folder / "count").write_text(str(changes.count))

        first = outcome(disturbed)
        errors = [line for line in (folder / "log").read_text().splitlines() if line.startswith(("Error", "Trace"))]
        second = outcome(lambda folder=folder: run(folder))
        wrong = []
        if first not in (0, -signal.SIGKILL if fault == "kill" else 1) or second:
            wrong.append(f"ended with {first}, then {second}")
        elif first == 1 and (len(errors) != 1 or "No space left" not in errors[0]):
            wrong.append(f"said {errors}")
        else:
            wrong += [name for name, value in results(folder).items() if value != expected[name]]
        if (found := statuses(folder)).count("RUNNING") or "FINISHED" not in found:
            wrong.append(f"MLflow: {found}")
        if any((folder / "data/unsent").glob("[!.]*")):
            wrong.append("something is unsent")
        over = first == 0 and event > int((folder / "count").read_text())
        if wrong:
            faults += 1
            print(f"change {event}: {'; '.join(wrong)}, see {folder}/log", flush=True)
        else:
            shutil.rmtree(folder)
        if over:
            break
        event += every
    print(f"a run of {MODEL}, {fault}: {event // every} of {event} changes of files; {faults} faults", flush=True)
    return faults


if __name__ == "__main__":
    place, kind, *steps = sys.argv[1:]
    sys.exit(bool(main(Path(place).resolve(), "kill" if kind == "kill" else "full", int(*steps or "1"))))
