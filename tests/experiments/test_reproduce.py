"""A run of a stranger's MLflow: what its name and its tags may not do."""

import json
from pathlib import Path

import pytest

from genlab.errors import GenlabError
from genlab.experiments.reproduce import kedro_options, own_folder, read_command
from genlab.tracking.runs import FinishedRun

WHOLE = {"env": "test", "pipeline_names": ["vae"], "runtime_params": {}, "parts": {}, "threads": None}


def run(name: str = "vae-1", **tags: str) -> FinishedRun:
    return FinishedRun("f00d", name, 0, {"model": "vae", "command": json.dumps(WHOLE), **tags}, {}, {})


@pytest.mark.parametrize("name", ["../../x", "/x", "..", ".", "", "a/b", "x\x1b[2J", "x\0", "n" * 300])
def test_a_name_leads_nowhere(name: str) -> None:
    with pytest.raises(GenlabError, match="has a name that no folder can have; name one with --folder"):
        own_folder(Path("/data/01_raw"), run(name))


@pytest.mark.parametrize("name", ["vae-1", "it's", 'a "quoted" run', "ein Lauf (1)", "画像"])
def test_other_names_are_folders(name: str) -> None:
    assert own_folder(Path("/data/01_raw"), run(name)) == Path("/data/reproductions", name)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"command": "rm -rf"}, "the whole: Invalid JSON"),
        ({"command": "[1]"}, "the whole: Input should be"),
        ({"command": '{"env": 3}'}, "env: Input should be a valid string"),
        ({"command": json.dumps({**WHOLE, "parts": {"to_nodes": 3}})}, "parts.to_nodes"),
        ({"command": json.dumps({**WHOLE, "runtime_params": None})}, "runtime_params: Input should be"),
        ({"model": "--help"}, "is of the model '--help', which this Genlab does not have"),
    ],
)
def test_a_command_that_is_none_is_one_line(tags: dict[str, str], reason: str) -> None:
    with pytest.raises(GenlabError) as error:
        read_command(run(**tags))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_odd_parameters_are_handed_on_as_they_are(tmp_path: Path) -> None:
    command = read_command(run(command=json.dumps({**WHOLE, "runtime_params": {"data": "x"}})))
    assert kedro_options(run(), command, tmp_path, tmp_path)["params"]["data"] == "x"
