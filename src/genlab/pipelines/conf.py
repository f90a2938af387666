"""The files of `conf`, read before Kedro reads them: Kedro's errors name no file."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genlab.errors import GenlabError


def require_readable(folders: Iterable[Path]) -> None:
    """Refuse files of settings that hold something else.

    Raises:
        GenlabError: names the first such file, its line, and what is wrong.
    """
    for path in sorted(path for folder in folders for path in folder.rglob("*.yml")):
        line, wrong = _fault(path)
        if wrong:
            raise GenlabError(f"line {line} of {path} is no setting: {wrong}; mend it, or put it into quotes")


def unresolved(conf: Path, error: OmegaConfBaseException) -> GenlabError:
    """The error of a `${...}` that nothing can be put in place of, with the file and the line where it stands."""
    what = str(error).splitlines()[0]
    for path in sorted(conf.rglob("*.yml")):
        if number := _line_of(path, f"{error.key}", r".*\$\{", otherwise=0):
            return GenlabError(f"line {number} of {path} cannot be resolved: {what}; mend it")
    return GenlabError(f"the setting {error.full_key} cannot be resolved: {what}; mend it in {conf} or in --params")


def _fault(path: Path) -> tuple[int, str]:
    """The line of the first fault of a file and what it is; "" for a good file."""
    try:
        found = OmegaConf.load(path)
        if not isinstance(found, DictConfig):
            return 1, "a list where names with values are needed"
        values: Any = OmegaConf.to_container(found)
        if empty := [name for name, value in values.items() if value is None]:
            return _line_of(path, f"{empty[0]}"), f"{empty[0]} has no value"
    except yaml.MarkedYAMLError as error:
        return (error.problem_mark.line + 1 if error.problem_mark else 1), str(error.problem)
    except UnicodeDecodeError as error:
        return error.object[: error.start].count(b"\n") + 1, "it is not in UTF-8"
    except OmegaConfBaseException as error:
        return _line_of(path, str(error.full_key).rpartition(".")[2]), str(error).splitlines()[0]
    except (OSError, RecursionError, yaml.YAMLError) as error:
        return 1, str(error).splitlines()[0]
    return 1, ""


def _line_of(path: Path, key: str, value: str = "", otherwise: int = 1) -> int:
    """The number of the first line that sets a key to such a value."""
    wanted = re.compile(rf"\s*-?\s*{re.escape(key)}\s*:{value}")
    return next((n for n, line in enumerate(path.read_text().splitlines(), 1) if wanted.match(line)), otherwise)
