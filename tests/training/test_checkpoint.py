"""Files that hold models and snapshots: whole or not there, and never code."""

import io
import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.training.checkpoint import Checkpoint, build_model, read_state, write_state
from genlab.training.snapshots import Snapshots, fingerprint

SPEC = Spec({"a": (1, 32, 32), "b": (1, 32, 32)})
ARGUMENTS = {"generator_width": 2, "discriminator_width": 2}


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.fixture
def checkpoint() -> Checkpoint:
    weights = build_model("pix2pix", SPEC, ARGUMENTS).state_dict()
    return Checkpoint("pix2pix", ARGUMENTS, SPEC, weights, "last", 10, 40, 2.0, 0, "f00d")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("needs the right to mount a tmpfs (root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_hostile_file_cannot_run_code(tmp_path: Path) -> None:
    bomb, touched = tmp_path / "model.pt", tmp_path / "touched"
    for write in (
        lambda: torch.save({"weights": Bomb(touched)}, bomb),
        lambda: bomb.write_bytes(pickle.dumps(Bomb(touched))),
    ):
        write()
        with pytest.raises(GenlabError, match=r"model.pt is not a checkpoint of tensors.*it could run code"):
            Checkpoint.read(bomb)
    assert not touched.exists()
    pickle.loads(bomb.read_bytes())
    assert touched.exists(), "the bomb works where it is let in"


def test_damaged_and_missing_files_are_named(tmp_path: Path, checkpoint: Checkpoint) -> None:
    path = tmp_path / "model.pt"
    with pytest.raises(GenlabError, match=r"there is no checkpoint .*model.pt; train first"):
        Checkpoint.read(path)
    checkpoint.write(path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        path.write_bytes(content)
        with pytest.raises(GenlabError, match=r"model.pt is (damaged|not a checkpoint)"):
            Checkpoint.read(path)
    write_state(path, {"something": 1})
    with pytest.raises(GenlabError, match="holds no Genlab checkpoint"):
        Checkpoint.read(path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"arguments": {"generator_width": "wide"}}, "pix2pix checkpoint do not fit"),
        ({"arguments": {"nonsense": 1}}, "pix2pix checkpoint do not fit .*nonsense"),
        ({"arguments": [1]}, "holds no Genlab checkpoint .*arguments"),
        ({"spec": [1]}, "holds no Genlab checkpoint"),
        ({"step": "ten"}, "holds no Genlab checkpoint .*step"),
        ({"weights": {"w": 1.0}}, "holds no Genlab checkpoint .*weights"),
        ({"weights": {}}, "pix2pix checkpoint do not fit"),
    ],
)
def test_a_checkpoint_of_other_content_is_refused(
    tmp_path: Path, checkpoint: Checkpoint, changed: dict[str, object], reason: str
) -> None:
    write_state(tmp_path / "model.pt", {**asdict(checkpoint), **changed})
    with pytest.raises(GenlabError, match=reason):
        Checkpoint.read(tmp_path / "model.pt").build()


def test_weights_that_are_not_finite_are_refused(checkpoint: Checkpoint) -> None:
    name = next(iter(checkpoint.weights))
    broken = {**checkpoint.weights, name: torch.full_like(checkpoint.weights[name], float("nan"))}
    with pytest.raises(GenlabError, match=f"1 weights of this pix2pix checkpoint are not finite, such as {name}"):
        replace(checkpoint, weights=broken).build()


def test_a_checkpoint_with_the_spec_of_an_older_genlab_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    old = {"size": 32, "channels": {"a": 1, "b": 1}, "classes": (), "words": ()}
    write_state(tmp_path / "old.pt", {**vars(checkpoint), "spec": old})
    with pytest.raises(GenlabError, match="holds no Genlab checkpoint .*size.*train again"):
        Checkpoint.read(tmp_path / "old.pt")


def test_images_of_another_shape_are_refused_with_both_shapes(checkpoint: Checkpoint) -> None:
    checkpoint.require(SPEC)
    with pytest.raises(
        GenlabError, match=r"trained on 32x32 images.*but the data are 64x64 .* 3 channel\(s\) in b; set"
    ):
        checkpoint.require(Spec({"a": (1, 64, 64), "b": (3, 64, 64)}))


def test_weights_of_another_network_are_refused(checkpoint: Checkpoint) -> None:
    other = Checkpoint(**{**vars(checkpoint), "arguments": {**ARGUMENTS, "generator_width": 4}})
    with pytest.raises(
        GenlabError, match=r"weights of this pix2pix checkpoint do not fit.*size mismatch for generator"
    ):
        other.build()


def test_batches_of_one_draw_by_own_statistics_unless_others_are_asked_for(checkpoint: Checkpoint) -> None:
    single = Checkpoint(**{**vars(checkpoint), "images_seen": checkpoint.step})
    assert (single.statistics(), single.statistics("fixed"), single.statistics("batch")) == ("own", "fixed", "batch")
    assert (checkpoint.statistics(), checkpoint.statistics("own")) == ("fixed", "own")
    plain = build_model("autoencoder", Spec({"images": (1, 32, 32)}), {}).state_dict()
    without = Checkpoint(**{**vars(single), "weights": plain})
    assert {without.statistics(wanted) for wanted in ("auto", "own", "fixed", "batch")} == {"fixed"}


def test_statistics_are_the_wanted_ones(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Untrained, a norm with fixed statistics changes nothing; with others, drawings have another spread."""
    checkpoint.write(tmp_path / "model.pt")
    read, x = Checkpoint.read(tmp_path / "model.pt"), torch.randn(4, 1, 32, 32)
    for build in (read.build, read.build_untrained):
        drawn = {}
        for wanted, depends in (("auto", False), ("fixed", False), ("own", False), ("batch", True)):
            model = build("cpu", wanted)
            with torch.no_grad():
                drawn[wanted], alone = (model.generator(some, noise=False) for some in (x, x[:1]))
            assert torch.allclose(drawn[wanted][:1], alone, atol=1e-5) != depends, wanted
        assert torch.equal(drawn["auto"], drawn["fixed"])
        assert not torch.allclose(drawn["own"], drawn["fixed"], atol=1e-3)


def test_costs_count_the_parameters(checkpoint: Checkpoint) -> None:
    costs = checkpoint.costs()
    assert costs["parameters"] == sum(p.numel() for p in checkpoint.build().parameters())
    assert costs["images_per_second"] == 20.0


def test_a_full_disk_leaves_the_old_file_and_no_rubbish(small_disk: Path) -> None:
    write_state(small_disk / "model.pt", {"x": torch.zeros(1000)})
    with pytest.raises(GenlabError, match=r"cannot write .*model.pt: No space left on device.*Free some space"):
        write_state(small_disk / "model.pt", {"x": torch.zeros(10_000_000)})
    assert os.listdir(small_disk) == ["model.pt"]
    assert len(read_state(small_disk / "model.pt")["x"]) == 1000


def test_an_interruption_while_a_file_is_written_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's writer turns what is raised inside it into a RuntimeError of its own."""

    class Interrupted(io.FileIO):
        def write(self, part: Any) -> int:
            if self.tell() > 64:
                raise KeyboardInterrupt
            return super().write(part)

    monkeypatch.setattr("genlab.training.checkpoint.write_file", lambda path, write: write(Interrupted(path, "w")))
    with pytest.raises(KeyboardInterrupt):
        write_state(tmp_path / "model.pt", {"x": torch.zeros(3)})


def test_a_full_disk_leaves_the_last_snapshots(small_disk: Path) -> None:
    snapshots = Snapshots(small_disk)
    for step in (1, 2):
        snapshots.save("run", step, {"step": step})
    with pytest.raises(GenlabError, match="No space left"):
        snapshots.save("run", 3, {"step": 3, "x": torch.zeros(10_000_000)})
    assert snapshots.latest("run") == {"step": 2}


def test_the_newest_two_snapshots_stay_and_a_damaged_one_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path)
    assert snapshots.latest("run") is None
    for step in (5, 10, 15):
        snapshots.save("run", step, {"step": step})
    files = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert files == ["step_00000010.pt", "step_00000015.pt"]
    assert snapshots.latest("run") == {"step": 15}
    (tmp_path / "run" / files[1]).write_bytes(b"half a snap")
    assert snapshots.latest("run") == {"step": 10}
    assert "step_00000015.pt" in caplog.text
    assert snapshots.others("run") == []
    assert snapshots.others("another") == ["run"]
    snapshots.clear("run")
    assert snapshots.latest("run") is None


def test_a_fingerprint_changes_with_data_and_parameters_and_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import genlab

    one = fingerprint("data", {"lr": 1.0, "steps": 5})
    assert one == fingerprint("data", {"steps": 5, "lr": 1.0})
    assert len({one, fingerprint("other", {"lr": 1.0, "steps": 5}), fingerprint("data", {"lr": 2.0, "steps": 5})}) == 3
    shutil.copytree(Path(genlab.__file__).parent, tmp_path / "genlab")
    with (tmp_path / "genlab/models/pix2pix.py").open("a") as file:
        file.write("# changed\n")
    monkeypatch.setattr(genlab, "__file__", str(tmp_path / "genlab/__init__.py"))
    assert fingerprint("data", {"lr": 1.0, "steps": 5}) != one
