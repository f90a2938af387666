"""The embedded emoji pairs: what their README promises."""

import csv
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parents[3] / "data" / "01_raw" / "emoji_pairs"


def rows():
    with (FOLDER / "table.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_pair_is_in_the_table_and_complete():
    for side in "ab":
        files = {(path.stem, path.parts[-3]) for path in FOLDER.glob(f"*/{side}/*.png")}
        assert files == {(row["id"], row["split"]) for row in rows()}
    assert [sum(row["split"] == split for row in rows()) for split in ("train", "test")] == [862, 101]
    assert all(row["name"] for row in rows())


def test_the_split_is_by_code_point():
    for row in rows():
        digest = hashlib.sha256(row["id"].removesuffix("-fe0f").lstrip("0").encode()).hexdigest()
        assert row["split"] == ("test" if int(digest[-8:], 16) % 10 == 0 else "train")


def test_pictures_are_opaque_colour_of_64_pixels_and_no_two_are_equal():
    seen, white = set(), []
    for path in FOLDER.glob("*/*/*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("RGB", (64, 64))
            pixels = np.asarray(image)
        white.append(pixels[0, 0].min() == 255)
        seen.add(pixels.tobytes())
    assert len(seen) == 2 * len(rows())
    assert np.mean(white) > 0.9  # what was transparent; the others fill their square


def test_the_set_is_small_and_has_its_licences():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 6_000_000
    text = (FOLDER / "README.md").read_text()
    assert all(words in text for words in ("CC-BY 4.0", "Apache License 2.0", "Twitter, Inc and other contributors"))
    assert "Apache License" in (FOLDER / "LICENSE_noto-emoji").read_text()
    assert "Cal Henderson" in (FOLDER / "LICENSE_emoji-data").read_text()
