"""The atlas in a real browser: a leaf is clicked, and its run can be read."""

import json
import re
from html import unescape
from pathlib import Path

from tests.browser import dump_page
from tests.conftest import Swept

READ = """<script>addEventListener('load', () => {
  const leaf = document.querySelector('a.leaf[href="#pix2pix"]'), run = document.getElementById('pix2pix');
  const said = {before: run.checkVisibility()};
  leaf.focus();
  said.focused = document.activeElement === leaf;
  leaf.click();
  setTimeout(() => {
    said.after = run.checkVisibility();
    const runs = [...document.querySelectorAll('.run div[id]')];
    said.open = runs.filter(one => one.checkVisibility()).map(one => one.id);
    said.numbers = [...run.querySelectorAll('[data-metric]')].map(one => [one.dataset.metric, one.innerText]);
    said.pictures = [...run.querySelectorAll('figure img')].filter(one => one.checkVisibility()).length;
    said.fetched = performance.getEntriesByType('resource').filter(one => !one.name.startsWith('data:')).length;
    const note = document.body.appendChild(document.createElement('pre'));
    note.id = 'said';
    note.textContent = JSON.stringify(said);
  }, 1000);
})</script>"""


def test_a_click_on_a_leaf_opens_its_run_with_the_numbers_of_its_metrics(swept: Swept, tmp_path: Path) -> None:
    page = tmp_path / "atlas.html"
    page.write_text((swept.root / "08_reporting/atlas.html").read_text().replace("</body>", f"{READ}</body>"))
    dumped = dump_page(page.as_uri(), tmp_path / "browser", until='<pre id="said">')
    (text,) = re.findall('<pre id="said">(.*?)</pre>', dumped)
    said = json.loads(unescape(text))
    assert (said["before"], said["focused"], said["after"], said["open"]) == (False, True, True, ["pix2pix"])
    assert said["fetched"] == 0
    assert said["pictures"] >= 2
    newest = max((swept.root / "08_reporting/pix2pix/metrics.json").glob("*/metrics.json"))
    metrics = json.loads(newest.read_text())
    shown = dict(said["numbers"])
    assert {"l1", "parameters", "train_seconds", "draw_seconds"} <= set(shown)
    units = {"": 1.0, "ms": 1e-3, "s": 1.0, "min": 60.0}
    for metric, written in shown.items():
        value, _, unit = written.replace(",", "").partition(" ")
        assert abs(float(value) * units[unit] - metrics[metric]) <= 6e-3 * metrics[metric]
