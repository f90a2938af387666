"""Checked tables and pictures of any depth in the catalog."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from genlab.errors import GenlabError, find_genlab_error
from genlab.io.by_name import CheckedTablesDataset
from genlab.io.drawings import DrawingsDataset

PAIRS = pd.DataFrame({"id": ["x", "y"], "split": ["train", "test"], "label": ["", ""], "a": [0, 1], "b": [1, 0]})


def test_a_table_of_pairs_comes_back_and_opens_with_pandas(tmp_path: Path) -> None:
    dataset = CheckedTablesDataset(filepath=str(tmp_path), table="pairs")
    dataset.save({"pairs": PAIRS})
    assert dataset.load()["pairs"].equals(PAIRS)
    assert pd.read_parquet(tmp_path / "pairs.parquet").query("split == 'test'")["id"].tolist() == ["y"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": ["train", "tset"]}, "split: .*'tset' in row 1"),
        ({"a": [0, 0]}, "a: field_uniqueness"),
        ({"b": [-1, 0]}, "b: greater_than_or_equal_to.*-1"),
    ],
)
def test_a_table_that_is_not_as_its_schema_says_is_refused_on_both_ways(
    tmp_path: Path, change: dict[str, list], message: str
) -> None:
    path = tmp_path / "pairs.parquet"
    dataset = CheckedTablesDataset(filepath=str(tmp_path), table="pairs")
    with pytest.raises(DatasetError) as caught:
        dataset.save({"pairs": PAIRS.assign(**change)})
    assert pd.Series(str(find_genlab_error(caught.value))).str.contains(message).all()
    assert not path.exists()
    PAIRS.assign(**change).to_parquet(path, index=False)
    with pytest.raises(GenlabError, match="pairs.parquet"):
        dataset.load()["pairs"]


@pytest.mark.parametrize(
    ("dtype", "channels", "ending"),
    [(np.uint8, 1, "png"), (np.uint8, 3, "png"), (np.uint16, 1, "png"), (np.uint16, 3, "tif"), (np.uint8, 5, "tif")],
)
def test_pictures_keep_their_depth_and_channels(tmp_path: Path, dtype: type, channels: int, ending: str) -> None:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, (6, 8, channels), dtype=dtype, endpoint=True)
    dataset = DrawingsDataset(filepath=str(tmp_path / "pictures"))
    dataset.save({"one": pixels})
    assert (tmp_path / f"pictures/one.{ending}").is_file()
    loaded = dataset.load()["one"]
    assert loaded.dtype == dtype
    assert np.array_equal(loaded, pixels)
    assert dataset.preview()
