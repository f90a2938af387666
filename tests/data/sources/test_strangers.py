"""A folder from strangers: what is no file, and names that are more than names."""

import io
import logging
import os
from pathlib import Path

import pytest

from genlab.data.ingest import ingest
from genlab.data.report import describe_set, report_table
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet
from genlab.errors import ONLY_TEXT, GenlabError
from tests.data.sources.test_sources import picture, write


def read(tmp_path: Path, **settings: object) -> ImageSet:
    checked = DataSettings(source=str(tmp_path / "raw"), image_size=16, **settings)
    return ingest(list_source(tmp_path, checked), checked, tmp_path / "set")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "is not a file but a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a file but a pipe"),
        (lambda path: path.symlink_to("/nowhere"), "cannot be read (No such file or directory)"),
        (lambda path: path.symlink_to(path.parents[1] / "secret"), "is not an image of any known format"),
        (lambda path: path.touch() or os.truncate(path, 9 << 30), "has 9663676416 bytes, more than"),
    ],
)
def test_what_is_no_file_of_the_folder_is_a_line_that_tells_no_content(
    tmp_path: Path, make: object, reason: str
) -> None:
    (tmp_path / "secret").write_text("the secret")
    for number in range(3):
        write(tmp_path / f"raw/{number}.png", picture(number))
    make(tmp_path / "raw/x.png")
    images = read(tmp_path)
    [rejected] = images.about["rejected"]
    assert (rejected["source"], len(images)) == ("x.png", 3)
    assert rejected["reason"].startswith(reason)
    assert "the secret" not in str(images.about)


NAMES = {
    "\x1b[31mred\x07": r"\x1b[31mred\x07",
    os.fsdecode(b"caf\xe9"): r"caf\udce9",
    "[red]": "[red]",
    "\u202egnp.x": r"\u202egnp.x",
    "<img src=x>|`*": "<img src=x>|`*",
    "two\nlines": r"two\nlines",
    "ملف 画像 é": "ملف 画像 é",
}


@pytest.mark.parametrize("layout", ["labels", "two_folders"])
def test_names_are_text_and_nothing_else(tmp_path: Path, layout: str) -> None:
    for number, name in enumerate(NAMES):
        for folder in [name] if layout == "labels" else ["a", "b"]:
            write(tmp_path / "raw" / folder / f"{name}.png", picture(number))
            (tmp_path / "raw" / folder / f"{name}.bad.png").write_bytes(b"")
    images = read(tmp_path, layout=layout)
    assert set(images.table["id"]) == {f"{name}__{name}" if layout == "labels" else name for name in NAMES.values()}
    said = "".join(report_table(describe_set(images, DataSettings())).to_numpy().ravel())
    assert said.isprintable()
    assert len(images.about["rejected"]) == len(NAMES) * (1 if layout == "labels" else 2)


@pytest.mark.parametrize(("name", "shown"), [*list(NAMES.items())[:-2], ("a[/b]", "a[/b]")])
def test_messages_and_log_lines_show_names_as_they_are(name: str, shown: str) -> None:
    from kedro.logging import RichHandler
    from rich.console import Console

    page = io.StringIO()
    handler = RichHandler(console=Console(file=page, width=1000), show_path=False)
    handler.addFilter(ONLY_TEXT)
    handler.handle(logging.makeLogRecord({"msg": "the file %s is bad", "args": (name,)}))
    error = str(GenlabError(f"the file {name} is bad"))
    for said in (page.getvalue(), error):
        assert f"the file {shown} is bad" in said
