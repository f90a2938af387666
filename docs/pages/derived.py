"""What stands below a model's file on its page: settings, deviations, tests, numbers, from where they are."""

import ast
import io
import json
import re
import tokenize
from html import escape
from pathlib import Path
from typing import Any

from pages.annotate import documented
from pages.formulas import typeset

Setting = tuple[str, str]  # a value and what is said of it
DIFFERS = re.compile(
    r"\b(not|in place of|instead|differs?|younger|here|of no|none|no number|counts no|gives no|has no|have no)\b", re.I
)
OF_THE_PAPER = re.compile(r"\b(paper|papers|authors|lecture|Section \d|Appendix \w)\b")


def table(head: list[str], body: list[list[str]]) -> str:
    """A table of cells in HTML; it scrolls by itself where the screen is narrow."""
    rows = ["".join(f"<td>{cell}</td>" for cell in row) for row in body]
    heads = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = "\n".join(f"<tr>{row}</tr>" for row in rows)
    parts = f"<thead><tr>{heads}</tr></thead>", f"<tbody>\n{lines}\n</tbody>"
    return f'<div class="scrolls" tabindex="0"><table>\n{parts[0]}\n{parts[1]}</table></div>\n'


def trailing_comments(source: str) -> dict[int, str]:
    """The comments behind code, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    return {line: text for line, text in found.items() if not text.startswith(("fmt:", "type:", "noqa"))}


def of_the_paper(source: str, class_name: str) -> dict[str, Setting]:
    """The arguments of a model's constructor, recipe and drawing, with comments: `model.width`, `training.epochs`."""
    tree, said = ast.parse(source), trailing_comments(source)
    nodes = dict(documented(tree))

    def comment(first: int, last: int) -> str:
        return " ".join(said[line] for line in range(first, last + 1) if line in said)

    found: dict[str, Setting] = {}
    constructor = nodes[f"{class_name}.__init__"].args
    for argument, default in zip(constructor.kwonlyargs, constructor.kw_defaults, strict=True):
        value = ast.unparse(default) if default else ""
        found[f"model.{argument.arg}"] = value, comment(argument.lineno, (default or argument).end_lineno)
    for method in ("sample", "translate", "steps", "complete"):
        node = nodes.get(f"{class_name}.{method}")
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if node else ():
            why = comment(argument.lineno, default.end_lineno)
            found.setdefault(f"sample.{argument.arg}", (ast.unparse(default), why))
    for statement in nodes[class_name].body:
        names = [target.id for target in getattr(statement, "targets", []) if isinstance(target, ast.Name)]
        if names == ["recipe"] and isinstance(statement.value, ast.Call):
            for keyword in statement.value.keywords:
                value = ast.unparse(keyword.value)
                found[f"training.{keyword.arg}"] = value, comment(keyword.lineno, keyword.value.end_lineno)
    return found


def of_the_configuration(text: str) -> tuple[str, dict[str, Setting]]:
    """What a model's YAML says first, and its settings with their comments."""
    first, found, path = [], {}, []
    for line in text.splitlines():
        if line.startswith("#"):
            first.append(line.lstrip("# "))
        elif match := re.match(r"( *)([\w.-]+): *([^#]*?) *(?:# *(.*))?$", line):
            depth = len(match[1]) // 2
            path = [*path[:depth], match[2]]
            if match[3]:
                key = ".".join(part for part in path[1:] if part != "defaults")
                found[key] = match[3], match[4] or ""
    return " ".join(first), found


def settings(source: str, class_name: str, yaml: str) -> str:
    """All settings of a model: the paper's, and those of the embedded data."""
    paper, (first, here) = of_the_paper(source, class_name), of_the_configuration(yaml)
    body = []
    for name in [*paper, *(name for name in here if name not in paper)]:
        cells = [f"<code>{name}</code>"]
        for value, why in (paper.get(name, ("", "")), here.get(name, ("", ""))):
            cells += [f"<code>{escape(value)}</code>" if value else "", typeset(why)]
        body.append(cells)
    return f"<p>{typeset(first)}</p>\n" + table(
        ["setting", "the file's", "where it is from", "on the embedded data", "why"], body
    )


def inline(text: str, formulas: bool = True) -> str:
    """A line of Markdown as HTML: what is bold, code and, where they are looked for, formulas."""
    text = " ".join(text.split())
    text = typeset(text) if formulas else re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*(.*?)\*\*", r"<strong>\1</strong>", text)


def deviations(source: str, name: str, class_name: str, decisions: str) -> list[str]:
    """Where the model is not as in its paper: paragraphs and comments of the file, then of docs/decisions.md."""
    tree, found = ast.parse(source), []
    for place, node in [("", tree), *documented(tree)]:
        for block in re.split(r"\n\s*\n", ast.get_docstring(node) or ""):
            sentences = re.split(r"(?<=[.:])\s+(?=[A-Z`\"])", block)
            whole = OF_THE_PAPER.search(block) and re.search(r"\bdiffer\b|(^|[.] )Here\b", block)
            if whole or any(OF_THE_PAPER.search(one) and DIFFERS.search(one) for one in sentences):
                found.append(f"`{place}`: {block}" if place else block)
    for setting, (value, why) in of_the_paper(source, class_name).items():
        if OF_THE_PAPER.search(why) and DIFFERS.search(why):
            found.append(f"`{setting}={value}`: {why}")
    lead = re.compile(rf"- (?:\*\*)?(?:{name}|{class_name})\b(?!-)")
    found += [block[2:].split("\n\n")[0] for block in re.split(r"\n(?=- |## )", decisions) if lead.match(block)]
    return [inline(one) for one in found]


def proven(tests: Path, name: str, class_name: str) -> list[tuple[str, str]]:
    """The tests of a model by their file, each as a sentence. A file may test several models."""
    found = []
    for path in sorted(tests.glob("test_*.py")):
        source = path.read_text()
        modules = set(re.findall(r"^from genlab\.models\.(\w+) import", source, re.M)) - {"base"}
        if name not in modules:
            continue
        body = ast.parse(source).body
        mine = rf"\b{class_name}\b|[\"']{name}[\"']"
        shared = [t.id for s in body if isinstance(s, ast.Assign) and re.search(mine, ast.unparse(s))
                  for t in s.targets if isinstance(t, ast.Name)]  # fmt: skip
        about = re.compile("|".join([mine, *(rf"\b{constant}\b" for constant in shared)]))
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                text = "".join(ast.unparse(part) for part in [node, *node.decorator_list])
                if len(modules) == 1 or about.search(text):
                    said = node.name.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")
                    found.append((path.name, said[0].upper() + said[1:]))
    return found


def numbers(results: str, name: str) -> list[tuple[str, list[str], list[list[str]], list[tuple[str, str]]]]:
    """Of each section of docs/results.md: its heading, a table's head and the model's rows in it, and its pictures."""
    found = []
    for section in re.split(r"\n(?=##+ )", results)[1:]:
        heading = section.splitlines()[0].strip("# ")
        pictures = [(alt, path) for alt, path in re.findall(r"!\[(.*?)\]\((.*?)\)", section)
                    if re.fullmatch(rf"images/{name}(_\w+)?\.png", path)]  # fmt: skip
        for block in re.findall(r"(?:^\|.*\n)+", section + "\n", re.M):
            lines = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
            rows = [line for line in lines[2:] if re.sub(r"[*`]", "", line[0]) == name]
            if rows:
                found.append((heading, lines[0], rows, pictures))
                pictures = []
        if pictures:
            found.append((heading, [], [], pictures))
    return found


def last_run(data: Path, name: str) -> tuple[str, dict[str, Any]] | None:
    """The version of this machine's newest run, and its metrics."""
    versions = sorted((data / f"08_reporting/{name}/metrics.json").glob("*/metrics.json"))
    return (versions[-1].parent.name, json.loads(versions[-1].read_text())) if versions else None
