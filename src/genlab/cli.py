"""The command line: `kedro run` with errors in one line, and the commands beside it."""

import copy
import os
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import env_option, split_string
from kedro.framework.session import KedroSession
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from genlab.errors import GenlabError, in_one_line
from genlab.models import MODELS
from genlab.tracking.tracker import Tracker, TrackingSettings, end_open_runs, send_kept


class Stopped(KeyboardInterrupt):
    """A signal asks this process to end."""


@contextmanager
def signals_stop() -> Iterator[list[signal.Signals]]:
    """SIGINT, SIGTERM and SIGHUP raise `Stopped`, unless they are ignored, as by nohup. Yields those that came.

    The same signal again ends the process at once; the others are ignored from then on.
    """
    came: list[signal.Signals] = []

    def stop(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_DFL if one == number else signal.SIG_IGN)
        for output in (1, 2):
            try:
                os.write(output, b"")
            except OSError:  # the terminal is gone: no word of the end may fail for that
                os.dup2(os.open(os.devnull, os.O_WRONLY), output)
        came.append(signal.Signals(number))
        raise Stopped

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_well(callback: Callable[..., Any]) -> Callable[..., Any]:
    """The callback of a command. An error is one line, and so is a signal, which closes the MLflow runs."""

    @wraps(callback)
    def called(*args: Any, **kwargs: Any) -> Any:
        warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")  # it works, and people type it
        with signals_stop() as came:
            try:
                return in_one_line(callback)(*args, **kwargs)
            except BaseException as error:  # a library may have made its own error of `Stopped`
                if not came:
                    raise
                end_open_runs("KILLED", f"stopped by {came[0].name}")
                click.echo(f"Stopped by {came[0].name}. The same command goes on where this one stopped.", err=True)
                raise SystemExit(128 + came[0]) from error

    return called


def read_params(context: click.Context, option: click.Parameter, text: Any) -> Any:
    """`--params=KEY=VALUE,KEY=VALUE` as nested values.

    A comma belongs to the value unless KEY= follows, so that a value can be a path with commas or a list: [1, 2].
    """
    if isinstance(text, dict):  # from kedro run --config
        return text
    given = re.split(r",(?=\s*[\w.-]+=)", text) if text else []
    if odd := [one for one in given if not re.match(r"\s*[\w.-]+=", one)]:
        raise click.UsageError(f"--params has {odd[0]!r}; write KEY=VALUE,KEY=VALUE, and a list as KEY=[VALUE,VALUE]")
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([one.strip() for one in given]))
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        why = " ".join(str(error).split())
        raise click.UsageError(f"--params={text} cannot be read: {why}. Put odd values in quotes") from error


def require_versions(load_versions: Mapping[str, str]) -> None:
    """Refuse a version of what no model leaves behind, before Kedro makes a riddle of it.

    Raises:
        GenlabError: names it, and what is allowed.
    """
    for name in load_versions:
        if name.partition(".")[0] not in MODELS:
            raise GenlabError(
                f"--load-versions names {name!r}, which nothing in the catalog is called; write MODEL.OUTPUT:VERSION, "
                f"such as pix2pix.checkpoint:2026-01-31T12.00.00.000Z. The models: {', '.join(MODELS)}"
            )


def open_project(env: str | None, params: dict[str, Any]) -> tuple[Tracker, Any]:
    """The tracker and the catalog of a `kedro run` with these options."""
    session: Any = KedroSession.create(env=env, runtime_params=params)
    context = session.load_context()
    settings = TrackingSettings(**context.config_loader["tracking"])
    return Tracker(Path(context.project_path), settings), context.catalog


params_option = click.option(
    "--params", type=click.UNPROCESSED, default="", callback=read_params, help="As for kedro run."
)


@click.command()
@click.option(
    "--pipelines", "--pipeline", default="", callback=split_string, help="As for kedro run; none: all models."
)
@click.option("--seeds", default="0", help="Seeds, such as 0,1,2.")
@click.option("--vary", multiple=True, help="KEY=VALUE,VALUE; several lists are combined.")
@env_option
@params_option
@ending_well
def sweep(pipelines: list[str], seeds: str, vary: tuple[str, ...], env: str | None, params: dict[str, Any]) -> None:
    """Run a pipeline for every seed and setting, under one run in MLflow, then compare.

    kedro sweep --pipeline=pix2pix --seeds=0,1,2 --vary pix2pix.model.objective=l1,gan,cgan,l1+gan,l1+cgan
    """
    from genlab.experiments.sweep import read_lists, run_sweep

    lists = read_lists(seeds, vary)
    run_sweep(open_project(env, params)[0], pipelines, lists, env, params)


@click.command()
@click.argument("run")
@click.option("--folder", type=click.Path(path_type=Path), help="Data root of the new run; else beside the data.")
@env_option
@params_option
@ending_well
def reproduce(run: str, folder: Path | None, env: str | None, params: dict[str, Any]) -> None:
    """Make a finished run again, from its id or name in MLflow, and show what differs."""
    from genlab.experiments.reproduce import reproduce as reproduce_run

    tracker, catalog = open_project(env, params)
    reproduce_run(tracker, run, catalog["raw"].load(), folder)


@click.command()
@click.argument("one")
@click.argument("other")
@env_option
@params_option
@ending_well
def compare(one: str, other: str, env: str | None, params: dict[str, Any]) -> None:
    """Say which of two runs is better, over the same test images and over seeds.

    ONE and OTHER are ids or names of runs, or models: the newest run of each.
    """
    from genlab.experiments.difference import compare_runs
    from genlab.tracking.runs import read_runs, read_table

    tracker, _ = open_project(env, params)
    runs = read_runs(tracker.uri, tracker.settings.experiment)
    click.echo("\n".join(compare_runs(one, other, runs, lambda run: read_table(tracker.uri, run, "by_image"))))


@click.command()
@env_option
@params_option
@ending_well
def send(env: str | None, params: dict[str, Any]) -> None:
    """Send to MLflow the messages that runs could not send."""
    tracker, _ = open_project(env, params)
    line = ""
    for line in send_kept(tracker):
        click.echo(line)
    if not line:
        click.echo(f"nothing is waiting in {tracker.unsent}")


@click.command()
@click.option("--port", default=5000, help="Of the page, where MLflow is no server of its own.")
@env_option
@params_option
@ending_well
def mlflow(port: int, env: str | None, params: dict[str, Any]) -> None:
    """Show the runs in a browser."""
    from genlab.tracking.view import show_runs

    tracker, _ = open_project(env, params)
    show_runs(tracker, port)


@click.command()
@click.argument("run")
@env_option
@params_option
@ending_well
def lineage(run: str, env: str | None, params: dict[str, Any]) -> None:
    """Show what the numbers of a run were made from, and whether these files are still as they were."""
    from genlab.experiments.lineage import describe_chain
    from genlab.io.local import KeptDataset
    from genlab.tracking.runs import read_run

    tracker, catalog = open_project(env, params)

    def place(entry: str, version: str) -> Path | None:
        found = catalog[entry]
        return found.path_of(version) if isinstance(found, KeptDataset) else None

    click.echo(describe_chain(read_run(tracker.uri, run), place).to_string(index=False))


@click.command()
@click.argument("stores", nargs=-1)
@env_option
@params_option
@ending_well
def ledger(stores: tuple[str, ...], env: str | None, params: dict[str, Any]) -> None:
    """Write docs/ledger.md: published numbers, and those of finished runs.

    STORES are databases of MLflow, or addresses of servers; none: the project's.
    """
    from genlab.experiments.ledger import write_ledger
    from genlab.tracking.runs import read_runs

    tracker, _ = open_project(env, params)
    uris = [store if "://" in store else f"sqlite:///{Path(store).resolve()}" for store in stores] or [tracker.uri]
    runs = [run for uri in uris for run in read_runs(uri, tracker.settings.experiment)]
    write_ledger(tracker.project / "docs", runs)


def run_model_by_model(**options: Any) -> Any:
    """`kedro run` with Genlab's runner, unless the command names another."""
    assert kedro_run.callback is not None
    require_versions(options["load_versions"])
    return kedro_run.callback(**{**options, "runner": options["runner"] or "genlab.runner.ModelByModel"})


run = copy.copy(kedro_run)
run.callback = ending_well(run_model_by_model)
run.params = [copy.copy(option) for option in kedro_run.params]
for option in run.params:
    if option.name == "params":
        option.callback = read_params
commands = (sweep, compare, reproduce, lineage, ledger, send, mlflow)
cli = click.Group("genlab", commands={"run": run, **{str(command.name): command for command in commands}})
