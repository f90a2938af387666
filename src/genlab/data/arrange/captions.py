"""Captions: read from a CSV beside the images, or derived from labels and from measures of the pixels.

A caption counts as its lower-case words. Combinations of words can be held out: an image whose caption has all words of
one is not trained on. The evaluation then asks for drawings of these combinations.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from genlab.data.settings import DataSettings
from genlab.data.sources.layouts import SINGLE
from genlab.data.sources.listing import known_classes
from genlab.data.store import ImageSet, ImageStore
from genlab.errors import GenlabError
from genlab.media.pictures.attributes import BRIGHTNESS, Scale, caption, possible_captions, shape_of, thing

DERIVED = "derived"
MOST_WORDS = 1000  # in a caption; all captions are as long as the longest in memory
CHUNK = 4096  # images in memory at a time while they are measured
WORD = re.compile(r"\w+(?:[-']\w+)*")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; "t-shirt" is one word."""
    return WORD.findall(text.lower())


def vocabulary(captions: Iterable[str]) -> tuple[str, ...]:
    """All words of some captions by their number: "", which pads, then in the order of the alphabet."""
    return ("", *sorted({word for one in set(captions) for word in words_of(one)}))


def number_captions(captions: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """The numbers of the captions' words, (N, L) int64, padded with 0. Words without a number are left out.

    Raises:
        GenlabError: a caption has no word that has a number.
    """
    number = {word: place for place, word in enumerate(words)}
    of = {one: [number[word] for word in words_of(one) if word in number] for one in set(captions)}
    table = np.zeros((len(captions), max(map(len, of.values()), default=0)), np.int64)
    for row, one in enumerate(captions):
        if not of[one]:
            raise GenlabError(f"the caption {one!r} has no word that a training caption has; mend it in data.captions")
        table[row, : len(of[one])] = of[one]
    return table


def require_words(text: str, words: Sequence[str] | None) -> None:
    """Refuse a text that cannot be drawn; `words` is the vocabulary, None where it is not known yet.

    Raises:
        GenlabError: it has no words, or some are not in the vocabulary; the message names the nearest.
    """
    found = words_of(text)
    if not found:
        raise GenlabError(
            f'sample.text is {text!r}, which has no words; say what to draw: sample.text="a light sandal"'
        )
    if words is not None and (unknown := [word for word in found if word not in words]):
        near = [close[0] for word in unknown if (close := get_close_matches(word, [w for w in words if w], n=1))]
        hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
        raise GenlabError(
            f"sample.text has words that no training caption has: {', '.join(map(repr, unknown))}; {hint}Known words "
            f"are {', '.join(word for word in words if word)}"
        )


def known_words(settings: DataSettings) -> tuple[str, ...] | None:
    """The vocabulary of derived captions, if the labels of the set are known. None where only the images can tell.

    Raises:
        GenlabError: the settings name no captions, or a file that is not there.
    """
    if settings.captions is None:
        raise GenlabError(
            "this model learns from captions, but data.captions is null; set data.captions=derived (from labels and "
            "pixels), or to a CSV file with the columns id and caption"
        )
    if settings.captions != DERIVED:
        find_csv(settings)
        return None
    classes = known_classes(settings)
    return None if classes is None else vocabulary(possible_captions(classes))


def find_csv(settings: DataSettings) -> Path:
    """The file that `data.captions` names, as a path or in the folder of the images.

    Raises:
        GenlabError: there is no such file.
    """
    assert settings.captions is not None
    places = [Path(settings.captions).expanduser(), Path(settings.source).expanduser() / settings.captions]
    for place in places:
        if place.is_file():
            return place
    raise GenlabError(
        f"there is no file of captions {places[0]}, nor {places[1]}; set data.captions to a CSV file with the columns "
        f"id and caption, or to {DERIVED}"
    )


def caption_images(images: ImageSet, settings: DataSettings) -> pd.DataFrame:
    """A row per caption, in the order of the images: id, split, label, caption, bright, shape, held_out.

    `bright` and `shape` are the words that were measured ("" where the caption is not derived, or makes no claim).

    Raises:
        GenlabError: the set has two domains; captions are missing, empty, or of unknown images; derived captions where
            an image has no label; a held-out combination that no caption has, or that takes all training images.
    """
    if SINGLE not in images:
        raise GenlabError("captions are for one set of images, but the source has two domains; name one of its folders")
    store = images[SINGLE]
    known_words(settings)
    table = _derive(store) if settings.captions == DERIVED else _read(store, images, find_csv(settings), settings)
    phrases = held_out_phrases(settings, sorted(set(table["label"])))
    said = [set(words_of(one)) for one in table["caption"]]
    held_out = np.zeros(len(table), bool)
    for phrase in phrases:
        parts = set(words_of(phrase))
        those = np.array([parts <= one for one in said])
        if not parts or not those.any():
            raise GenlabError(
                f"data.held_out.combinations names {phrase!r}, but no caption has these words; one is "
                f"{table['caption'].iloc[0]!r}"
            )
        held_out |= those
    table["held_out"] = held_out
    training = table[(table["split"] == "train") & ~held_out]
    if training["caption"].nunique() < 2:
        raise GenlabError(
            f"{training['caption'].nunique()} different captions are left to train on, where at least 2 are needed; "
            "give the images captions that tell them apart (data.captions), or hold out fewer (data.held_out)"
        )
    return table


def held_out_phrases(settings: DataSettings, labels: Sequence[str]) -> list[str]:
    """The combinations never trained on, such as "light sandal": those listed, or as many as asked for of derived
    captions, each a label with one of its words, at most one for each label, drawn by the seed.

    Raises:
        GenlabError: more are asked for than there are labels.
    """
    wanted = settings.held_out.combinations
    if not isinstance(wanted, int):
        return list(wanted)
    if settings.captions != DERIVED:
        return []
    if wanted > len(labels):
        raise GenlabError(
            f"data.held_out.combinations={wanted} is more than the {len(labels)} labels have: at most one for each; "
            "lower it, or list the combinations"
        )
    rng = np.random.default_rng(settings.held_out.seed)
    chosen = sorted(rng.choice(len(labels), wanted, replace=False))
    words = [
        (BRIGHTNESS.low, BRIGHTNESS.high, shape_of(labels[row]).low, shape_of(labels[row]).high)[rng.integers(4)]
        for row in chosen
    ]
    return [f"{word} {thing(labels[row])}" for word, row in zip(words, chosen, strict=True)]


def scale_of(store: ImageStore, rows: np.ndarray, labels: np.ndarray) -> Scale:
    """The scale of the images in some rows of a store, with their labels."""
    return Scale.of(store.take(rows), labels)


def _derive(store: ImageStore) -> pd.DataFrame:
    table = store.table[["id", "split", "label"]].copy()
    silent = table["id"][table["label"] == ""]
    if len(silent):
        raise GenlabError(
            f"captions are derived from labels, but {len(silent)} images have none; the first: {silent.iloc[0]}. Put "
            "them into folders named after what they show, or give captions as a CSV (data.captions)"
        )
    labels = table["label"].to_numpy(dtype=str)
    given = np.flatnonzero(table["split"] != "test")  # training and validation: the scale must not know the test split
    scale = scale_of(store, given, labels[given])
    described = [
        scale.describe(store.take(rows), labels[rows])
        for rows in np.array_split(np.arange(len(store)), -(-len(store) // CHUNK))
    ]
    bright, shape = (np.concatenate(words) for words in zip(*described, strict=True))
    said = [caption(*row) for row in zip(labels, bright, shape, strict=True)]
    return table.assign(caption=said, bright=bright, shape=shape)


def _read_csv(path: Path) -> pd.DataFrame:
    """The lines of a file of captions as texts, by their numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            rows = [(lines.line_num, row) for row in lines if row]
    except (ValueError, OSError, csv.Error) as error:
        raise GenlabError(f"the captions in {path} cannot be read ({error}); it must be a CSV file in UTF-8") from error
    head = rows[0][1] if rows else []
    if twice := [name for name, count in Counter(head).items() if count > 1]:
        raise GenlabError(f"the captions in {path} have several columns named {', '.join(twice)}; rename all but one")
    for number, row in rows:
        if len(row) != len(head):
            raise GenlabError(
                f"line {number} of {path} has {len(row)} values where the first line names {len(head)} columns; put a "
                'caption with commas into quotes: "a small, red bird"'
            )
    return pd.DataFrame([row for _, row in rows[1:]], [number for number, _ in rows[1:]], head, dtype=str)


def _read(store: ImageStore, images: ImageSet, path: Path, settings: DataSettings) -> pd.DataFrame:
    given = _read_csv(path)
    key = next((name for name in ("id", "file") if name in given.columns), None)
    if key is None or "caption" not in given.columns:
        raise GenlabError(
            f"the captions in {path} have the columns {', '.join(given.columns) or 'none'}; there must be one named id "
            "or file, and one named caption"
        )

    def require_none(wrong: "pd.Series[bool]", what: str, remedy: str) -> None:
        if wrong.any():
            name, line = given[key][wrong].iloc[0], given.index[wrong][0]
            raise GenlabError(
                f"{wrong.sum()} captions in {path} are {what}; the first: that of {name!r} in line {line}. {remedy}"
            )

    count = given["caption"].map(lambda text: len(words_of(text)))
    require_none(count == 0, "empty", "Write them, or delete these lines and images")
    require_none(count > MOST_WORDS, f"longer than {MOST_WORDS} words", "Shorten them; is a quote missing?")
    rejected = [one["source"] for one in images.about["rejected"]]
    exact = dict.fromkeys(rejected, "") | dict(zip(store.table["source"], store.table["id"], strict=True))
    exact |= {image: image for image in store.table["id"]}
    named = pd.Series(exact).groupby(lambda source: Path(source).name).agg(list)
    alike = given[key][~given[key].isin(exact)].map(named).dropna()  # files by their name alone, in whatever folder
    require_none(
        given.index.to_series().isin(alike.index[alike.str.len() > 1]), "of several images of that name",
        f"Write the path in {images.about['source']}, such as folder/name.png",
    )  # fmt: skip
    given["id"] = given[key].map(exact).fillna(alike.str[0])
    if settings.classes is None:
        lost = given["id"].isna()
        require_none(lost, "of images that the source does not have", "Mend the names, or delete these lines")
    table = store.table[["id", "split", "label"]].merge(given[["id", "caption"]].dropna(), on="id", how="left")
    without = table["id"][table["caption"].isna()]
    if len(without):
        raise GenlabError(
            f"{len(without)} images have no caption in {path}; the first: {without.iloc[0]}. Add lines for them, or "
            "take the images away"
        )
    return table.assign(bright="", shape="")
