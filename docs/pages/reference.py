"""The reference: parameters, catalog, commands and the Python API, from the code and the configuration themselves."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from html import escape
from itertools import groupby, takewhile
from pathlib import Path

import click
import yaml
from pydantic import BaseModel

from pages.annotate import documented, prose
from pages.derived import inline, table, trailing_comments

API = ("media/base", "nn", "models/base", "data", "training", "sampling", "evaluation", "report", "experiments")


def fields(settings: type[BaseModel], prefix: str) -> Iterator[list[str]]:
    """A row for each parameter of a section: name, type, default, comment. A section in a section is gone into."""
    for owner in [base for base in reversed(settings.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]:
        source = textwrap.dedent(inspect.getsource(owner))
        lines, said = source.splitlines(), trailing_comments(source)
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            name = node.target.id if isinstance(node, ast.AnnAssign) else ""  # type: ignore[union-attr]
            if name not in settings.model_fields:
                continue
            kind = settings.model_fields[name].annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{prefix}{name}.")
                continue
            above = takewhile(lambda line: line.lstrip().startswith("#"), lines[node.lineno - 2 :: -1])
            why = [line.strip("# ") for line in above][::-1]
            why += [said[line] for line in range(node.lineno, (node.end_lineno or 0) + 1) if line in said]
            values = f"{prefix}{name}", ast.unparse(node.annotation), ast.unparse(node.value) if node.value else ""
            yield [*(f"<code>{escape(value)}</code>" for value in values), inline(" ".join(why))]


def parameters() -> str:
    """The page of all parameters that are not a model's own."""
    from genlab.data.settings import DataSettings
    from genlab.evaluation.settings import EvaluationSettings
    from genlab.experiments.settings import CompareSettings
    from genlab.sampling.settings import SampleSection
    from genlab.tracking.tracker import TrackingSettings
    from genlab.training.settings import TrainingSettings

    page = (
        "# Parameters\n\nSet with `--params=data.image_size=64,training.steps=1000`, or in an environment's\n"
        "`parameters.yml`, or for one model under its name: `vae.training.steps=1000`. The arguments of a model\n"
        "(`vae.model.latent_dim`) are on [its page](../models/index.md). `seed` and `data_root` stand at the top.\n"
    )
    sections: dict[str, type[BaseModel]] = {
        "data": DataSettings, "training": TrainingSettings, "sample": SampleSection,
        "evaluation": EvaluationSettings, "compare": CompareSettings, "tracking": TrackingSettings,
    }  # fmt: skip
    for name, settings in sections.items():
        head = ["parameter", "type", "default", "what it is"]
        page += f"\n## {name}\n\n{prose(inspect.getdoc(settings) or '')}\n\n"
        page += table(head, list(fields(settings, f"{name}.")))
    return page


def catalog(text: str) -> str:
    """The page of the catalog: its entries, with the comments above them."""
    page = "# Catalog\n\n"
    entries = yaml.safe_load(text)
    for block in re.split(r"\n\s*\n", text):
        said = " ".join(line.lstrip("# ") for line in block.splitlines() if line.startswith("#"))
        names = [name for name in re.findall(r'^"?([{\w][\w.{}]*)"?:', block, re.M) if not name.startswith("_")]
        page += f"<p>{inline(said)}</p>\n\n" if said else ""
        for name in names:
            entry = entries[name]
            kind = entry.get("dataset", entry)["type"]
            versions = ["a version for each run"] if entry.get("versioned") else []
            where = entry["filepath"].replace("${_root}", "data")
            page += f"- **`{name}`** `{where}` ({', '.join([f'`{kind}`', *versions])})\n"
        page += "\n"
    return page


def metrics() -> str:
    """The page of the measures: what each needs, on which images it works, which way is better, and its own words."""
    from genlab.evaluation.registry import measure

    page = "# Metrics\n\nEach is measured where the model can do what it needs and the images are arranged so.\n"
    for module, entries in groupby(measure.all, key=lambda entry: entry.function.__module__):
        page += f"\n## {module.rpartition('.')[2]}\n\n"
        for function, registered in groupby(entries, key=lambda entry: entry.function):
            for entry in registered:
                needs = ", ".join(f"`{one.__name__}`" for one in entry.needs) or "nothing"
                ways = entry.said.get("better", {}).items()
                better = [f"`{name}`: {f'{way} is better' if way else 'no way is better'}" for name, way in ways]
                page += f"Needs {needs}, on `{entry.on.__name__}`. {'; '.join(better)}\n\n"
            page += f"{prose(inspect.getdoc(function) or '')}\n\n"
    return page


def commands(makefile: str) -> str:
    """The page of commands: those of make, then each of kedro's that Genlab adds or changes, with its help."""
    from genlab import cli

    targets = re.findall(r"^([a-z]+):.*?## (.*)$", makefile, re.M)
    page = "# Commands\n\n## make\n\n" + table(
        ["command", "what it does"],
        [[f"<code>make {name}</code>", inline(what, formulas=False)] for name, what in targets],
    )
    found = {c.name: c for c in vars(cli).values() if isinstance(c, click.Command) and not isinstance(c, click.Group)}
    for command in found.values():
        with click.Context(command, info_name=f"kedro {command.name}") as context:
            page += f"\n## kedro {command.name}\n\n```text\n{inspect.cleandoc(command.get_help(context))}\n```\n"
    return page


class Qualified(ast.NodeTransformer):
    """Names of Genlab's own classes with their modules, so that Sphinx links the right ones."""

    def __init__(self, tree: ast.Module, module: str) -> None:
        self.names = {node.name: module for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genlab."):
                self.names |= {alias.name: str(node.module) for alias in node.names}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"{self.names[node.id]}.{node.id}") if node.id in self.names else node


def signature(node: ast.FunctionDef | ast.ClassDef, qualified: Qualified) -> str:
    """The arguments of a function, or of a class's constructor, as Sphinx reads them."""
    if isinstance(node, ast.ClassDef):
        node = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), node)
    if isinstance(node, ast.ClassDef):
        return ""
    node = qualified.visit(node)
    arguments = node.args
    for names in (arguments.posonlyargs, arguments.args):
        if names and names[0].arg in ("self", "cls"):
            del names[0]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    return f"({ast.unparse(arguments)}){returns}"


def api(source: Path, place: str) -> str:
    """The page of a package or a file: what is public in it, with signatures and docstrings."""
    there = source / place
    files = sorted(p for p in there.rglob("*.py")) if there.is_dir() else [there.with_suffix(".py")]
    page = f"# genlab.{place.replace('/', '.')}\n"
    for path in files:
        tree = ast.parse(path.read_text())
        public = [(name, n) for name, n in documented(tree) if not re.search(r"(^|\.)_", name) and ast.get_docstring(n)]
        module = ".".join(["genlab", *path.relative_to(source).with_suffix("").parts]).removesuffix(".__init__")
        if not public:
            continue
        page += f"\n## {module}\n\n{prose(ast.get_docstring(tree) or '')}\n"
        for name, node in public:
            kind = "class" if isinstance(node, ast.ClassDef) else "method" if "." in name else "function"
            head = f"{{py:{kind}}} {module}.{name}{signature(node, Qualified(tree, module))}"
            page += f"\n`````{head}\n\n{prose(ast.get_docstring(node) or '')}\n`````\n"
    return page
