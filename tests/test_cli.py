"""What people type, and what they read when it is wrong."""

import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from genlab.cli import cli, ending_well, read_params, run
from genlab.errors import GenlabError, in_one_line

OPTION: Any = next(option for option in run.params if option.name == "params")


def read(text: str) -> Any:
    assert OPTION.callback is read_params
    return read_params(SimpleNamespace(), OPTION, text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("seed=3,training.steps=5", {"seed": 3, "training": {"steps": 5}}),
        ("data.source=/a,b/c,seed=3", {"data": {"source": "/a,b/c"}, "seed": 3}),
        ("data.classes=[bag,dress], seed=3", {"data": {"classes": ["bag", "dress"]}, "seed": 3}),
        ("training.betas=[0.5,0.9]", {"training": {"betas": [0.5, 0.9]}}),
        (
            'sample.text="a light sandal, seen from the side"',
            {"sample": {"text": "a light sandal, seen from the side"}},
        ),
        ("data.source=/x?a=b", {"data": {"source": "/x?a=b"}}),
    ],
)
def test_a_comma_belongs_to_the_value_unless_a_key_follows(text: str, values: dict[str, Any]) -> None:
    assert read(text) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [("seed", "'seed'; write KEY=VALUE,KEY=VALUE"), ("=3", "'=3'; write"), ("a=[1", "cannot be read: while parsing")],
)
def test_parameters_that_cannot_be_read_are_one_line(text: str, message: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        read(text)
    assert message in raised.value.message
    assert "\n" not in raised.value.message


def test_a_version_of_nothing_is_refused_with_an_example() -> None:
    result = CliRunner().invoke(cli, ["run", "--pipelines=gan", "--load-versions=nonsense:1"])
    assert result.exit_code == 1
    assert "--load-versions names 'nonsense'" in result.output
    assert "pix2pix.checkpoint:2026-" in result.output


def fail(error: Exception) -> None:
    raise error


def test_an_error_is_one_line_and_its_traceback_comes_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENLAB_TRACEBACK", raising=False)
    for error, line in (
        (GenlabError("no disk"), "Error: no disk"),
        (KeyError("a\nb http://u:p@h"), r"Error: KeyError: 'a\nb http://***@h'. GENLAB_TRACEBACK=1 shows where"),
        (OSError("one\ntwo."), "Error: OSError: one two. GENLAB_TRACEBACK=1 shows where"),
    ):
        with pytest.raises(SystemExit) as raised:
            in_one_line(fail)(error)
        assert raised.value.code == line
        with monkeypatch.context() as patch:
            patch.setenv("GENLAB_TRACEBACK", "1")
            with pytest.raises(type(error)):
                in_one_line(fail)(error)
    with pytest.raises(click.UsageError):
        in_one_line(fail)(click.UsageError("as click has it"))


def stopped() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def stopped_in_a_library() -> None:
    """As torch, which made an error of its own of what a write raised."""
    try:
        stopped()
    except KeyboardInterrupt:
        raise RuntimeError("unexpected pos 46 vs 0") from None


@pytest.mark.parametrize("command", [stopped, stopped_in_a_library])
def test_a_signal_ends_a_command_whatever_a_library_made_of_it(
    command: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ending_well(command)()
    assert ended.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "Stopped by SIGTERM. The same command goes on where this one stopped.\n"
