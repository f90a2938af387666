"""Pages in the catalog: one HTML file that needs nothing else, with a preview in kedro-viz."""

from typing import Any, ClassVar

from kedro_datasets._typing import HTMLPreview
from kedro_datasets.text import TextDataset


class PageDataset(TextDataset):  # type: ignore[misc]  # kedro_datasets has no types
    """An HTML file, in UTF-8 everywhere."""

    DEFAULT_FS_ARGS: ClassVar[Any] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8"},
        "open_args_load": {"mode": "r", "encoding": "utf-8"},
    }

    def preview(self) -> HTMLPreview:
        """The page, for kedro-viz."""
        return HTMLPreview(self.load())
