"""A medium of one axis goes from files through training to its drawings, and Genlab has no line about it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import genlab.media
from genlab.data.arrange.derive import derive, derived_channels
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.report import describe_set
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.io.drawings import DrawingsDataset
from genlab.media.base import Drawings, medium_named
from genlab.models import MODELS, Entry
from genlab.models.base import Batch, Model, Recipe, Samples, Turn
from genlab.nn.noise import Chance
from genlab.pipelines.parameters import argument_schema
from genlab.sampling.apply import apply
from genlab.training.fit import Job, fit
from genlab.training.settings import TrainingSettings


class MeanLoudness(Model, Samples):
    """Learns how loud each sample of a wave is."""

    condition = None

    recipe = Recipe(learning_rate=0.05, batch_size=4)

    def __init__(self, *, channels: int = 1, length: int = 8, louder: float = 1.0) -> None:
        super().__init__()
        self.louder = louder
        self.loudness = nn.Parameter(torch.zeros(channels, length))

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"model": [self.loudness]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("model", {"error": (batch["images"].abs() - self.loudness).square().mean()})

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
        self.check_condition(condition)
        return self.louder * self.loudness.detach().expand(n, -1, -1)


@pytest.fixture
def wave(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A wave; its medium and a model of it are known."""
    monkeypatch.setattr(genlab.media, "__path__", [*genlab.media.__path__, str(Path(__file__).parent / "toy")])
    monkeypatch.setitem(MODELS, "mean_loudness", Entry(f"{__name__}:MeanLoudness", "images"))
    return np.linspace(-20_000, 20_000, 32, dtype=np.int16).reshape(16, 2)


def test_a_medium_of_one_axis_needs_no_line_outside_itself(wave: np.ndarray, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"files/{number % 2}").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"files/{number % 2}/{number}.npy", np.concatenate([wave, wave + np.int16(number)]))
    np.save(tmp_path / "files/0/short.npy", wave[:9])
    data = DataSettings(source=str(tmp_path / "files"), medium="waves", pairs={"kind": "noisy"})
    stored = ingest(list_source(tmp_path, data), data, tmp_path / "set")
    assert [one["reason"] for one in stored.about["rejected"]] == ["has 9 samples where 16 are needed; delete it"]
    again = ingest(list_source(tmp_path, data), data, tmp_path / "set")
    assert again.about["key"] == stored.about["key"]
    seen = view(stored, data)
    report = describe_set(seen, data)
    assert (report["images"], report["depths"], report["seen"]) == (8, {"16": 8}, ["depths"])
    assert report["notes"] == ["the files of domain images are waves"]
    waves = LabelledImages.of(seen).split("train")
    assert waves.spec == Spec({"images": (2, 16)}, ("0", "1"), medium="waves")
    assert np.array_equal(waves.pixels[0], wave)
    noisy = derive(seen, data, tmp_path / "derived")["a"]
    assert 0 < np.abs(noisy.all().astype(int) - wave).max() < 10
    assert derived_channels({"images": 2}, data) == {"a": 2, "b": 2}
    assert set(view(stored, data.model_copy(update={"binarise": "fixed"}))["images"].all().flat) == {-32767, 32767}
    assert argument_schema(MeanLoudness, data).model_fields.keys() == {"louder"}

    settings = TrainingSettings.of(MeanLoudness.recipe, {"steps": 200, "accelerator": "cpu", "precision": "32-true"})
    checkpoint = fit(
        Job("mean_loudness", {}, waves, settings, 0, tmp_path / "snapshots"), lambda sight: None
    ).checkpoint
    model = checkpoint.build()
    assert isinstance(model, MeanLoudness)
    drawn = apply(model, lambda chance: model.sample(len(chance), chance), range(3), depth=np.int16, medium="waves")
    assert np.abs(drawn.astype(int) - np.abs(wave.astype(int))).max() < 300

    drawings = DrawingsDataset(filepath=str(tmp_path / "drawings"))
    drawings.save(Drawings({f"samples/{number}": wave for number, wave in enumerate(drawn)}, "waves"))
    assert np.array_equal(drawings.load()["samples/2"], drawn[2])
    assert drawings.preview()
    with pytest.raises(
        GenlabError, match="trained on waves of 16 samples, labelled 0, 1, but the data are waves of 9 samples"
    ):
        checkpoint.require(Spec({"images": (2, 9)}, medium="waves"))


def test_a_medium_that_is_not_there_is_refused() -> None:
    with pytest.raises(GenlabError, match="no medium 'smells'; set data.medium to one of: pictures"):
        medium_named("smells")
