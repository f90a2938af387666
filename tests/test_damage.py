"""A flipped bit in what Genlab keeps is never used: it is made anew, or said."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch

from genlab.data.arrange.derive import derive
from genlab.data.arrange.view import view
from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet, open_newest
from genlab.errors import GenlabError
from genlab.evaluation.features.cache import Cache
from genlab.training.checkpoint import read_state, write_state
from genlab.training.snapshots import Snapshots
from tests.data.fuzz import MANY
from tests.data.sources.test_sources import labelled

FLIPS = MANY or 60  # bits for each kind of file


def flips(path: Path) -> Iterator[int]:
    """Flip one random bit of a file after another; each is as it was before the next."""
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), FLIPS):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        yield int(place)
        path.write_bytes(whole)


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    return DataSettings(source=str(labelled(tmp_path / "raw")), image_size=16)


def content(images: ImageSet) -> str:
    """All that a set says and holds."""
    pixels = {name: store.all().tobytes() for name, store in images.stores.items()}
    return f"{images.about}{images.table.to_dict()}{pixels}"


def made(settings: DataSettings, root: Path) -> dict[str, str]:
    images = ingest(list_source(root, settings), settings, root / "set")
    derived = derive(view(images, settings), settings, root / "derived")
    return {"set": content(images), "derived": content(derived)}


@pytest.mark.parametrize("name", ["set.json", "table.parquet", "images.npy", "a.npy"])
def test_a_flipped_bit_in_a_store_is_noticed(settings: DataSettings, tmp_path: Path, name: str) -> None:
    kind = "derived" if name == "a.npy" else "set"
    before = made(settings, tmp_path)[kind]
    [path] = tmp_path.glob(f"{kind}/*/{name}")
    for place in flips(path):
        with suppress(GenlabError):
            assert content(open_newest(tmp_path / kind)) == before, f"bit {place}"


@pytest.mark.parametrize("kind", ["set", "derived"])
def test_a_damaged_store_is_made_anew_with_one_warning(
    settings: DataSettings, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = made(settings, tmp_path)
    [path] = tmp_path.glob(f"{kind}/*/{'a' if kind == 'derived' else 'images'}.npy")
    inverted = bytearray(path.read_bytes())
    inverted[128:] = bytes(255 - value for value in inverted[128:])
    path.write_bytes(inverted)
    after = made(settings, tmp_path)
    assert after == before
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.endswith("npy has changed): it is made anew")
    assert made(settings, tmp_path) == before
    assert caplog.text.count("made anew") == 1


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"digest": "", "about": {}}', "", "\udcff"])
def test_a_store_that_says_something_else_is_made_anew(settings: DataSettings, tmp_path: Path, content: str) -> None:
    before = made(settings, tmp_path)
    [path] = tmp_path.glob("set/*/set.json")
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(GenlabError, match="missing or damaged"):
        open_newest(tmp_path / "set")
    assert made(settings, tmp_path) == before


def test_a_flipped_bit_in_a_checkpoint_is_noticed(tmp_path: Path) -> None:
    path, generator = tmp_path / "model.pt", torch.Generator().manual_seed(0)
    state = {"weight": torch.randn(500, generator=generator), "bias": torch.zeros(9), "step": 3, "lists": [1.5, "x"]}
    write_state(path, state)
    for place in flips(path):
        with suppress(GenlabError):
            found = read_state(path)
            assert all(torch.equal(found.pop(name), state[name]) for name in ("weight", "bias")), f"bit {place}"
            assert found == {"step": 3, "lists": [1.5, "x"]}, f"bit {place}"


def test_a_flipped_bit_in_the_newest_snapshot_leads_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path)
    for step in (1, 2):
        snapshots.save("run", step, {"step": step, "weights": torch.full((1000,), float(step))})
    found = [snapshots.latest("run") for _ in flips(tmp_path / "run/step_00000002.pt")]
    assert all(state and torch.equal(state["weights"], torch.full((1000,), float(state["step"]))) for state in found)
    assert sum(state["step"] == 1 for state in found if state) == caplog.text.count("Going back") > FLIPS / 2


@pytest.mark.parametrize("kind", ["features", "values", "weights"])
def test_a_flipped_bit_in_the_cache_makes_the_entry_anew(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache, calls = Cache(tmp_path), []
    images = np.zeros((4, 8, 8, 1), np.uint8)

    class Extract:
        protocol = MappingProxyType({"features": "few"})

        def __call__(self, images: np.ndarray) -> np.ndarray:
            calls.append(1)
            return np.arange(40, dtype=np.float32).reshape(4, 10)

    def entry() -> str:
        if kind == "features":
            return str(cache.features(Extract(), images).tolist())
        if kind == "values":
            return str(cache.values("scores", {}, lambda: calls.append(1) or {"fd": 1.25, "kind": "exact"}))
        return str(cache.weights("net", {}, lambda: calls.append(1) or {"w": torch.arange(9.0)}))

    before = entry()
    assert (entry(), len(calls)) == (before, 1)
    [path] = tmp_path.iterdir()
    for place in flips(path):
        assert entry() == before, f"bit {place}"
    assert len(calls) == 1 + FLIPS == 1 + caplog.text.count("is damaged: it is made anew")
    path.write_bytes(b"junk")
    assert entry() == before
