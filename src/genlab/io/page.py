"""Pages in the catalog: one HTML file that needs nothing else, with a preview in kedro-viz."""

from kedro_datasets._typing import HTMLPreview
from kedro_datasets.text import TextDataset


class PageDataset(TextDataset):  # type: ignore[misc]  # kedro_datasets has no types
    """An HTML file."""

    def preview(self) -> HTMLPreview:
        """The page, for kedro-viz."""
        return HTMLPreview(self.load())
