"""kedro-viz: the static site of the project, its layers, namespaces and previews, and a picture in a browser."""

import base64
import functools
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from genlab.models import MODELS
from genlab.pipelines.template import STUDIES
from tests.browser import dump_page
from tests.conftest import PROJECT, Swept


class Site(NamedTuple):
    """A built site: its folder, the nodes of the default pipeline by name, and what the page shows of a node."""

    folder: Path
    main: dict[str, Any]
    ids: dict[str, str]

    def shown(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / "api/nodes" / self.ids[name]).read_text())


@pytest.fixture(scope="module")
def site(swept: Swept, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """`kedro viz build --include-previews`, over the data of a sweep."""
    from kedro_viz.integrations.deployment.local_deployer import LocalDeployer
    from kedro_viz.server import load_and_populate_data

    place = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        load_and_populate_data(PROJECT, env="test", extra_params={"data_root": str(swept.root)})
        patch.chdir(place)
        LocalDeployer().deploy(is_all_previews_enabled=True)
    main = json.loads((place / "build/api/main").read_text())
    return Site(place / "build", main, {node["name"]: node["id"] for node in main["nodes"]})


def test_data_stand_in_layers(site: Site) -> None:
    flow = ["raw", "intermediate", "primary", "model_input", "models", "model_output", "reporting"]
    assert site.main["layers"] == flow
    layers = {node["name"]: node["layer"] for node in site.main["nodes"] if node["type"] == "data"}
    assert layers["pix2pix.checkpoint"] == "models"
    assert layers["leaderboard"] == "reporting"
    assert [name for name, layer in layers.items() if layer is None] == []


def test_nothing_but_raw_files_and_parameters_comes_from_nowhere(site: Site) -> None:
    """A dataset that no node writes is a cache. The graph shows how raw files become a leaderboard."""
    written = {edge["target"] for edge in site.main["edges"]}
    kinds = {node["id"]: (node["type"], node["name"]) for node in site.main["nodes"]}
    assert {name for key, (kind, name) in kinds.items() if kind == "data" and key not in written} == {"raw"}
    readers = {edge["target"] for edge in site.main["edges"] if edge["source"] == site.ids["raw"]}
    assert {kinds[key] for key in readers if kinds[key][0] == "task"} == {("task", "ingest")}
    assert sum(kind == "task" and name == "ingest" for kind, name in kinds.values()) == 1


def test_every_model_is_a_namespace_that_folds(site: Site) -> None:
    namespaces = {name: node for name, node in site.main["modular_pipelines"].items() if name != "__root__"}
    assert set(namespaces) == {"data", *MODELS}
    names = {node["id"]: node["name"] for node in site.main["nodes"]}
    inside = {names[child["id"]] for child in namespaces["pix2pix"]["children"]}
    assert {"train", "draw", "evaluate", "report", "pix2pix.checkpoint"} <= inside
    top = {child["id"] for child in site.main["modular_pipelines"]["__root__"]["children"]}
    assert {*MODELS, site.ids["leaderboard"], site.ids["compare"]} <= top


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pix2pix.figures", "ImagePreview"), ("pix2pix.translations", "ImagePreview"),
        ("data.contact_sheet", "ImagePreview"), ("pix2pix.curves", "PlotlyPreview"),
        ("pix2pix.metrics", "JSONPreview"), ("data.report", "JSONPreview"),
        ("data.report_table", "TablePreview"), ("pix2pix.history", "TablePreview"),
        ("data.images", "TablePreview"), ("data.pairs", "TablePreview"),
        ("leaderboard", "TablePreview"), ("leaderboard_page", "HTMLPreview"), ("atlas_page", "HTMLPreview"),
        ("atlas_picture", "ImagePreview"), ("pix2pix.by_image", "TablePreview"), ("pix2pix.card", "HTMLPreview"),
    ],
)  # fmt: skip
def test_results_are_previewed(site: Site, name: str, kind: str) -> None:
    shown = site.shown(name)
    assert shown["preview_type"] == kind
    preview = shown["preview"]
    match kind:
        case "ImagePreview":
            assert min(Image.open(io.BytesIO(base64.b64decode(preview))).size) > 30
        case "PlotlyPreview":
            assert preview["data"]
        case "JSONPreview":
            assert len(json.loads(preview)) > 0
        case "TablePreview":
            assert len(preview["data"]) > 0
        case "HTMLPreview":
            titles = {"leaderboard_page": "Leaderboard", "atlas_page": "The atlas", "pix2pix.card": "pix2pix"}
            assert f"<h1>{titles[name]}" in preview


def test_a_folded_model_shows_its_pictures_and_numbers_and_its_studies(site: Site, swept: Swept) -> None:
    """Of what the models leave behind, one screen has a card each, and what only some are asked."""
    names = {node["id"]: node["name"] for node in site.main["nodes"]}
    for model in MODELS:
        left = {names[one] for one in site.main["modular_pipelines"][model]["outputs"]}
        made = [STUDIES[study][1] for study in MODELS[model].studies]
        studies = {name for names in made for name in ([names] if isinstance(names, str) else names)}
        assert left == {f"{model}.{name}" for name in {"card", *studies} - {"sounds"}}, "the card plays the sounds"
    card = site.shown("pix2pix.card")["preview"]
    metrics = json.loads(max((swept.root / "08_reporting/pix2pix/metrics.json").glob("*/metrics.json")).read_text())
    assert f"<td>{metrics['l1']:.4g}</td>" in card
    assert f"the mean training image {metrics['l1_mean_image']:.4g}" in card
    png = card.partition('src="data:image/png;base64,')[2].partition('"')[0]
    assert min(Image.open(io.BytesIO(base64.b64decode(png))).size) > 30


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The site on 127.0.0.1."""
    handler = functools.partial(Quiet, directory=str(site.folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_browser_shows_the_preview_of_the_pictures(site: Site, address: str, tmp_path: Path) -> None:
    preview = f'src="data:image/png;base64,{site.shown("pix2pix.figures")["preview"][:2000]}'
    place = f"{address}/?pid=pix2pix&sid={site.ids['pix2pix.figures']}&expandAllPipelines=true"
    assert preview in dump_page(place, tmp_path, until=preview)
