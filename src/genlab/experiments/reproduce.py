"""A finished run made again from its record in MLflow, and the difference."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NotRequired

import click
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from genlab.errors import GenlabError, printable
from genlab.models import MODELS
from genlab.tracking.runs import FinishedRun, read_run, read_runs
from genlab.tracking.tracker import RUN_TAGS, Tracker, describe_machine, git_commit

TIMES = ("seconds", "per_second")  # endings of metrics that always differ
FOLDERS = ("source", "root", "source_a", "source_b")  # parameters of `data` that may name one
LONGEST = 60  # letters of a folder's name, of at most four bytes each
MACHINE_ONLY = ("data.root", "data.workers")  # parameters that change no number


class Command(TypedDict):
    """The command of a run, as its tag says it."""

    env: str | None
    runtime_params: dict[str, Any]
    parts: dict[str, list[str] | dict[str, str]]  # nodes and versions
    threads: NotRequired[str | None]


def read_command(run: FinishedRun) -> Command:
    """The command of a run.

    Raises:
        GenlabError: the run does not say, or began in the middle, with files that only its own machine has.
    """
    if "command" not in run.tags:
        raise GenlabError(
            f"{run.name} does not say how it was run: it is older than `kedro reproduce`, or not Genlab's"
        )
    try:
        command = TypeAdapter(Command).validate_json(run.tags["command"])
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(map(str, first["loc"])) or "the whole"
        raise GenlabError(
            f"the tag command of {run.name} is none of Genlab's ({what}: {first['msg']}); name another run"
        ) from error
    if run.tags.get("model") not in MODELS:
        raise GenlabError(f"{run.name} is of the model {run.tags.get('model')!r}, which this Genlab does not have")
    began = [part for part in command["parts"] if part not in ("to_nodes", "to_outputs")]
    if began:
        raise GenlabError(
            f"{run.name} ran with {', '.join(began)}: it began with what an earlier run had left. Reproduce that run"
        )
    return command


def own_folder(raw: Path, run: FinishedRun) -> Path:
    """The data root of a run made again: beside the raw files, and named after the run.

    Raises:
        GenlabError: the name is that of no folder, or leads to another one.
    """
    if run.name in ("", ".", "..") or "/" in run.name or printable(run.name) != run.name or len(run.name) > LONGEST:
        raise GenlabError(f"the run {run.name!r} has a name that no folder can have; name one with --folder=FOLDER")
    return raw.parent / "reproductions" / run.name


def kedro_options(run: FinishedRun, command: Command, data_root: Path, project: Path) -> dict[str, Any]:
    """The options of the `kedro run` that makes a run again, into a data root of its own."""
    model, parameters = run.tags["model"], {**command["runtime_params"], "data_root": str(data_root)}
    data: Any = parameters.get("data")
    for key in FOLDERS if isinstance(data, dict) else ():  # the run may start in another folder
        if key in data and (project / str(data[key])).exists():
            data[key] = str((project / str(data[key])).resolve())
    parts = {
        part: ",".join(name for name in names if name.startswith(f"{model}."))
        for part, names in command["parts"].items()
    }
    options = {"pipelines": model, "env": command["env"], "params": parameters, **parts}
    return {name: value for name, value in options.items() if value}


@contextmanager
def code_of(run: FinishedRun, project: Path) -> Iterator[Path]:
    """The project as it was when the run was made: a worktree of the run's commit if the code has changed since.

    A note says where that is impossible: the commit is not here, or some changes were never committed.
    """
    then, now = run.tags.get("mlflow.source.git.commit", "unknown"), git_commit(project)
    commit = then.removesuffix("-dirty")
    if then.endswith("-dirty"):
        click.echo(f"Note: {run.name} ran on {commit[:10]} with changes that were not committed, so it may differ.")
    if not re.fullmatch("[0-9a-f]{40}", commit) or now in (then, commit):
        yield project
        return
    with TemporaryDirectory(prefix="genlab-") as folder:
        place = Path(folder) / "project"
        add = ["git", "worktree", "add", "--quiet", "--detach", str(place), commit]
        if subprocess.run(add, cwd=project, capture_output=True, check=False).returncode:
            click.echo(
                f"Note: the commit {commit[:10]} is not in this clone; the code of {now[:10]} runs in its place."
            )
            yield project
            return
        click.echo(f"The code is that of {commit[:10]}, from git.")
        try:
            if (project / "conf/local").is_dir():
                shutil.copytree(project / "conf/local", place / "conf/local", dirs_exist_ok=True)
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(place)], cwd=project, check=False)


def start(arguments: list[str], project: Path, environment: Mapping[str, str]) -> int:
    """A `kedro` command in a process of its own, in the project's folder; its exit status.

    A signal that ends this process ends that one, too.
    """
    process = subprocess.Popen([sys.executable, "-m", "kedro", *arguments], cwd=project, env=dict(environment))
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def reproduce(tracker: Tracker, run_id: str, raw: Path, place: Path | None = None) -> dict[str, float]:
    """Make a run again in a data root of its own; metric -> difference.

    Args:
        tracker: of this project. The new run is tracked beside the first, with the tag `reproduces`.
        run_id: the run's id, or its name.
        raw: the folder with raw files, in case the run's own data root is gone. Both runs share the files.
        place: the new data root. None is a folder beside the raw files.

    Raises:
        GenlabError: the run cannot be made again, or failed when it was.
    """
    run = read_run(tracker.uri, run_id)
    command = read_command(run)
    own = command["runtime_params"].get("data_root")
    if own and (tracker.project / str(own) / raw.name).is_dir():
        raw = tracker.project / str(own) / raw.name
    root = (place or own_folder(raw, run)).resolve()
    root.mkdir(parents=True, exist_ok=True)
    if not (root / raw.name).exists():
        (root / raw.name).symlink_to(raw.resolve(), target_is_directory=True)
    machine = describe_machine()
    if run.tags.get("machine", machine) != machine:
        click.echo(f"Note: it ran on {run.tags['machine']}; this is {machine}. The last digits may differ.")
    with code_of(run, tracker.project) as project:
        environment = {
            **os.environ,
            "PYTHONPATH": str(project / "src"),
            "MLFLOW_TRACKING_URI": tracker.uri,
            RUN_TAGS: json.dumps({"reproduces": run.run_id}),
            **({"OMP_NUM_THREADS": threads} if (threads := command.get("threads")) else {}),
        }
        config = root / "reproduce.yml"
        config.write_text(json.dumps({"run": kedro_options(run, command, root, tracker.project)}))  # JSON is YAML
        click.echo(f"kedro run --config={config}")
        status = start(["run", f"--config={config}"], project, environment)
    if status:
        raise GenlabError(f"the run made again failed (exit status {status}); its output is above")
    runs = read_runs(tracker.uri, tracker.settings.experiment)
    again = [one for one in runs if one.tags.get("reproduces") == run.run_id]
    if not again:
        raise GenlabError(f"the run made again is not in MLflow; its results are in {root}")
    return report_difference(run, again[-1])


def report_difference(run: FinishedRun, again: FinishedRun) -> dict[str, float]:
    """Show what differs between two runs of one command; metric -> absolute difference, without times."""
    for name, what in (("data_fingerprint", "the data differ"), ("protocol_hash", "the protocol differs")):
        if run.tags.get(name) != again.tags.get(name):
            click.echo(f"Note: {what}: {name} {run.tags.get(name)}, now {again.tags.get(name)}")
    for key in sorted({*run.parameters, *again.parameters} - {*MACHINE_ONLY}):
        if run.parameters.get(key) != again.parameters.get(key):
            click.echo(f"Note: parameter {key} was {run.parameters.get(key)}, now {again.parameters.get(key)}")
    first, second = run.final_metrics, again.final_metrics
    names = [name for name in first if not name.endswith(TIMES)]
    table = pd.DataFrame({"then": first, "now": second}, index=names)
    difference = (table["then"] - table["now"]).abs().mask(~table.index.isin(list(second)), float("inf"))
    click.echo(table.assign(difference=difference).to_string(float_format="{:.6g}".format))
    differ = difference[difference > 0]
    click.echo(
        f"All {len(names)} metrics are the same, to the last bit."
        if differ.empty
        else f"{len(differ)} of {len(names)} metrics differ, by at most {differ.max():.3g}."
    )
    return dict(zip(names, difference, strict=True))
