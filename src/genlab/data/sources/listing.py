"""Sources: what `data.source` may name. Each lists its images; `genlab.data.ingest` reads them.

Embedded sets come with Genlab, public sets are downloaded once, and any other name is a folder of images.
"""

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from genlab.data.settings import DataSettings
from genlab.data.sources.file_names import read_name
from genlab.data.sources.idx import iterate_idx
from genlab.data.sources.layouts import CROP, PAD, SINGLE, Entry, Listing, Part, list_folder, list_two_folders
from genlab.data.sources.public import SETS, PublicSet, layout_of, locate
from genlab.errors import GenlabError
from genlab.media.base import PICTURES

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
        entries.append(Entry(f"{file}[{count[split]}]", (part,), held=pixels))
        count[split] += 1
    return Listing("fashion_mnist", "labels", entries, PAD)


def list_emoji_pairs(raw: Path, settings: DataSettings) -> Listing:
    """The embedded pairs of emoji in two drawing styles, Twemoji (a) and Noto Emoji (b): 64 x 64 PNGs, by code point.

    Raises:
        GenlabError: the files are missing.
    """
    listing = list_folder(raw / "emoji_pairs", settings.model_copy(update={"layout": "two_folders"}))
    return replace(listing, name="emoji_pairs", suits=PAD)


def list_spoken_digits_small(raw: Path, settings: DataSettings) -> Listing:
    """The embedded recordings of the Free Spoken Digit Dataset (Jackson et al. 2018): FLACs, raw/spoken_digits_small.

    Raises:
        GenlabError: the archive is missing or damaged.
    """
    path = raw / "spoken_digits_small/recordings.zip"
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}  # which also checks their CRC
    except (OSError, zipfile.BadZipFile) as error:
        raise GenlabError(f"{path} is missing or damaged ({error}); fetch it again, as git has it") from error
    entries = [Entry(name, (_spoken_digit(Path(name).stem),), held=data) for name, data in sorted(files.items())]
    return Listing("spoken_digits_small", "labels", entries)


def _spoken_digit(name: str) -> Part:
    """What a name says. The set's authors test on the recordings 0 to 4; Genlab validates on 5 and 6.

    Raises:
        GenlabError: the name says no such thing.
    """
    said = read_name(SPOKEN, (name,))
    if said is None or not said["index"].isdecimal():
        raise GenlabError(f"{name} is not named {SPOKEN}, as the recordings of spoken digits are; fetch the set again")
    index = int(said["index"])
    split = "test" if index < 5 else "val" if index < 7 else "train"
    return Part(name, SINGLE, split, said["label"], group=said["group"])


EMBEDDED: dict[str, Callable[[Path, DataSettings], Listing]] = {
    "fashion_mnist": list_fashion_mnist,
    "emoji_pairs": list_emoji_pairs,
    "spoken_digits_small": list_spoken_digits_small,
}
"""Sets that come with Genlab. `raw` is the catalog's folder of raw files."""

CHANNELS: dict[str, dict[str, int]] = {
    "fashion_mnist": {SINGLE: 1},
    "emoji_pairs": {"a": 3, "b": 3},
    "spoken_digits_small": {SINGLE: 1},
    **{
        name: dict.fromkeys("ab" if entry.has_two_domains else [SINGLE], entry.channels) for name, entry in SETS.items()
    },
}
"""How many channels the images of each known set have, by domain."""

MEDIA = {
    "fashion_mnist": PICTURES, "emoji_pairs": PICTURES, "spoken_digits_small": SETS["spoken_digits"].medium,
    **{name: entry.medium for name, entry in SETS.items()},
}  # fmt: skip
"""The medium of each known set."""

LABELS = {
    "fashion_mnist": FASHION_CLASSES, "emoji_pairs": (), "spoken_digits_small": SETS["spoken_digits"].labels,
    **{name: entry.labels for name, entry in SETS.items()},
}  # fmt: skip
GROUPS = {
    "fashion_mnist": (), "emoji_pairs": (), "spoken_digits_small": ("jackson", "theo"),
    **{name: entry.groups for name, entry in SETS.items()},
}  # fmt: skip
SPOKEN = "label_group_index"
"""How the files of spoken digits are named: digit, speaker, recording."""

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
        return Listing(name, "labels", _celeba_entries(folder), CROP)
    if entry.layout == "named":
        paths = sorted(path for path in (folder / entry.holds[0]).iterdir() if path.suffix == ".wav")
        return Listing(name, "labels", [Entry(path.name, (_spoken_digit(path.stem),), path) for path in paths])
    images = iterate_idx(folder, entry.labels) if entry.layout == "idx" else _iterate_torchvision(entry, folder)
    entries = [
        Entry(f"{name}[{split} {number}]", (Part(f"{split}_{number:06d}", SINGLE, split, label),), held=pixels)
        for number, (split, label, pixels) in enumerate(images)
    ]
    return Listing(name, "labels", entries, PAD)


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
    known = MEDIA.get(settings.source) if settings.source_a is None else None
    if known not in (None, settings.medium):
        raise GenlabError(
            f"data.source={settings.source} holds {known}, but data.medium={settings.medium}; name a set or folder of "
            f"{settings.medium}, or a model that learns from {known}"
        )
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


def known_groups(settings: DataSettings) -> tuple[str, ...] | None:
    """The groups that a set's images will have, by their number; None where only the files can tell."""
    return None if settings.source_a is not None else GROUPS.get(settings.source)


def require_classes(settings: DataSettings, labels: Sequence[str], source: str) -> None:
    """Refuse `data.classes` that name other labels than these.

    Raises:
        GenlabError: names them, and the labels that the source has.
    """
    if unknown := sorted(set(settings.classes or ()) - set(labels)):
        raise GenlabError(
            f"data.classes names {', '.join(unknown)}; {source} has {', '.join(map(repr, labels)) or 'no labels'}"
        )
