"""Many things under one entry of the catalog, by their names: image sets and tables, each read when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from kedro_datasets._typing import TablePreview

from genlab.data.store import ImageSet, open_newest
from genlab.errors import GenlabError
from genlab.files import write_file
from genlab.io.local import LocalDataset

Thing = TypeVar("Thing")


class ByName(Mapping[str, Thing]):
    """What lies in a folder, by name. Nothing is read before it is asked for."""

    def __init__(self, folder: Path, ending: str, read: Callable[[Path], Thing]) -> None:
        self._folder, self._ending, self._read = folder, ending, read

    def __getitem__(self, name: str) -> Thing:
        return self._read(self._folder / f"{name}{self._ending}")

    def __iter__(self) -> Iterator[str]:
        return (path.name.removesuffix(self._ending) for path in sorted(self._folder.glob(f"[!.]*{self._ending}")))

    def __len__(self) -> int:
        return len(list(iter(self)))


class ImageSetsDataset(LocalDataset):
    """Image sets: <filepath>/<name>/<key>, memory-mapped. Their writer has streamed them to this folder already."""

    def load(self) -> Mapping[str, ImageSet]:
        return ByName(self._path, "", open_newest)

    def save(self, data: Mapping[str, ImageSet]) -> None:
        if missing := set(data) - set(self.load()):
            raise GenlabError(f"the image sets {', '.join(sorted(missing))} are not in {self._path}")

    def preview(self) -> TablePreview:
        """A row for each domain of each set, for kedro-viz."""
        rows = [
            {"set": name, "domain": domain, "images": len(store), "shape": str(store.shape),
             "type": str(store.images.dtype)}
            for name, images in self.load().items() for domain, store in images.stores.items()
        ]  # fmt: skip
        return TablePreview(pd.DataFrame(rows).to_dict(orient="split"))


class CheckedTablesDataset(LocalDataset):
    """Parquet tables, <filepath>/<name>.parquet, checked against a schema whenever they are read or written."""

    def __init__(self, *, filepath: str, table: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._table = table

    def load(self) -> Mapping[str, pd.DataFrame]:
        return ByName(self._path, ".parquet", self._read)

    def save(self, data: Mapping[str, pd.DataFrame]) -> None:
        for name, table in data.items():
            path = self._path / f"{name}.parquet"
            checked = self._check(table, f"memory, on its way to {path}")
            write_file(path, partial(checked.to_parquet, index=False))

    def preview(self, rows: int = 20) -> TablePreview:
        """The first rows of each table, for kedro-viz."""
        shown = [table.head(rows).assign(set=name) for name, table in self.load().items()]
        return TablePreview(pd.concat(shown).to_dict(orient="split"))

    def _check(self, table: pd.DataFrame, place: str) -> pd.DataFrame:
        from genlab.data.arrange.schemas import check_table  # pandera is slow to import

        return check_table(self._table, table, place)

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise GenlabError(
                f"the table {path} is missing or damaged ({error}); run the pipeline again from its start"
            ) from error
        return self._check(table, str(path))
