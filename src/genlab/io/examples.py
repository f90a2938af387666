"""What a model learns from, in the catalog."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import Version
from kedro_datasets._typing import TablePreview

from genlab.data.settings import DataSettings
from genlab.io.local import KeptDataset
from genlab.io.record import Artifact, digest_of

if TYPE_CHECKING:
    from genlab.data.arrange.arrange import Arrangement
    from genlab.data.arrange.examples import Examples


class ExamplesDataset(KeptDataset):
    """Saves an `Arrangement`: which stored sets and which table. Loads the `Examples`, out of exactly these."""

    def __init__(
        self, *, filepath: str, images: str, derived: str, tables: str, version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._folders = {"images": Path(images), "derived": Path(derived), "tables": Path(tables)}

    def _read(self, path: Path) -> "Examples":
        from genlab.data.arrange.arrange import Arrangement

        kept = json.loads(path.read_text())
        return Arrangement(**{**kept, "settings": DataSettings(**kept["settings"])}).open(**self._folders)

    def _write(self, path: Path, data: "Arrangement") -> None:
        settings = data.settings.model_dump(mode="json", exclude_defaults=True)
        path.write_text(json.dumps({**asdict(data), "settings": settings}, indent=1))

    def _sources(self, data: "Arrangement") -> Mapping[str, Artifact]:
        name, _, key = data.images.partition("/")
        sources = {"data.images": Artifact(name, key, "data.ingest")}
        if data.derived:
            name, _, key = data.derived.partition("/")
            sources["data.derived"] = Artifact(name, key, "data.derive", ("data.images",))
        if data.table:
            kind, _, name = data.table.partition("/")
            digest = digest_of(self._folders["tables"] / f"{data.table}.parquet")
            sources[f"data.{kind}"] = Artifact(name, digest, "data", tuple(sources))
        return sources

    def preview(self, rows: int = 20) -> TablePreview:
        """The first rows of the table, for kedro-viz."""
        return TablePreview(self.load().table.head(rows).to_dict(orient="split"))
