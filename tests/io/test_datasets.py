"""Kedro datasets: what is saved comes back, whole or not at all."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from kedro.io import DatasetError, Version
from PIL import Image

from genlab.data.ingest import ingest
from genlab.data.settings import DataSettings
from genlab.data.sources.listing import list_source
from genlab.errors import GenlabError
from genlab.files import write_folder
from genlab.io.by_name import ImageSetsDataset
from genlab.io.checkpoint import CheckpointDataset
from genlab.io.drawings import DrawingsDataset
from genlab.io.folder import FolderDataset
from genlab.io.local import local_path
from genlab.media.base import Drawings
from genlab.media.sound.integers import ENDED
from tests.conftest import PROJECT


def test_image_sets_come_back_by_name_memory_mapped(tmp_path: Path) -> None:
    settings = DataSettings()
    folder = tmp_path / "sets"
    dataset = ImageSetsDataset(filepath=str(folder))
    assert not dataset.exists()
    made = ingest(list_source(PROJECT / "data/01_raw", settings), settings, folder / settings.set_name())
    with pytest.raises(DatasetError, match="the image sets other are not in"):
        dataset.save({"other": made})
    dataset.save({settings.set_name(): made})
    assert dataset.exists()
    assert list(dataset.load()) == [settings.set_name()]
    loaded = dataset.load()[settings.set_name()]["images"]
    assert isinstance(loaded.images, np.memmap)
    assert np.array_equal(loaded.images, made["images"].images)
    assert {path.name for path in (folder / settings.set_name()).iterdir()} == {"newest", made.about["key"]}
    assert dataset.preview()["data"] == [[settings.set_name(), "images", 14000, "(1, 32, 32)", "uint8"]]


def test_a_missing_set_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"image store .*set is missing or damaged.*run the pipeline again"):
        ImageSetsDataset(filepath=str(tmp_path)).load()["set"]


def test_a_folder_is_replaced_whole_or_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with write_folder(target) as folder:
        (folder / "old").touch()
    with pytest.raises(RuntimeError), write_folder(target) as folder:
        (folder / "new").touch()
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old"]
    with write_folder(target) as folder:
        (folder / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint8, 4), (np.uint16, 1)])
def test_pictures_keep_depth_and_channels(tmp_path: Path, rng: np.random.Generator, dtype: type, channels: int) -> None:
    pictures = {n: rng.integers(0, np.iinfo(dtype).max, (5, 7, channels), dtype=dtype) for n in ("b", "a")}
    dataset = DrawingsDataset(filepath=str(tmp_path / "pictures"), version=Version(None, "v1"))
    dataset.save(pictures)
    loaded = dataset.load()
    assert list(loaded) == ["a", "b"]
    for name, pixels in pictures.items():
        assert loaded[name].dtype == dtype
        assert np.array_equal(loaded[name], pixels)


def test_versions_stand_side_by_side(tmp_path: Path) -> None:
    for version, value in (("v1", 1), ("v2", 2)):
        dataset = DrawingsDataset(filepath=str(tmp_path / "p"), version=Version(None, version))
        dataset.save({"x": np.full((2, 2, 1), value, np.uint8)})
    newest = DrawingsDataset(filepath=str(tmp_path / "p"), version=Version(None, None))
    oldest = DrawingsDataset(filepath=str(tmp_path / "p"), version=Version("v1", None))
    assert newest.load()["x"].max() == 2
    assert oldest.load()["x"].max() == 1


def test_the_preview_is_a_picture_of_the_pictures(tmp_path: Path) -> None:
    dataset = DrawingsDataset(filepath=str(tmp_path / "p"), version=Version(None, "v1"))
    dataset.save({f"{n}": np.full((10, 20, 1), 40 * n, np.uint8) for n in range(5)})
    preview = Image.open(io.BytesIO(base64.b64decode(dataset.preview(pictures=3))))
    assert {pixel for _, pixel in preview.getcolors() or ()} == {(0,) * 3, (40,) * 3, (80,) * 3, (255,) * 3}


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    dataset = DrawingsDataset(filepath=str(tmp_path / "p"), version=Version(None, "v1"))
    dataset.save({"x": np.zeros((2, 2, 1), np.uint8)})
    (tmp_path / "p/v1/p/x.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"x.png is damaged"):
        dataset.load()


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    dataset = CheckpointDataset(filepath=str(tmp_path / "model.pt"), version=Version("v1", None))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="there is no checkpoint .*v1/model.pt"):
        dataset.load()


def test_a_bucket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match="s3://bucket/x is not on this machine"):
        local_path("s3://bucket/x")
    assert FolderDataset(filepath=str(tmp_path)).load() == tmp_path


@pytest.mark.parametrize("rate", [8000, 22_050])
def test_drawings_of_sound_are_versioned_wav_files_with_a_picture_as_preview(tmp_path: Path, rate: int) -> None:
    sound = np.random.default_rng(0).integers(-32767, 32768, (3, 400, 1), dtype=np.int16)
    sound[1, 300:] = ENDED
    drawn = Drawings({f"samples/{number}": one for number, one in enumerate(sound)}, f"sound:{rate}")
    dataset = DrawingsDataset(filepath=str(tmp_path / "drawings"), version=Version(None, "v1"))
    dataset.save(drawn)
    info = soundfile.info(tmp_path / "drawings/v1/drawings/samples/1.wav")
    assert (info.samplerate, info.frames, info.subtype) == (rate, 300, "PCM_16")
    loaded = dataset.load()
    assert loaded.medium == f"sound:{rate}"
    assert list(loaded) == ["samples/0", "samples/1", "samples/2"]
    np.testing.assert_array_equal(np.stack(list(loaded.values())), sound)
    with Image.open(io.BytesIO(base64.b64decode(str(dataset.preview())))) as preview:
        assert preview.format == "PNG"
        assert preview.width > 240
