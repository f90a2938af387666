"""A Python file as a page: what its docstrings and comments say, beside the lines that they speak of."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass, field

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from pages.formulas import typeset

FOR_TOOLS = re.compile(r"#\s*(fmt|type|noqa|ruff|pragma)\b.*")
Documented = ast.FunctionDef | ast.ClassDef


@dataclass
class Row:
    """Lines of code, coloured, and what is said of them."""

    said: list[str] = field(default_factory=list)
    name: str = ""  # of what begins here, such as VAE.elbo
    lines: list[str] = field(default_factory=list)


def prose(docstring: str) -> str:
    """A docstring as HTML: paragraphs with their formulas. Lines that are set in columns stay lines."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", docstring.strip()):
        label, _, rest = block.partition(":\n")
        head = label in ("Raises", "Args", "Returns") and f"<em>{label}:</em> "
        lines = [line.strip() for line in (rest if head else block).splitlines()]
        columns = not head and any("  " in line for line in lines)
        said = "<br>".join(map(typeset, lines)) if columns else typeset(" ".join(lines))
        paragraphs.append(f"<p>{head or ''}{said}</p>")
    return "".join(paragraphs)


def documented(tree: ast.Module) -> list[tuple[str, Documented]]:
    """The classes, functions and methods of a file by qualified name, without those inside a function."""
    found: list[tuple[str, Documented]] = []
    for node in tree.body:
        if isinstance(node, Documented):
            found.append((node.name, node))
        if isinstance(node, ast.ClassDef):
            found += [(f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, Documented)]
    return found


def first_line(node: Documented) -> int:
    """Where a class or a function begins, with its decorators."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def lone_strings(tree: ast.Module) -> list[tuple[int, int, int, str]]:
    """The docstrings and the strings below constants: first and last line, the line they speak of, text."""
    found = []
    for node in ast.walk(tree):
        body = node.body if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) else []
        for place, statement in enumerate(body):
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                above = body[place - 1].lineno if place else 0 if isinstance(node, ast.Module) else first_line(node)
                found.append((statement.lineno, statement.end_lineno or 0, above, ast.get_docstring(
                    ast.Module([statement], [])) or ""))  # fmt: skip
    return found


def rows(source: str) -> tuple[list[str], list[Row]]:
    """The lines of the imports, and those behind them with what is said of each."""
    tree, lines = ast.parse(source), source.splitlines()
    imports = max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    said: dict[int, list[str]] = defaultdict(list)  # by the line that is spoken of
    names = {first_line(node): name for name, node in documented(tree)}
    gone: set[int] = set()
    for first, last, line, text in lone_strings(tree):
        gone |= set(range(first, last + 1 + (not lines[last : last + 1] or not lines[last])))
        said[line].append(prose(text))
    ends = {line for line in said if line not in names}
    waiting: list[str] = []  # comments that speak of the next line of code
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        number = token.start[0]
        if token.type == tokenize.COMMENT:
            text = FOR_TOOLS.sub("", token.string).lstrip("# ").strip()
            lines[number - 1] = lines[number - 1][: token.start[1]].rstrip()
            if not lines[number - 1]:
                gone.add(number)
                waiting += [text] if text else []
            elif text:
                said[number].append(f"<p>{typeset(text)}</p>")
                ends.add(number)
        elif waiting and token.string.strip():
            said[number].append(f"<p>{typeset(' '.join(waiting))}</p>")
            waiting = []
    code = highlight("\n".join(lines), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).split("\n")
    found = [Row()]
    for number in range(imports + 1, len(lines) + 1):
        if number in said or number in names or number - 1 in ends:
            found.append(Row(said[number], names.get(number, "")))
        if number not in gone:
            found[-1].lines.append(code[number - 1])
    for row in found:
        while row.lines and not row.lines[-1].strip():
            row.lines.pop()
        while row.lines and not row.lines[0].strip():
            row.lines.pop(0)
    skipped = {*gone, *(k for k, line in enumerate(lines, 1) if not line)}
    return [code[k] for k in range(imports) if k + 1 not in skipped], [row for row in found if row.lines]


def annotated(source: str, asked: dict[str, str]) -> str:
    """The page of a file in HTML, without the file's docstring: a row for each thing that is said.

    `asked` is what `models/base.py` asks of methods by their names: it stands beside those that say nothing themselves.
    """
    imports, found = rows(source)
    out = ['<div class="annotated">', f"<details><summary>imports</summary>{code(imports)}</details>"]
    for row in found:
        begins = f' class="begins" id="{row.name}"' if row.name else ""
        if not row.said and (said := asked.get(row.name)):
            row.said = [f'<div class="asked">{prose(said)}</div>']
        out.append(f'<section{begins}><div class="said">{"".join(row.said)}</div>{code(row.lines)}</section>')
    return "\n".join([*out, "</div>"])


def code(lines: list[str]) -> str:
    """Coloured lines as a block; a blank line would end the HTML in a page of Markdown."""
    text = "\n".join(line if line.strip() else "<wbr>" for line in lines)
    return f'<div class="highlight"><pre tabindex="0">{text}</pre></div>'
