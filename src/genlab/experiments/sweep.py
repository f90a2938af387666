"""Several seeds or settings in one command: a child run for each, under one parent run in MLflow, then `compare`."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import click
from kedro.framework.session import KedroSession
from kedro.io.core import generate_timestamp
from omegaconf import OmegaConf

from genlab.errors import GenlabError, find_genlab_error
from genlab.runner import ModelByModel
from genlab.tracking.tracker import RUN_TAGS, Tracker


def read_lists(seeds: str, vary: Sequence[str]) -> dict[str, list[str]]:
    """`--seeds=0,1` and `--vary key=value,value` as lists by key.

    Raises:
        GenlabError: a list is empty, given twice, or has no key.
    """
    lists: dict[str, list[str]] = {}
    for given in [*vary, f"seed={seeds}"]:
        key, _, values = given.partition("=")
        found = [value.strip() for value in values.split(",") if value.strip()]
        if not key or not found or key in lists:
            raise GenlabError(
                f"the list {given!r} of a sweep is empty or given twice; write --vary KEY=VALUE,VALUE and --seeds=0,1,2"
            )
        lists[key] = found
    return lists


def variant_of(settings: Mapping[str, str]) -> str:
    """The name of a combination, without its seed: `objective=l1`."""
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in settings.items() if key != "seed")


def run_pipelines(env: str | None, pipelines: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """One `kedro run`, in this process."""
    session: Any
    with KedroSession.create(env=env, runtime_params=dict(parameters)) as session:
        session.run(pipeline_names=list(pipelines) or None, runner=ModelByModel())


def run_sweep(
    tracker: Tracker, pipelines: Sequence[str], lists: Mapping[str, Sequence[str]], env: str | None,
    parameters: Mapping[str, Any],
) -> None:  # fmt: skip
    """Run every combination, one after another, then `compare`, and show the sweep's own table.

    A run that fails is reported, and the others go on.

    Raises:
        GenlabError: no run succeeded, or, after the comparison, some failed.
    """
    from genlab.experiments.leaderboard import build_leaderboard
    from genlab.experiments.page import to_markdown
    from genlab.experiments.settings import CompareSettings
    from genlab.tracking.runs import read_runs

    combinations = list(itertools.product(*lists.values()))  # the last key's values next to each other
    version = generate_timestamp()
    name = f"sweep-{version}"
    parent = tracker.open_whole(
        "sweep", {"kedro.save_version": version, "sweep": name, "pipelines": ", ".join(pipelines)}
    )
    parent.log_parameters({key: ", ".join(values) for key, values in lists.items()})
    tracker.wait()  # children look for their parent
    failed = []
    try:
        for number, values in enumerate(combinations, start=1):
            settings = dict(zip(lists, values, strict=True))
            given = [f"{key}={value}" for key, value in settings.items()]
            label = ", ".join(given)
            click.echo(f"\n{name}: {number} of {len(combinations)}, {label}")
            os.environ[RUN_TAGS] = json.dumps({"_parent": name, "sweep": name, "variant": variant_of(settings)})
            merged = OmegaConf.merge(OmegaConf.create(dict(parameters)), OmegaConf.from_dotlist(given))
            nested: Any = OmegaConf.to_container(merged)
            try:
                run_pipelines(env, pipelines, nested)
            except Exception as error:  # whatever Kedro made of it
                found = find_genlab_error(error)
                if found is None:
                    raise
                failed.append(f"{label}: {found}")
                click.echo(f"{name}: {label} failed: {found}")
            finally:
                del os.environ[RUN_TAGS]
    except BaseException as error:
        parent.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        tracker.wait()
        raise
    parent.end("FAILED" if failed else "FINISHED")
    tracker.wait()
    if len(failed) == len(combinations):
        raise GenlabError("no run of the sweep succeeded: " + "; ".join(failed))
    run_pipelines(env, ["compare"], parameters)
    runs = read_runs(tracker.uri, tracker.settings.experiment)
    click.echo(to_markdown(build_leaderboard(runs, CompareSettings(sweep=name))))
    if failed:
        raise GenlabError(f"{len(failed)} of {len(combinations)} runs of the sweep failed: " + "; ".join(failed))
