"""What stands in the ledger: which run answers a row, what is red, and what is kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.config import OmegaConfigLoader

from genlab.errors import GenlabError
from genlab.experiments.ledger import Row, page, read_rows, write_ledger
from genlab.pipelines.parameters import resolve
from genlab.settings import CONFIG_LOADER_ARGS
from genlab.tracking.runs import FinishedRun
from genlab.tracking.tracker import flatten
from tests.experiments.test_leaderboard import finished

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
ROW = {
    "set": "digits", "what": "MADE by its authors", "published": 88.0, "source": "Table 1.", "differs": "",
    "model": "made", "env": "mnist", "metric": "nll_nats", "settings": {"data.binarise": "fixed", "model.width": 500},
}  # fmt: skip
COMMAND = "kedro run --pipelines=made --env=mnist --params=data.binarise=fixed,made.model.width=500"


def run_of(nats: float, typed: dict[str, Any] | None = None, **given: Any) -> FinishedRun:
    """A run of the row."""
    command = {"runtime_params": typed or {}, "parts": given.pop("parts", {})}
    tags = {
        "environment": "mnist", "command": json.dumps(command), "mlflow.source.git.commit": "c" * 40,
        "machine": "a machine", "test_fingerprint": "t" * 32, **given,
    }  # fmt: skip
    run = finished("made", nll_nats=nats, nll_nats_low=nats - 1, nll_nats_high=nats + 1, train_seconds=1234.5, **tags)
    run.parameters.update({"data.binarise": "fixed", "model.width": "500"})
    return run


def ledger(folder: Path, *runs: FinishedRun, **row: Any) -> str:
    """The page of one row after these runs."""
    (folder / "ledger.yml").write_text(yaml.safe_dump([{**ROW, **row}]))
    if not (folder / "ledger.json").exists():
        (folder / "ledger.json").write_text("{}")
    write_ledger(folder, runs)
    return (folder / "ledger.md").read_text()


def test_a_number_outside_its_tolerance_is_red_named_and_an_error(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"outside of its tolerance: MADE by its authors\. .*ledger\.md"):
        ledger(tmp_path, run_of(90.6), tolerance=2.5)
    assert (
        "| 88 | **90.6** (89.6 to 91.6) | +2.6 | **red**, outside ± 2.5 | 1,234 |"
        in (tmp_path / "ledger.md").read_text()
    )
    for nats in (85.4, float("nan")):
        with pytest.raises(GenlabError, match="MADE"):
            ledger(tmp_path, run_of(nats), tolerance=2.5)
    assert "within ± 2.5" in ledger(tmp_path, run_of(90.4), tolerance=2.5)


def test_a_reduced_recipe_is_never_red_and_shows_its_gap(tmp_path: Path) -> None:
    text = ledger(tmp_path, run_of(300.0))
    assert "red**" not in text.partition("## digits")[2]
    assert "| **300** (299 to 301) | +212 | reduced | 1,234 |" in text


def test_what_was_not_run_says_so_with_its_command_and_its_tolerance(tmp_path: Path) -> None:
    text = ledger(tmp_path, tolerance=0.5)
    assert "| 88 | not run here |  | to be within ± 0.5 |" in text
    assert f"`{COMMAND}`" in text
    assert "`kedro" not in ledger(tmp_path, env=None, metric="FCN score")


def test_a_kept_number_survives_without_its_run_and_a_newer_run_takes_its_place(tmp_path: Path) -> None:
    old, new = run_of(90.0, data_fingerprint="d" * 32), run_of(89.0)
    first = ledger(tmp_path, new)
    assert ledger(tmp_path) == first == ledger(tmp_path, old), "what is older does not come back"
    assert "**89**" in first
    kept = json.loads((tmp_path / "ledger.json").read_text())[COMMAND]
    assert (kept["run"], kept["commit"], kept["data"]) == (new.run_id, "c" * 40, "f1")
    assert kept["checkpoint"] == "checkpoint"
    (tmp_path / "ledger.json").unlink()
    assert "**90**" in ledger(tmp_path, old)


@pytest.mark.parametrize(
    ("run", "answers"),
    [
        (run_of(1.0, {"data": {"binarise": "fixed"}, "made": {"model": {"width": 500}}}), True),
        (run_of(1.0, {"data_root": "/x", "data": {"root": "/y"}, "made": {"training": {"report_every": 9}}}), True),
        (run_of(1.0, {"nade": {"model": {"width": 7}}}), True),
        (run_of(1.0, {"made": {"training": {"learning_rate": 9.0}}}), False),
        (run_of(1.0, {"seed": 1}), False),
        (run_of(1.0, parts={"from_nodes": ["made.draw"]}), False),
        (run_of(1.0, environment="test"), False),
        (run_of(1.0, lineage="gone"), False),
    ],
)
def test_a_run_answers_a_row_if_it_has_its_settings_and_no_other_was_typed(run: FinishedRun, answers: bool) -> None:
    assert Row(**ROW).is_of(run) == answers
    assert not Row(**{**ROW, "settings": {**ROW["settings"], "model.width": 501}}).is_of(run)
    assert Row(**{**ROW, "settings": {**ROW["settings"], "model.layers": 2}}).is_of(run) == answers, "the constructor's"


@pytest.mark.parametrize("row", [row for row in read_rows(DOCS) if row.env], ids=lambda row: f"{row.model}, {row.what}")
def test_the_command_of_a_row_makes_its_settings(row: Row) -> None:
    from genlab.cli import read_params

    params = row.command.partition("--params=")[2]
    typed = read_params(None, None, params)
    loader = OmegaConfigLoader(str(PROJECT / "conf"), env=row.env, runtime_params=typed, **CONFIG_LOADER_ARGS)
    settings = resolve(row.model, loader["parameters"])
    run = finished(
        row.model, **{row.metric: 1.0}, environment=row.env, command=json.dumps({"runtime_params": typed, "parts": {}})
    )
    run.parameters.update({key: str(value) for key, value in flatten(settings.as_parameters()).items()})
    assert row.is_of(run)


def test_the_committed_page_is_what_the_committed_tables_make() -> None:
    kept = json.loads((DOCS / "ledger.json").read_text())
    rows = read_rows(DOCS)
    assert (DOCS / "ledger.md").read_text() == page(rows, kept), "run: make ledger"
    assert {*kept} <= {row.command for row in rows}
    for one in kept.values():
        assert all(len(one[name]) == 32 for name in ("run", "data", "test_images", "checkpoint"))
        assert len(one["commit"]) == 40
