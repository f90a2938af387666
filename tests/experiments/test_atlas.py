"""The atlas: its tree, its numbers, its charts, and that everybody can read it."""

import io
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genlab.experiments.atlas import ABILITIES, Atlas, build_atlas
from genlab.experiments.atlas_page import LARGEST, draw_atlas
from genlab.experiments.atlas_picture import WIDTH, draw_picture
from genlab.experiments.page import family_colours, number
from genlab.models import MODELS, model_class
from genlab.models.base import Family
from genlab.report.chart import LETTER, LINE, curves, overlap, place_labels
from genlab.tracking.runs import FinishedRun
from tests.conftest import Swept
from tests.experiments.test_leaderboard import finished

PLAIN: dict[str, Any] = {"env": None, "runtime_params": {}, "parts": {}}
GIVEN = {**PLAIN, "env": "mnist", "runtime_params": {"seed": 3, "vae": {"model": {"beta": 2}}, "data_root": "x"}}
SAME = {
    "test_fingerprint": "t1", "samples_protocol_hash": "s1", "machine": "m1", "train_seconds": 9,
    "command": json.dumps(PLAIN),
}  # fmt: skip
VAE = finished(
    "vae", **{**SAME, "command": json.dumps(GIVEN)}, fd_lite0=98.76543, kid_lite0=0.5, kid_lite0_low=0.4,
    kid_lite0_high=0.7, fd_lite0_real=12.5, fd_lite0_noise=777.0, bits_per_dim=3.25, bits_per_dim_low=3.0,
    bits_per_dim_high=3.5, nll_nats_kind="bound, estimated",
    bits_per_dim_kind="bound, estimated", nll_protocol_hash="n1", bits_per_dim_independent_pixels=5.0,
    draw_seconds=0.01,
)  # fmt: skip
GAN = finished("gan", **SAME, fd_lite0=50.0, kid_lite0=0.3, kid_lite0_low=0.2, kid_lite0_high=0.4, draw_seconds=0.001)


class Page(HTMLParser):
    """What a page holds: every element with its attributes, and the texts below the elements that are open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.paths: dict[str, list[str]] = {}  # of each leaf: the branches above it
        self.values: list[tuple[str, str, float, str]] = []  # model, metric, value, what is written
        self._branches: list[list[str]] = []
        self._within = self._text = ""
        self._reads: tuple[str, float] | None = None
        self._names = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found.append((tag, given))
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "li":
            self._branches.append([])
        if given.get("class") == "leaf":
            self._within = str(given["href"]).removeprefix("#")
            self.paths[self._within] = [name for names in self._branches for name in names]
        if tag == "div" and given.get("id"):
            self._within = str(given["id"])
        self._text = ""
        if "data-metric" in given:
            self._reads = str(given["data-metric"]), float(str(given["data-value"]))
        self._names = given.get("class") == "name"

    def handle_data(self, data: str) -> None:
        self._text += data
        if self._names:
            self._branches[-1].append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> where {self.open[-3:]} is open"
        if self._reads and tag == "span":
            self.values.append((self._within, *self._reads, self._text))
            self._reads = None
        if tag == "li":
            self._branches.pop()
        self._names = False

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [given for name, given in self.found if name == tag]


def png(size: int = 24, seed: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def atlas(*runs: FinishedRun, pictures: Mapping[str, bytes] | None = None) -> Atlas:
    shown = {"few_samples": png(), "latents": png(seed=1)} if pictures is None else pictures
    history = pd.DataFrame({"step": [0, 10, 20], "model/nll": [3.0, 2.0, 1.0], "model/kl": [0.0, np.nan, 1.0]})
    return build_atlas(runs, lambda run: shown, lambda run: history, lambda run: run.sounds)


@pytest.fixture(scope="module")
def text() -> str:
    return draw_atlas(atlas(VAE, GAN), {"vae": "../models/vae.html"})


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def empty() -> str:
    return draw_atlas(atlas(), {})


def test_every_model_says_its_place() -> None:
    assert [name for name in MODELS if model_class(name).family is Family.UNPLACED] == []


def test_every_model_hangs_on_its_branch(page: Page) -> None:
    assert page.open == []
    assert page.paths == {name: list(model_class(name).family.value) for name in MODELS}


def test_numbers_are_those_of_the_run(page: Page, text: str) -> None:
    assert {model for model, *_ in page.values} == {"vae", "gan"}
    for model, metric, value, written in page.values:
        assert value == {"vae": VAE, "gan": GAN}[model].metrics[metric]
        if metric not in ("train_seconds", "draw_seconds"):
            assert written == number(value)
    said = {(model, metric) for model, metric, *_ in page.values}
    assert said >= {("vae", name) for name in ("fd_lite0", "bits_per_dim", "train_seconds", "draw_seconds")}
    assert "real data 12.5; independent pixels 777" in text
    assert "independent pixels 5" in text
    assert "3 to 3.5" in text
    assert "density: bound, estimated" in text


def test_the_control_that_is_hardest_to_beat_comes_first() -> None:
    controls = {"bits_per_dim_png": 4.0, "bits_per_dim_webp": 3.1, "probe_accuracy_pixels": 0.7}
    controls |= {"bits_per_dim_independent_pixels": 5.0, "probe_accuracy_untrained": 0.75}
    run = finished("vae", **SAME, bits_per_dim=3.2, probe_accuracy=0.8, **controls)
    (leaf,) = (leaf for leaf in atlas(run).leaves if leaf.run)
    said = {one.metric: list(one.controls.values()) for one in leaf.numbers}
    assert said["bits_per_dim"] == [3.1, 4.0, 5.0]
    assert said["probe_accuracy"] == [0.75, 0.7]


def test_the_newest_whole_run_is_shown_and_its_command() -> None:
    newer, partial = finished("vae", **SAME, fd_lite0=7.0), finished("vae")
    begun = {**PLAIN, "parts": {"from_nodes": ["vae.draw"]}}
    others = [finished("vae", **{**SAME, "command": said}, fd_lite0=8.0) for said in (json.dumps(begun), "no JSON")]
    leaves = {leaf.model: leaf for leaf in atlas(newer, VAE, partial, *others).leaves}
    assert leaves["vae"].run is newer
    (leaf,) = (leaf for leaf in atlas(VAE).leaves if leaf.run)
    assert leaf.command == "kedro run --pipeline=vae --env=mnist --params=seed=3,vae.model.beta=2"


def test_a_model_that_never_ran_says_so(empty: str) -> None:
    assert empty.count("Never run here.") == len(MODELS)
    assert all(f"<code>kedro run --pipeline={name}</code>" in empty for name in MODELS)
    assert Page(empty).values == []


def test_abilities_are_those_of_the_capabilities() -> None:
    for leaf in atlas().leaves:
        for ability, capabilities in ABILITIES.items():
            assert (leaf.can(ability) != "no") == issubclass(leaf.kind, capabilities)
    told = {leaf.model: leaf.can("be told what") for leaf in atlas().leaves}
    assert (told["cgan"], told["text_gan"], told["gan"]) == ("labels", "captions", "no")
    assert (told["aae"], told["pix2pix"]) == ("by setting", "no")


@pytest.mark.parametrize(
    ("other", "charts"),
    [({}, [1, 1, 1]), ({"samples_protocol_hash": "s2"}, [1, 2, 2]), ({"machine": "m2"}, [1, 2, 2])],
)
def test_only_what_can_be_compared_stands_in_one_chart(other: dict[str, str], charts: list[int]) -> None:
    gan = replace(GAN, tags={**GAN.tags, **other})
    found = atlas(VAE, gan).scatters
    assert [len(scatters) for scatters in found.values()] == charts
    for scatters in found.values():
        for scatter in scatters:
            for point in scatter.points:
                run = {"vae": VAE, "gan": gan}[point.model]
                assert point.y == tuple(run.metrics[f"kid_lite0{end}"] for end in ("", "_low", "_high"))


def test_a_chart_without_a_point_is_none() -> None:
    """The one that says how probable images are does not say how well it draws."""
    metrics = {name: value for name, value in VAE.metrics.items() if not name.startswith("kid_lite0")}
    probable, *costs = atlas(replace(VAE, metrics=metrics), GAN).scatters.values()
    assert probable == []
    assert [[point.model for point in chart.points] for (chart,) in costs] == [["gan"], ["gan"]]


@pytest.mark.parametrize("count", [2, 9, 16])
def test_labels_cover_neither_points_nor_each_other(count: int, rng: np.random.Generator) -> None:
    points = [(float(x), float(y)) for x, y in rng.uniform(130, 230, (count, 2))]
    labels = ["PixelCNN"] * count
    boxes = [(x, y - LINE + 3, x + LETTER * 8, y + 3) for x, y in place_labels(points, labels)]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    assert not any(overlap((x, y, x, y), box) for x, y in points for box in boxes)


def test_curves_are_the_history() -> None:
    (chart,) = curves(pd.DataFrame({"step": range(1000), "g/l1": np.linspace(1, 9, 1000), "g/never": np.nan}))
    assert (chart.title, set(chart.lines)) == ("g", {"l1"})
    places = np.array([place.split(",") for place in chart.lines["l1"].split()], float)
    assert len(places) <= 200
    assert (np.diff(places[:, 0]) > 0).all()
    assert (np.diff(places[:, 1]) < 0).all(), "what rises goes up"


def test_it_can_be_read_by_ear_and_by_keyboard(page: Page) -> None:
    names = {given["id"] for _, given in page.found if given.get("id")}
    inside = {str(given["href"])[1:] for given in page.all("a") if str(given["href"]).startswith("#")}
    assert set(MODELS) <= inside <= names
    alts = [str(given["alt"]) for given in page.all("img")]
    assert len(alts) == 2 * (1 + 2)
    assert all(alt.startswith(("VAE: ", "GAN: ")) for alt in alts)
    assert "VAE: eight new images, evenly spread." in alts
    assert all(given.get("aria-label") for given in page.all("svg"))
    assert [tag for tag, _ in page.found if tag in ("h1", "h2")] == ["h1", "h2", "h2", "h2", "h2"]
    assert all(given.get("tabindex") for given in page.all("div") if given.get("class") == "wide")


def contrast(colour: str, other: str = "#ffffff") -> float:
    """WCAG 2.2, "contrast ratio"."""
    light = []
    for one in (colour, other):
        parts = np.array([int(one[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


def test_text_stands_out_from_its_ground(empty: str) -> None:
    assert contrast("#000000") == pytest.approx(21)
    assert {colour: contrast(colour) for colour in family_colours().values() if contrast(colour) < 4.5} == {}
    colours = set(re.findall(r"[{; ]color: (#[0-9a-f]{6})", empty))
    assert len(colours) > 2
    assert {colour: contrast(colour) for colour in colours if contrast(colour) < 4.5} == {}


def test_it_needs_nothing_else(page: Page) -> None:
    wanted = {str(given.get("src", "data:")) for given in page.all("img")}
    assert all(address.startswith("data:image/webp;base64,") for address in wanted)
    assert page.all("link") == []
    assert not any(given.get("src") for given in page.all("script"))


def test_pictures_become_smaller_until_the_page_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise, which no format makes small."""
    noise = atlas(VAE, pictures={f"figure{n}": png(640, n) for n in range(3)})
    large = draw_atlas(noise, {})
    monkeypatch.setattr("genlab.experiments.atlas_page.LARGEST", len(large) // 2)
    small = draw_atlas(noise, {})
    assert len(small) < len(large) // 2 < LARGEST < 10 * 2**20
    assert small.count("data:image/webp") == large.count("data:image/webp") == 3


def test_nothing_that_a_run_says_becomes_code() -> None:
    nasty = '<img src=x onerror="alert(1)">'
    run = finished("vae", **{**SAME, "name": nasty, "trained_on": nasty, "environment": nasty, "test_data": nasty},
                   fd_lite0=1.0, nll_nats_kind=nasty)  # fmt: skip
    text = draw_atlas(atlas(run, pictures={nasty: png()}), {"vae": nasty})
    assert nasty not in text
    assert Page(text).open == []


def test_the_picture_shows_all_leaves() -> None:
    empty, full = draw_picture(atlas()), draw_picture(atlas(VAE, GAN))
    assert empty.shape == full.shape
    assert (empty != full).any()
    for colour in family_colours().values():
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        known = colour != family_colours()[Family.UNPLACED]
        assert (full == rgb).all(axis=2).any() == known


def test_a_run_leaves_the_atlas_with_the_numbers_of_its_metrics(swept: Swept) -> None:
    """Through `kedro run`, against the newest metrics.json."""
    newest = max((swept.root / "08_reporting/pix2pix/metrics.json").glob("*/metrics.json"))
    metrics: dict[str, Any] = json.loads(newest.read_text())
    text = (swept.root / "08_reporting/atlas.html").read_text()
    shown = Page(text).values
    assert {metric for _, metric, *_ in shown} >= {"l1", "train_seconds", "parameters", "draw_seconds"}
    assert {(model, value == metrics[metric]) for model, metric, value, _ in shown} == {("pix2pix", True)}
    assert metrics["draw_seconds"] > 0
    assert "While it trained" in text
    assert Image.open(swept.root / "08_reporting/atlas/atlas.png").width == WIDTH
    assert 'href="atlas.html"' in (swept.root / "08_reporting/leaderboard.html").read_text()
