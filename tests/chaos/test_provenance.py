"""Random sequences of commands, kills and swapped images: no metric is recorded under settings that did not make it.

The truth is a run of the same settings in a project of its own, from start to end.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

import genlab.io.local
from genlab.tracking.tracker import TEST
from tests.pipelines.test_provenance import SMALL, paint
from tests.test_end_to_end import runs

Kedro = Callable[..., Result]
Settings = tuple[str, ...]

SLICES = (
    "", "", "--to-nodes=vae.train", "--to-nodes=vae.draw", "--to-nodes=data.ingest", "--from-nodes=vae.train",
    "--from-nodes=vae.draw", "--from-nodes=vae.draw", "--from-nodes=vae.evaluate", "--from-nodes=vae.report",
)  # fmt: skip
CHOICES = {
    "seed": ("0", "1"), "sample.seed": ("0", "1"), "sample.checkpoint": ("last", "best"),
    "vae.model.latent_dim": ("2", "3"),
}  # fmt: skip


class Killed(BaseException):
    """The process is gone."""


class Campaign:
    """A project in which anything may happen, and for each combination of settings a project in which nothing does."""

    def __init__(self, kedro: Kedro, place: Path, mlflow_uri: str, patch: pytest.MonkeyPatch) -> None:
        self.kedro, self.place, self.uri, self.patch = kedro, place, mlflow_uri, patch
        self.truths: dict[Settings, dict[str, float]] = {}
        self.pictures: dict[str, int] = {}  # by fingerprint of the training images
        self.seen: set[str] = set()
        self.counts: Counter[str] = Counter()

    def new_runs(self) -> Iterator[Any]:
        for run in runs(self.uri):
            if run.info.run_id not in self.seen:
                self.seen.add(run.info.run_id)
                yield run

    @staticmethod
    def metrics(run: Any) -> dict[str, float]:
        """Those of `evaluate`, without times. All others are curves."""
        return {name: value for name, value in run.data.metrics.items()
                if name.startswith(TEST) and "second" not in name}  # fmt: skip

    def truth(self, pictures: int, settings: Settings) -> dict[str, float]:
        """The metrics of a run that nobody disturbs."""
        key = (str(pictures), *settings)
        if key not in self.truths:
            root = self.place / "truth" / "-".join(key)
            paint(root / "mine", pictures)
            typed = dict(zip(CHOICES, settings, strict=True))
            given = {"data_root": root / "data", "data.source": root / "mine", **SMALL, **typed}
            (root / "data/01_raw").mkdir(parents=True)
            result = self.kedro("--pipelines=vae", **given)
            assert result.exit_code == 0, result.output
            [run] = self.new_runs()
            self.truths[key] = self.metrics(run)
            self.pictures[run.data.tags["data_fingerprint"]] = pictures
        return self.truths[key]

    def command(self, rng: np.random.Generator, root: Path) -> None:
        """One of the things that people do."""
        if rng.random() < 0.3:
            paint(root / "mine", int(rng.integers(2)))
            self.counts["images swapped"] += 1
        options = [str(rng.choice(SLICES))]
        typed = {name: str(rng.choice(values)) for name, values in CHOICES.items() if rng.random() < 0.4}
        begins = not options[0].startswith("--from-nodes")
        sections = ["sample", "evaluation"]  # what was trained, and with what, is the checkpoint's to say
        sections += ["training"] * (begins or "train" in options[0]) + ["data"] * begins
        every = {"data.source": root / "mine", **SMALL}
        given = {name: value for name, value in every.items() if name.startswith(tuple(sections))}
        saved = sorted((root / "data/06_models/vae/checkpoint.pt").glob("*"))
        if saved and not begins and rng.random() < 0.3:
            options.append(f"--load-versions=vae.checkpoint:{rng.choice(saved).name}")
        with self.patch.context() as patch:
            if rng.random() < 0.4:
                self.kill_at(int(rng.integers(1, 8)), patch)
            try:
                result = self.kedro(
                    "--pipelines=vae", *filter(None, options), data_root=root / "data", **given, **typed
                )
                self.counts["finished" if result.exit_code == 0 else "refused"] += 1
            except Killed:
                self.counts["killed"] += 1
        self.counts["commands"] += 1

    @staticmethod
    def kill_at(event: int, patch: pytest.MonkeyPatch) -> None:
        """Die before or after the n-th time that a dataset saves something."""
        left, write = [event], genlab.io.local.write_path

        def count() -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        @contextmanager
        def dying(path: Path) -> Iterator[Path]:
            count()
            with write(path) as new:
                yield new
            count()

        patch.setattr(genlab.io.local, "write_path", dying)

    def check(self) -> None:
        """Every number that MLflow has is that of a run of the settings that stand beside it."""
        for run in list(self.new_runs()):
            found = self.metrics(run)
            if f"{TEST}mse" not in found:
                continue
            settings = tuple(run.data.params[name.removeprefix("vae.")] for name in CHOICES)
            pictures = self.pictures[run.data.tags["data_fingerprint"]]
            assert found == self.truth(pictures, settings), (run.info.run_name, pictures, settings)
            self.counts["runs with numbers, all true"] += 1


def wage(campaign: Campaign, sequences: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = tuple(values[0] for values in CHOICES.values())
    for pictures in (0, 1):  # so that both are known by their fingerprint
        campaign.truth(pictures, base)
    for number in range(sequences):
        root = campaign.place / f"sequence{number}"
        paint(root / "mine", 0)
        (root / "data/01_raw").mkdir(parents=True)
        first = campaign.kedro("--pipelines=vae", data_root=root / "data", **SMALL, **{"data.source": root / "mine"})
        assert first.exit_code == 0, first.output
        for _ in range(length):
            campaign.command(rng, root)
            campaign.check()
        told = ", ".join(f"{what}: {count}" for what, count in sorted(campaign.counts.items()))
        print(f"sequences: {number + 1}, {told}")


@pytest.fixture
def campaign(kedro: Kedro, tmp_path: Path, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    return Campaign(kedro, tmp_path, mlflow_uri, monkeypatch)


def test_no_number_stands_under_other_settings(campaign: Campaign) -> None:
    wage(campaign, sequences=1, length=5, seed=3)
    assert campaign.counts["runs with numbers, all true"] > 0
    assert campaign.counts["killed"] > 0


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_no_number_stands_under_other_settings_in_hundreds_of_sequences(campaign: Campaign, seed: int) -> None:
    wage(campaign, sequences=50, length=5, seed=seed)
