"""Recordings to listen to say what they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from genlab.data.arrange.labelled import LabelledImages
from genlab.media.base import Drawings
from genlab.media.sound.integers import ENDED
from genlab.models.base import Completes, Reconstructs, Samples
from genlab.nn.noise import Chance
from genlab.report.figures.conditions import draw_by_label
from genlab.report.figures.continuations import draw_continuations
from genlab.report.players import MOST, draw_sounds
from genlab.sampling.drawings.completions import RECORDINGS, draw_completions
from tests.judging import judged
from tests.models.toys import Toy
from tests.sounds import tones

LENGTH = 1200


class Sings(Toy, Samples, Completes):
    """A tenth of the label in the first half of a recording, of the group in the second, whatever is asked."""

    condition = "labels_and_groups"

    def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
        told = torch.zeros(n, 2) if condition is None else condition.view(n, -1) / 10
        return told[:, [0, -1]].repeat_interleave(LENGTH // 2, dim=1)[:, None]

    def complete(self, x: Tensor, known: Tensor, rng: Chance) -> Tensor:
        return torch.where(known, x, 0.9)


@pytest.fixture(scope="module")
def heard() -> LabelledImages:
    found = tones(3)
    return replace(found, table=found.table.assign(group=found.table["group"].replace("quiet", "qu/iet?")),
                   groups=("loud", "qu/iet?"))  # fmt: skip


def test_there_is_one_of_each_label_and_group_and_its_name_says_which(heard: LabelledImages) -> None:
    drawn = draw_sounds(judged(Sings(), heard))
    assert drawn.medium == "sound:8000"
    new = {name: one for name, one in drawn.items() if name.startswith("samples/")}
    assert list(new) == [f"samples/{k} {g}" for k in ("high", "low") for g in ("loud", "qu_iet_")]
    for number, one in enumerate(new.values()):
        assert one[[0, -1], 0].tolist() == pytest.approx([3276.7 * (number // 2), 3276.7 * (number % 2)], abs=1)


def test_groups_without_labels_have_recordings_of_their_own(heard: LabelledImages) -> None:
    nobody = replace(heard, table=heard.table.assign(label=""), classes=())
    case = judged(Sings(), nobody)
    drawn = draw_sounds(case)
    assert [name for name in drawn if name.startswith("samples/")] == ["samples/loud", "samples/qu_iet_"]
    assert draw_by_label(case) == {}


@pytest.mark.parametrize(("condition", "names"), [("labels", ["high", "low"]), (None, ["1", "2"])])
def test_who_is_told_less_has_fewer_names(heard: LabelledImages, condition: str | None, names: list[str]) -> None:
    model = Sings()
    model.condition = condition
    drawn = draw_sounds(judged(model, heard))
    assert [name for name in drawn if name.startswith("samples/")] == [f"samples/{name}" for name in names]
    assert len(names) <= MOST


def test_a_continuation_stands_beside_its_original(heard: LabelledImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.sampling.drawings.completions.KNOWN", 0.05)
    drawn, test = draw_sounds(judged(Sings(), heard)), heard.split("test")
    real = dict(zip(test.table["id"], test.pixels, strict=True))
    continued = {name.partition("/")[2]: one for name, one in drawn.items() if name.startswith("completions/")}
    assert len(continued) == RECORDINGS
    for name, one in continued.items():
        assert np.array_equal(drawn[f"originals/{name}"], real[name])
        assert np.array_equal(one[:400], real[name][:400])  # 0.05 s at 8 kHz
        assert (one[400:] == 29490).all()


class Repeats(Toy, Reconstructs):
    def reconstruct(self, x: Tensor) -> Tensor:
        return x


def test_a_reconstruction_stands_beside_its_original(heard: LabelledImages) -> None:
    drawn = draw_sounds(judged(Repeats(), heard))
    assert {name.partition("/")[0] for name in drawn} == {"originals", "reconstructions"}
    for name in heard.split("test").spread(RECORDINGS).table["id"]:
        assert np.array_equal(drawn[f"reconstructions/{name}"], drawn[f"originals/{name}"])


def test_files_are_those_of_the_medium(heard: LabelledImages) -> None:
    found = Drawings({"a/b": heard.pixels[0], "c": heard.pixels[1]}, "sound:8000").as_files()
    assert list(found) == ["a/b", "c"]
    assert all(file.startswith(b"RIFF") for file in found.values())
    samples = (heard.pixels[1] != ENDED).sum()
    assert 2 * samples < len(found["c"]) < 2 * samples + 200, "16 bits a sample, no padding"


def test_the_figure_has_both_rows(heard: LabelledImages) -> None:
    case = judged(Sings(), heard)
    case = replace(case, drawings=draw_completions(case))
    picture = draw_continuations(case)["completions"]
    assert picture.shape[0] > 4 * 160  # eight recordings, four in a row, the continued below
