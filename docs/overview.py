"""Write the table of files in docs/overview.md from the first sentence of every file: `make overview`.

With --check nothing is written; the command fails where the table is out of date.
"""

import ast
import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs/overview.md"
BEGIN, END = "<!-- make overview writes from here -->\n", "<!-- to here -->\n"


def first_sentence(path: Path) -> str:
    """What a file says it is."""
    told = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z\"`])", told)[0].removesuffix(".").replace("|", "\\|")


def rooms() -> list[str]:
    """The packages and lone files of genlab, in the order of the imports: what is lower comes first."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [name.strip().removeprefix("genlab.") for layer in reversed(layers) for name in layer.split("|")]


def rows(folder: Path) -> list[str]:
    """A room's table: its files, then its own rooms."""
    source = PROJECT / "src/genlab"
    head = f"| **{folder.relative_to(source)}** | **{first_sentence(folder / '__init__.py')}** |"
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    inner = sorted(path.parent for path in folder.glob("*/__init__.py"))
    return [
        head,
        *(f"| `{path.relative_to(source)}` | {first_sentence(path)} |" for path in files),
        *(row for room in inner for row in rows(room)),
    ]


def table() -> str:
    """All files of src/genlab, a line each."""
    lines = ["| file | what it is |", "|---|---|"]
    for room in rooms():
        folder = PROJECT / "src/genlab" / room
        lines += rows(folder) if folder.is_dir() else [f"| `{room}.py` | {first_sentence(folder.with_suffix('.py'))} |"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Bring the page up to date, or say that it is not."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    page = before + BEGIN + table() + END + rest.partition(END)[2]
    if "--check" not in sys.argv:
        PAGE.write_text(page)
    elif page != PAGE.read_text():
        sys.exit("docs/overview.md does not list the files as they are; run: make overview")


if __name__ == "__main__":
    main()
