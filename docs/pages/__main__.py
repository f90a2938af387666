"""Write the pages of the site into a folder: `python -m pages FOLDER`, as `make docs` does.

A model's page follows from its file, its YAML, its tests and docs; nothing on it is typed here.
"""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

from genlab.models import MODELS
from pages import annotate, derived, lessons, reference
from pages.formulas import typeset

ROOT = Path(__file__).parents[2]
LEARNS_FROM = {"pairs": "pairs of images", "domains": "two unpaired domains of images", "images": "images"}


def asked_of_models() -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """What `models/base.py` asks of models: its classes and their methods, by name."""
    return dict(annotate.documented(ast.parse((ROOT / "src/genlab/models/base.py").read_text())))


def capabilities(tree: ast.Module, class_name: str) -> str:
    """What a model can do, in the words of `models/base.py`."""
    base = asked_of_models()
    listed = dict(annotate.documented(tree))[class_name].bases  # type: ignore[union-attr]
    names = [node.id for node in listed if isinstance(node, ast.Name) and node.id in base and node.id != "Model"]
    rows = [
        [f"<code>{name}</code>", derived.inline((ast.get_docstring(base[name]) or "").split("\n\n")[0])]
        for name in names
    ]
    return derived.table(["it", "what that is"], rows)


def of_results(name: str) -> str:
    """The numbers and pictures of a model in docs/results.md."""
    page = ""
    for heading, head, rows, pictures in derived.numbers((ROOT / "docs/results.md").read_text(), name):
        page += f"\n### {heading}\n\n"
        cells = [[derived.inline(cell, formulas=False) for cell in row] for row in [head, *rows]]
        page += derived.table(cells[0], cells[1:]) if rows else ""
        page += "".join(f"\n![{alt}](../{path})\n\n*{alt}*\n" for alt, path in pictures)
    return page + "\nThe commands behind these are in [Results](../results.md).\n" if page else ""


def of_this_machine(name: str, folder: Path) -> str:
    """The metrics and the figures of this machine's newest run of a model."""
    data = Path(os.environ.get("GENLAB_DATA", ROOT / "data"))
    run = derived.last_run(data, name)
    if not run:
        return f"\n### This machine's last run\n\nNone yet: `kedro run --pipeline={name}`, then `make docs`.\n"
    version, metrics = run
    numbers = {key: value for key, value in metrics.items() if isinstance(value, int | float)}
    rows = []
    for key, value in numbers.items():
        low, high = numbers.get(f"{key}_low"), numbers.get(f"{key}_high")
        if not key.endswith(("_low", "_high")):
            between = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
            rows.append([f"<code>{key}</code>", f"{value:.4g}", between])
    page = f"\n### This machine's last run\n\n`kedro run --pipeline={name}`, {version}\n\n"
    for path in sorted((data / f"08_reporting/{name}/figures/{version}").rglob("*.png")):
        shutil.copy(path, folder / f"{name}_{path.name}")
        page += f"![{path.stem.replace('_', ' ')}]({name}_{path.name})\n\n*{path.stem.replace('_', ' ')}*\n\n"
    found = derived.table(["metric", "value", "interval"], rows)
    return f"{page}<details><summary>all its numbers</summary>\n{found}</details>\n"


def model_page(name: str, folder: Path) -> str:
    """The page of a model."""
    place, class_name = MODELS[name].place.split(":")
    path = ROOT / "src" / Path(*place.split(".")).with_suffix(".py")
    source = path.read_text()
    tree = ast.parse(source)
    title, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    yaml = (ROOT / f"conf/base/parameters/{name}.yml").read_text()
    learns = LEARNS_FROM[MODELS[name].trains_on] + (" with captions" if MODELS[name].captions else "")
    methods = {
        f"{class_name}.{key.split('.')[1]}": ast.get_docstring(node) or ""
        for key, node in asked_of_models().items()
        if "." in key
    }
    proven = derived.proven(ROOT / "tests/models", name, class_name)
    differs = derived.deviations(source, name, class_name, (ROOT / "docs/decisions.md").read_text())
    parts = [
        f"---\nhide-toc: true\n---\n# {title.removesuffix('.')}",
        annotate.prose(rest),
        f"It learns from {learns}: `kedro run --pipeline={name}`. Below is its file, `{path.relative_to(ROOT)}`,\n"
        "whole. What it says stands beside the lines that it speaks of.",
        annotate.annotated(source, methods),
        "## What it can do", capabilities(tree, class_name),
        "## Settings and where they are from", derived.settings(source, class_name, yaml),
        "## Where it departs from the paper",
        "".join(f"- {one}\n" for one in differs) or "Its file and docs/decisions.md name nothing.",
        "## What its tests prove",
        "".join(f"- {said} <small>({file})</small>\n" for file, said in proven)
        or "It has no tests of its own yet. The tests that every model passes are in `tests/models/test_contract.py`.",
        "## Figures and numbers", of_results(name), of_this_machine(name, folder),
    ]  # fmt: skip
    return "\n\n".join(parts)


def moved(text: str, at: str) -> str:
    """A Markdown file of the repository with its links as they are in the site. `at` is its place in the repository."""

    def link(match: re.Match[str]) -> str:
        address, _, anchor = match[2].partition("#")
        if not address or ":" in address:
            return match[0]
        target = os.path.normpath(os.path.join(os.path.dirname(at), address))
        model = re.fullmatch(r"src/genlab/models/(\w+)\.py", target)
        if model and model[1] in MODELS:
            target = f"docs/models/{model[1]}.md"
        target = {"CONTRIBUTING.md": "docs/contributing.md", "README.md": "docs/index.md"}.get(target, target)
        if not target.startswith("docs/"):
            return match[1].strip("![]")  # a file that is no page
        here = os.path.dirname({"CONTRIBUTING.md": "docs/contributing.md"}.get(at, at))
        return f"{match[1]}({os.path.relpath(target, here)}{'#' + anchor if anchor else ''})"

    return re.sub(r"(!?\[[^\]]*\])\(([^)\s]+)\)", link, text)


def write(folder: Path) -> None:
    """All pages, as Sphinx takes them."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("models", "reference/api", "_static", "how_to"):
        (folder / name).mkdir(parents=True)
    here = Path(__file__).parent
    shutil.copy(here / "conf.py", folder)
    shutil.copy(here / "style.css", folder / "_static")
    shutil.copytree(ROOT / "docs/images", folder / "images")
    for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/how_to").glob("*.md")]:
        at = path.relative_to(ROOT)
        (folder / at.relative_to("docs")).write_text(moved(path.read_text(), str(at)))
    (folder / "contributing.md").write_text(moved((ROOT / "CONTRIBUTING.md").read_text(), "CONTRIBUTING.md"))
    rows = []
    for name in MODELS:
        (folder / f"models/{name}.md").write_text(model_page(name, folder / "models"))
        said = ast.get_docstring(ast.parse((ROOT / f"src/genlab/models/{name}.py").read_text())) or ""
        rows.append([f'<a href="{name}.html">{name}</a>', typeset(said.splitlines()[0])])
    tree = "\n```{toctree}\n:hidden:\n:titlesonly:\n" + "\n".join(f"{name} <{name}>" for name in MODELS) + "\n```\n"
    (folder / "models/index.md").write_text(f"# The models\n{tree}\n{derived.table(['model', 'paper'], rows)}")
    pages = {
        "parameters": reference.parameters(),
        "catalog": reference.catalog((ROOT / "conf/base/catalog.yml").read_text()),
        "metrics": reference.metrics(),
        "commands": reference.commands((ROOT / "Makefile").read_text()),
    }
    for place in reference.API:
        pages[f"api/{place.replace('/', '.')}"] = reference.api(ROOT / "src/genlab", place)
    (folder / "lessons/index.md").write_text(lessons.course(ROOT / "notebooks/lessons", folder / "lessons"))
    for name, text in pages.items():
        (folder / f"reference/{name}.md").write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
