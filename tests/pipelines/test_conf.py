"""Files of settings that hold something else: one line with the file and the line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from genlab.errors import GenlabError
from genlab.pipelines.conf import require_readable, unresolved
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: ${unclosed\n", 2, "no viable alternative"),
        ("a: 1\nb: !x 1\n", 2, "could not determine a constructor for the tag '!x'"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "could not determine a constructor"),
        ("a: 1\n\na: 2\n", 3, "found duplicate key a"),
        ("a: [1\n", 2, "expected ',' or ']'"),
        ("a:\n\tb: 1\n", 2, r"found character '\t'"),
        ("- 1\n", 1, "a list where names with values are needed"),
        ("a: 1\nvae:\n", 2, "vae has no value"),
        ("3\n", 1, "Invalid loaded object type: int"),
        ("a: 1\nb: \udcff\n", 2, "it is not in UTF-8"),
        ("a: &x [*x]\n", 1, "maximum recursion depth"),
        ("? [1]\n: 2\n", 1, "found unhashable key"),
        ("a: \x00\n", 1, "unacceptable character"),
    ],
)
def test_a_file_of_settings_that_is_none_is_one_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = tmp_path / "base/parameters/x.yml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(GenlabError) as error:
        require_readable([tmp_path / "base"])
    assert str(error.value).startswith(f"line {line} of {path} is no setting: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_our_own_files_are_good() -> None:
    require_readable([PROJECT / "conf"])


@pytest.mark.parametrize("value", ["${nope}", "${oc.env:NOWHERE}", "${no.such:1}"])
def test_what_cannot_be_resolved_is_named_with_its_line(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.yml").write_text(f"a: 1\nb:\n  c: {value}\n")
    with pytest.raises(OmegaConfBaseException) as error:
        OmegaConf.to_container(OmegaConf.load(tmp_path / "x.yml"), resolve=True)
    assert f"line 3 of {tmp_path / 'x.yml'} cannot be resolved" in str(unresolved(tmp_path, error.value))


def test_a_parameter_that_stands_in_two_files_is_named_with_both(kedro: Callable[..., Result], tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    (tmp_path / "conf/base/parameters/mine.yml").write_text("vae: {defaults: {model: {latent_dim: 3}}}\n")
    result = kedro("--pipelines=vae", f"--conf-source={tmp_path / 'conf'}")
    (error,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert result.exit_code == 1
    for part in ("vae", "mine.yml", "vae.yml", "take it out of one of them"):
        assert part in error
