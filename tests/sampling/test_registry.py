"""The registries: what is found, what fits, what every measure says of itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages, TwoDomains
from genlab.evaluation.registry import directions, measure
from genlab.models.base import Samples, Translates
from genlab.models.vae import VAE
from genlab.report.registry import figure
from genlab.sampling.case import Case
from genlab.sampling.registry import Registry, drawing
from genlab.sampling.settings import SampleSettings

FILES = {
    "src/genlab/sampling/drawings": drawing,
    "src/genlab/evaluation/measures": measure,
    "src/genlab/report/figures": figure,
}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Five functions in four files of a package."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "toy_measures"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from genlab.sampling.registry import Registry\ntoy = Registry('toy_measures')\n"
    )
    head = "from genlab.data.arrange.labelled import LabelledImages\nfrom genlab.data.arrange.pairs import TwoDomains\n"
    head += "from genlab.models.base import Decodes, Samples, Translates\nfrom toy_measures import toy\n"
    (folder / "two.py").write_text(
        head + "@toy(needs=(Samples, Decodes), on=LabelledImages)\ndef both(case):\n    return {'both': case.split}\n"
        "@toy(needs=Translates)\ndef other(case):\n    return {'other': 1}\n"
    )
    (folder / "sounds.py").write_text(head + "@toy(of='sound')\ndef sounds(case):\n    return {'sounds': 1}\n")
    (folder / "pictures.py").write_text(head + "@toy(of='pictures')\ndef pixels(case):\n    return {'pixels': 1}\n")
    (folder / "one.py").write_text(head + "@toy(on=LabelledImages, loud=True)\ndef any(case):\n    return {'any': 1}\n")
    import importlib

    found: Registry = importlib.import_module("toy_measures").toy
    return found


def test_a_file_is_found_and_runs_where_it_fits(
    registry: Registry, few_images: LabelledImages, few_shoes: PairedImages
) -> None:
    model = VAE(image_size=32, latent_dim=2, width=4)
    images, pairs = Case(model, few_images, SampleSettings()), Case(model, few_shoes, SampleSettings())
    assert list(registry.run(images)) == ["any", "pixels", "both"], "in the order of the files"
    assert registry.run(images, loud=True) == {"any": 1}
    assert registry.run(pairs) == {"pixels": 1}
    as_sound = replace(few_images, store=replace(few_images.store, medium="sound:16000"))
    assert list(registry.run(Case(model, as_sound, SampleSettings()))) == ["any", "sounds", "both"]


@pytest.mark.parametrize("folder", FILES)
def test_every_file_of_the_rooms_registers_something(folder: str) -> None:
    """A file that forgets its decorator would be silent for ever. Shared parts of a room are named here."""
    shared = {"perceptual"}
    registered = {entry.function.__module__.rpartition(".")[2] for entry in FILES[folder].all}
    files = {path.stem for path in (Path(__file__).parents[2] / folder).glob("*.py")} - {"__init__"}
    assert files - shared == registered


def test_drawings_and_measures_say_what_they_need() -> None:
    for entry in (*drawing.all, *measure.all):
        assert entry.on in (LabelledImages, TwoDomains)
        assert entry.needs
        assert (Translates in entry.needs) <= (entry.on is TwoDomains)
        assert (Samples in entry.needs) <= (entry.on is LabelledImages)


def test_directions_come_from_the_measures() -> None:
    known = directions()
    assert known["fd_lite0"] == known["l1"] == known["nll_nats"] == "lower"
    assert known["psnr"] == known["coverage"] == known["label_accuracy"] == "higher"
