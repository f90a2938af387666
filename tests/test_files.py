"""Files and folders whose writer is killed at every step."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.errors import GenlabError
from genlab.files import remove_folder, stage_folder, write_file, write_folder
from tests.chaos.faults import outcome, prepare

EVENTS = range(1, 17)  # more than any of these has


def folder(path: Path) -> None:
    with write_folder(path) as new:
        (new / "a").write_text("new")
        (new / "b").write_text("new")


def file(path: Path) -> None:
    write_file(path, lambda file: file.write(b"new"))


def content(path: Path) -> dict[str, str]:
    if path.is_dir():
        return {one.name: one.read_text() for one in path.iterdir()}
    return {"": path.read_text()} if path.exists() else {}


@pytest.mark.parametrize("fault", ["kill", "full"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("write", [folder, file])
def test_what_is_written_is_old_or_new_and_never_in_the_way(
    write: Callable[[Path], None], event: int, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "thing"
    write(path)
    new = content(path)
    old = dict.fromkeys(new, "old")
    for name in new:
        (path / name if name else path).write_text("old")

    def work() -> None:
        prepare(tmp_path, event, fault)
        write(path)

    assert outcome(work) in ({"kill": (-9, 0), "full": (1, 0)}[fault])
    # Between two renames a folder is away; the next writer brings it back.
    assert content(path) in ([old, new, {}] if write is folder and fault == "kill" else [old, new])
    with pytest.raises(RuntimeError), stage_folder(path):
        assert content(path) in (old, new)
        raise RuntimeError
    write(path)
    assert content(path) == new
    assert [one.name for one in tmp_path.iterdir()] == ["thing"], "nothing is left over"


@pytest.mark.parametrize("event", EVENTS)
def test_a_folder_that_is_removed_is_whole_or_gone(event: int, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    folder(path)

    def work() -> None:
        prepare(tmp_path, event, "kill")
        remove_folder(path)

    outcome(work)
    assert content(path) in ({}, {"a": "new", "b": "new"})
    remove_folder(path)
    assert not list(tmp_path.iterdir())


def test_another_writer_of_the_same_folder_is_left_alone(tmp_path: Path) -> None:
    with stage_folder(tmp_path / "thing") as one, stage_folder(tmp_path / "thing") as other:
        assert one.exists()
        assert one != other


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(GenlabError, match=r"cannot write .*thing"):
        file(tmp_path / "thing")
