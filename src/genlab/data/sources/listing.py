"""Sources: what `data.source` may name. Each lists its images; `genlab.data.ingest` reads them.

Embedded sets come with Genlab, public sets are downloaded once, and any other name is a folder of images.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from genlab.data.settings import DataSettings
from genlab.data.sources.idx import iterate_idx
from genlab.data.sources.layouts import SINGLE, Entry, Listing, Part, list_folder, list_two_folders
from genlab.data.sources.public import SETS, PublicSet, layout_of, locate
from genlab.errors import GenlabError

FASHION_CLASSES = SETS["fashion_mnist_full"].labels


def list_fashion_mnist(raw: Path, settings: DataSettings) -> Listing:
    """The embedded sample of Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): four IDX files in raw/fashion_mnist.

    Raises:
        GenlabError: a file is missing or damaged, or images and labels differ in number.
    """
    entries, count = [], Counter[str]()
    for split, label, pixels in iterate_idx(raw / "fashion_mnist", FASHION_CLASSES):
        part = Part(f"{split}_{count[split]:05d}", SINGLE, split, label)
        file = f"{'train' if split == 'train' else 't10k'}-images-idx3-ubyte.gz"
        entries.append(Entry(f"{file}[{count[split]}]", (part,), pixels=pixels))
        count[split] += 1
    return Listing("fashion_mnist", "labels", entries, "pad")


def list_emoji_pairs(raw: Path, settings: DataSettings) -> Listing:
    """The embedded pairs of emoji in two drawing styles, Twemoji (a) and Noto Emoji (b): 64 x 64 PNGs, by code point.

    Raises:
        GenlabError: the files are missing.
    """
    listing = list_folder(raw / "emoji_pairs", settings.model_copy(update={"layout": "two_folders"}))
    return replace(listing, name="emoji_pairs", fit="pad")


EMBEDDED: dict[str, Callable[[Path, DataSettings], Listing]] = {
    "fashion_mnist": list_fashion_mnist,
    "emoji_pairs": list_emoji_pairs,
}
"""Sets that come with Genlab. `raw` is the catalog's folder of raw files."""

CHANNELS: dict[str, dict[str, int]] = {
    "fashion_mnist": {SINGLE: 1},
    "emoji_pairs": {"a": 3, "b": 3},
    **{
        name: dict.fromkeys("ab" if entry.has_two_domains else [SINGLE], entry.channels) for name, entry in SETS.items()
    },
}
"""How many channels the images of each known set have, by domain."""

LABELS = {"fashion_mnist": FASHION_CLASSES, "emoji_pairs": (), **{name: entry.labels for name, entry in SETS.items()}}
SPLITS_OF_CELEBA = {"0": "train", "1": "val", "2": "test"}


def list_public(name: str, raw: Path, settings: DataSettings) -> Listing:
    """A public set, from the copy under `data.root` (null: `raw`) or downloaded to there.

    Raises:
        GenlabError: the set is not there and cannot be downloaded: the message says what to fetch by hand and where to
            put it; or it is damaged.
    """
    entry = SETS[name]
    folder = locate(entry, Path(settings.root).expanduser() if settings.root else raw)
    if entry.has_two_domains:
        listing = list_folder(folder, settings.model_copy(update={"layout": layout_of(folder)}))
        return replace(listing, name=name)
    if entry.layout == "celeba":
        return Listing(name, "labels", _celeba_entries(folder), "crop")
    images = iterate_idx(folder, entry.labels) if entry.layout == "idx" else _iterate_torchvision(entry, folder)
    entries = [
        Entry(f"{name}[{split} {number}]", (Part(f"{split}_{number:06d}", SINGLE, split, label),), pixels=pixels)
        for number, (split, label, pixels) in enumerate(images)
    ]
    return Listing(name, "labels", entries, "pad")


def _iterate_torchvision(entry: PublicSet, folder: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Split, label and pixels (H, W, 3) of every image that a class of torchvision reads, in its order.

    Raises:
        GenlabError: files are missing, or differ from those published.
    """
    from torchvision import datasets

    for split, arguments in entry.splits.items():
        try:
            images = getattr(datasets, entry.torchvision)(folder, **arguments)
        except RuntimeError as error:
            raise GenlabError(
                f"what lies in {folder} is not {entry.name} as torchvision knows it: files are missing or differ from "
                f"those published. Delete them, and fetch {', '.join(entry.files)} again"
            ) from error
        for image, label in images:
            yield split, entry.labels[label], np.asarray(image)


def _celeba_entries(folder: Path) -> list[Entry]:
    """CelebA's 202,599 files by their paths, each in the split of CelebA's list. None is read.

    The list lies beside the folder of images, or beside the archive that was unpacked.

    Raises:
        GenlabError: the list is missing, or is of another format.
    """
    places = [place / "list_eval_partition.txt" for place in (folder, folder.parent)]
    path = next((place for place in places if place.is_file()), places[0])
    images = folder / "img_align_celeba"
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
        return [
            Entry(file, (Part(Path(file).stem, SINGLE, SPLITS_OF_CELEBA[number], ""),), images / file)
            for file, number in lines
        ]
    except (OSError, ValueError, KeyError) as error:
        raise GenlabError(f"{path} is missing or not CelebA's list of splits ({error}); fetch it again") from error


def list_source(raw: Path, settings: DataSettings) -> Listing:
    """All images of the source that `settings` name.

    Raises:
        GenlabError: there is no such set or folder, or it is arranged in no known way.
    """
    require_source(settings)
    if settings.source_a is not None and settings.source_b is not None:
        return list_two_folders(Path(settings.source_a).expanduser(), Path(settings.source_b).expanduser(), settings)
    if settings.source in EMBEDDED:
        return EMBEDDED[settings.source](raw, settings)
    if settings.source in SETS:
        return list_public(settings.source, raw, settings)
    folder, own = Path(settings.source).expanduser().resolve(), raw.resolve().parent
    if own.is_relative_to(folder):
        raise GenlabError(
            f"the data source {settings.source} holds Genlab's own folder {own}, with drawings of earlier runs; "
            "name a folder beside it or below data/01_raw with data.source, or another place for it with data_root"
        )
    return list_folder(Path(settings.source).expanduser(), settings)


def require_source(settings: DataSettings) -> None:
    """Refuse a source that does not exist.

    Raises:
        GenlabError: names what is missing and the sets there are.
    """
    if (settings.source_a is None) != (settings.source_b is None):
        raise GenlabError("data.source_a and data.source_b belong together, but only one is given; set both or none")
    if settings.source_a is not None and settings.source_b is not None:
        folders = [settings.source_a, settings.source_b]
    else:
        folders = [] if settings.source in CHANNELS else [settings.source]
    for folder in folders:
        if not Path(folder).expanduser().is_dir():
            close = get_close_matches(folder, CHANNELS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise GenlabError(
                f"the data source {folder!r} is neither a folder nor a set that Genlab knows; {hint}Known are "
                f"{', '.join(EMBEDDED)} (embedded) and {', '.join(SETS)}. Set data.source to one of them or to a folder"
            )


def known_channels(settings: DataSettings) -> dict[str, int] | None:
    """Channels by domain of what the source will give; None where only the files can tell."""
    published = None if settings.source_a is not None else CHANNELS.get(settings.source)
    if settings.channels == "auto":
        return published
    if settings.source_a is not None or settings.layout not in (None, "labels"):
        return dict.fromkeys(("a", "b"), settings.channels)
    domains = published or ((SINGLE,) if settings.layout == "labels" else ())
    return dict.fromkeys(domains, settings.channels) or None


def known_classes(settings: DataSettings) -> tuple[str, ...] | None:
    """The labels that a set's images will have, by their number; None where only the files can tell.

    Raises:
        GenlabError: `data.classes` names a label that the set does not have.
    """
    if settings.source_a is not None or settings.source not in LABELS:
        return None
    labels = LABELS[settings.source]
    if settings.classes is None:
        return tuple(sorted(labels))
    if SINGLE in CHANNELS[settings.source]:
        require_classes(settings, labels, settings.source)
    return tuple(sorted(set(labels) & set(settings.classes)))


def require_classes(settings: DataSettings, labels: Sequence[str], source: str) -> None:
    """Refuse `data.classes` that name other labels than these.

    Raises:
        GenlabError: names them, and the labels that the source has.
    """
    if unknown := sorted(set(settings.classes or ()) - set(labels)):
        raise GenlabError(
            f"data.classes names {', '.join(unknown)}; {source} has {', '.join(map(repr, labels)) or 'no labels'}"
        )
