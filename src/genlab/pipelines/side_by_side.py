"""The picture *input | one column for each translator | truth*, out of the newest drawings in the catalog.

    python -m genlab.pipelines.side_by_side docs/images/side_by_side.png

Run it where `kedro run` is run, after the pipelines of those models; a data folder elsewhere is --data-root.
"""

import argparse
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from PIL import Image

from genlab.data.arrange.pairs import PairedImages
from genlab.errors import in_one_line
from genlab.models import MODELS
from genlab.report.side_by_side import side_by_side

TRANSLATORS = [name for name, entry in MODELS.items() if entry.trains_on != "images"]


@in_one_line
def main(given: list[str] | None = None) -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="where the PNG goes")
    parser.add_argument("--models", nargs="+", default=TRANSLATORS, help="the columns; the first learns from pairs")
    parser.add_argument("--count", type=int, default=12, help="how many inputs")
    parser.add_argument("--data-root", help="as --params=data_root= of kedro run")
    arguments = parser.parse_args(given)
    project = Path.cwd()
    bootstrap_project(project)
    parameters = {"data_root": arguments.data_root} if arguments.data_root else {}
    with KedroSession.create(project, runtime_params=parameters) as session:
        context = session.load_context()  # type: ignore[attr-defined]
        catalog = context.catalog
        first = arguments.models[0]
        pairs = catalog[f"{first}.examples"].load()
        assert isinstance(pairs, PairedImages)
        drawings = {model: catalog[f"{model}.translations"].load() for model in arguments.models}
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(side_by_side(pairs.split("test"), drawings, count=arguments.count)).save(arguments.picture)


if __name__ == "__main__":
    main()
