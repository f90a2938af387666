"""Parquet tables that are checked against a schema whenever they are read or written."""

from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from genlab.errors import GenlabError
from genlab.files import write_file
from genlab.io.local import local_path


class CheckedTableDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """A table in a Parquet file, of the schema that `genlab.data.arrange.schemas` has under that name."""

    def __init__(self, *, filepath: str, table: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = local_path(filepath)
        self._table = table
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        from genlab.data.arrange.schemas import check_table

        try:
            table = pd.read_parquet(self._path)
        except (OSError, ValueError) as error:
            raise GenlabError(
                f"the table {self._path} is missing or damaged ({error}); run the pipeline again from its start"
            ) from error
        return check_table(self._table, table, str(self._path))

    def save(self, data: pd.DataFrame) -> None:
        from genlab.data.arrange.schemas import check_table

        checked = check_table(self._table, data, f"memory, on its way to {self._path}")
        write_file(self._path, lambda file: checked.to_parquet(file, index=False))

    def preview(self, rows: int = 20) -> TablePreview:
        """The first rows, for kedro-viz."""
        return TablePreview(pd.read_parquet(self._path).head(rows).to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "table": self._table}
