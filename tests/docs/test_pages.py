"""A model's page is its file: every line and every word of it, in order; and links of the site are checked."""

import ast
import html
import inspect
import io
import json
import re
import tokenize
from pathlib import Path

import pytest
from PIL import Image

from genlab.evaluation.registry import measure
from genlab.models import MODELS
from pages import annotate, derived, lessons, links, reference
from tests.conftest import PROJECT


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def file_of(name: str) -> str:
    return (PROJECT / f"src/genlab/models/{name}.py").read_text()


def code_tokens(source: str) -> list[str]:
    """A file as Python reads it, without comments, lone strings and layout."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = source.splitlines(keepends=True)
    for first, last, _, _ in annotate.lone_strings(ast.parse(source)):
        lines[first - 1 : last] = ["\n"] * (last - first + 1)
    tokens = tokenize.generate_tokens(io.StringIO("".join(lines)).readline)
    return [token.string for token in tokens if token.type not in layout]


@pytest.mark.parametrize("name", MODELS)
def test_all_code_of_a_file_is_on_its_page_in_its_order(name: str) -> None:
    blocks = re.findall(r'<pre tabindex="0">(.*?)</pre>', annotate.annotated(file_of(name), {}), re.S)
    shown = "\n".join(map(text_of, blocks)) + "\n"
    assert [t for t in code_tokens(shown) if t.strip()] == [t for t in code_tokens(file_of(name)) if t.strip()]


@pytest.mark.parametrize("name", MODELS)
def test_all_that_a_file_says_is_on_its_page(name: str) -> None:
    source = file_of(name)
    page = annotate.annotated(source, {})
    words = set(re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", " ", page)))
    tree = ast.parse(source)
    said = [ast.get_docstring(node) or "" for _, node in annotate.documented(tree)]
    said += [t.string for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT]
    noise = {"noqa", "fmt", "skip"}
    greek = set(derived.typeset.__globals__["GREEK"])
    assert {w for text in said for w in re.findall(r"[A-Za-z]{3,}", text)} - words <= noise | greek
    assert "<math" in page


def test_a_comment_stands_beside_its_line_and_a_docstring_beside_its_function() -> None:
    source = '''"""File."""

import math

KEPT = 3  # how many


@cache
def f(x):
    """x^2; equation 1."""
    # twice
    return x * x
'''
    _, rows = annotate.rows(source)
    told = [(text_of("".join(row.said)), text_of("\n".join(row.lines)), row.name) for row in rows]
    assert told == [
        ("how many", "KEPT = 3", ""),
        ("x2; equation 1.", "@cache\ndef f(x):", "f"),
        ("twice", "    return x * x", ""),
    ]


def test_settings_have_both_values_and_both_reasons() -> None:
    page = text_of(derived.settings(file_of("vae"), "VAE", (PROJECT / "conf/base/parameters/vae.yml").read_text()))
    assert "model.latent_dim20figure 2: 3, 5, 10, 20 or 20016" in page
    assert "training.optimizer'adagrad'section 5" in page
    assert "adamthe paper's Adagrad wants ten times as many steps" in page


def test_deviations_are_found_in_file_and_decisions() -> None:
    found = derived.deviations(file_of("vae"), "vae", "VAE", "- **VAE: no MAP.** Why.\n- **UNIT**: other.\n")
    assert any("there is no weight decay" in one for one in found)
    assert found[-1] == "<strong>VAE: no MAP.</strong> Why."


def test_the_tests_of_a_model_are_sentences() -> None:
    assert ("test_vae.py", "The kl is torchs") in derived.proven(PROJECT / "tests/models", "vae", "VAE")


def test_every_measure_says_what_it_is_and_which_way_is_better() -> None:
    page = reference.metrics()
    for entry in measure.all:
        assert page.count(annotate.prose(inspect.getdoc(entry.function) or "")) == 1, entry.function
    assert "`active_units`: no way is better" in page


def test_numbers_are_the_models_own_rows() -> None:
    results = (
        "# R\n\n## Runs\n\n| model | l1 |\n|---|---|\n| vae | **0.1** |\n| gan | 2 |\n\n![Seen](images/vae_x.png)\n"
    )
    assert derived.numbers(results, "vae") == [
        ("Runs", ["model", "l1"], [["vae", "**0.1**"]], [("Seen", "images/vae_x.png")])
    ]


def test_the_course_has_the_question_and_the_picture_of_each_lesson(tmp_path: Path) -> None:
    page = lessons.course(PROJECT / "notebooks/lessons", tmp_path / "lessons")
    notebooks = sorted((PROJECT / "notebooks/lessons").glob("*.ipynb"))
    first = [json.loads(path.read_text())["cells"][0]["source"][0].strip() for path in notebooks]
    assert re.findall(r"^## (.*)", page, re.M) == [line.removeprefix("# ") for line in first]
    assert {path.suffix for path in (tmp_path / "lessons").iterdir()} == {".ipynb", ".png"}
    for name in re.findall(r"\((\d_\w+\.png)\)", page):
        assert Image.open(tmp_path / "lessons" / name).width > 300


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html#there">x</a><img src="data:image/png;base64,AA=="><a href="https://arxiv.org">x</a>', None),
        ('<a href="c.html">x</a>', "c.html is not there"),
        ('<a href="b.html#gone">x</a>', "b.html#gone names an anchor that is not there"),
        ('<img src="gone.png">', "gone.png is not there"),
        ('<script src="https://elsewhere.org/x.js"></script>', "<script> loads https://elsewhere.org/x.js"),
        ('<link rel="stylesheet" href="//elsewhere.org/x.css">', "<link> loads //elsewhere.org/x.css"),
    ],
)
def test_links_are_checked(tmp_path: Path, body: str, fault: str | None) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<p id="there">x</p>')
    found = links.faults(tmp_path)
    assert not found if fault is None else found[0].endswith(fault)
