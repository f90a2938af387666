"""`kedro run` as Kedro has it, except that what a person can mend is said in one line instead of a traceback."""

import copy
import warnings
from functools import wraps
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from genlab.errors import GenlabError
from genlab.io.tracking import end_open_runs


def find_genlab_error(error: BaseException | None) -> GenlabError | None:
    """The GenlabError behind an error that Kedro wrapped, if there is one."""
    while error is not None and not isinstance(error, GenlabError):
        error = error.__cause__ or error.__context__
    return error


assert kedro_run.callback is not None
_kedro_callback = kedro_run.callback


@wraps(_kedro_callback)
def _run(*args: Any, **kwargs: Any) -> Any:
    warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")  # it works, and is what people type
    try:
        return _kedro_callback(*args, **kwargs)
    except KeyboardInterrupt:
        end_open_runs("KILLED", "interrupted")
        raise
    except Exception as error:  # whatever Kedro made of it
        if found := find_genlab_error(error):
            raise click.ClickException(str(found)) from error
        raise


run = copy.copy(kedro_run)
run.callback = _run
cli = click.Group("genlab", commands={"run": run})
