"""A medium of one axis goes from the store through training to its drawings, and Genlab has no line about it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import genlab.media
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.spec import Spec
from genlab.data.store import SetWriter, checksum, open_set
from genlab.errors import GenlabError
from genlab.io.pictures import PicturesDataset
from genlab.media.base import medium_named
from genlab.models import MODELS, Entry
from genlab.models.base import Batch, Model, Recipe, Samples, Turn
from genlab.nn.noise import Chance
from genlab.training.fit import Job, fit
from genlab.training.settings import TrainingSettings


class MeanLoudness(Model, Samples):
    """Learns how loud each sample of a wave is."""

    condition = None

    recipe = Recipe(learning_rate=0.05, batch_size=4)

    def __init__(self, *, channels: int, length: int) -> None:
        super().__init__()
        self.loudness = nn.Parameter(torch.zeros(channels, length))

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"model": [self.loudness]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("model", {"error": (batch["images"].abs() - self.loudness).square().mean()})

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
        self.check_condition(condition)
        return self.loudness.detach().expand(n, -1, -1)


def test_a_medium_of_one_axis_needs_no_line_outside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genlab.media, "__path__", [*genlab.media.__path__, str(Path(__file__).parent / "toy")])
    monkeypatch.setitem(MODELS, "mean_loudness", Entry(f"{__name__}:MeanLoudness", "images"))
    (tmp_path / "set").mkdir()
    writer = SetWriter(tmp_path / "set")
    wave = np.linspace(-20_000, 20_000, 32, dtype=np.int16).reshape(16, 2)
    for number in range(8):
        row = {"id": str(number), "domain": "images", "split": "train", "label": "", "checksum": checksum(wave)}
        writer.append(row, wave)
    writer.finish({"medium": "waves"})
    waves = LabelledImages.of(open_set(tmp_path / "set"))
    assert waves.spec == Spec({"images": (2, 16)}, medium="waves")

    settings = TrainingSettings.of(MeanLoudness.recipe, {"steps": 200, "accelerator": "cpu", "precision": "32-true"})
    checkpoint = fit(
        Job("mean_loudness", {}, waves, settings, 0, tmp_path / "snapshots"), lambda sight: None
    ).checkpoint
    model = checkpoint.build()
    assert isinstance(model, MeanLoudness)
    drawn = medium_named("waves").from_model_range(model.sample(3, Chance.of(0, range(3))), np.int16)
    assert np.abs(drawn.astype(int) - np.abs(wave.astype(int))).max() < 300

    drawings = PicturesDataset(filepath=str(tmp_path / "drawings"), medium="waves")
    drawings.save({f"samples/{number}": wave for number, wave in enumerate(drawn)})
    assert np.array_equal(drawings.load()["samples/2"], drawn[2])
    assert drawings.preview()
    with pytest.raises(GenlabError, match="trained on waves of 16 samples, but the data are waves of 9 samples"):
        checkpoint.require(Spec({"images": (2, 9)}, medium="waves"))
