"""Sources: what `data.source` may name. Each lists its images; `genlab.data.ingest` reads them.

Embedded sets come with Genlab, public sets are downloaded once, and any other name is a folder of images.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from genlab.data.settings import DataSettings
from genlab.data.sources.idx import read_idx
from genlab.data.sources.layouts import SINGLE, Entry, Listing, Part, list_folder, list_two_folders
from genlab.data.sources.public import SETS, iterate_torchvision, layout_of, locate
from genlab.errors import GenlabError

FASHION_CLASSES = SETS["fashion_mnist_full"].labels


def list_fashion_mnist(raw: Path, settings: DataSettings) -> Listing:
    """The embedded sample of Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): four IDX files in raw/fashion_mnist.

    Raises:
        GenlabError: a file is missing or damaged, or images and labels differ in number.
    """
    entries = []
    for split, prefix in (("train", "train"), ("test", "t10k")):
        path = raw / "fashion_mnist" / f"{prefix}-images-idx3-ubyte.gz"
        pixels = read_idx(path)
        labels = read_idx(path.with_name(f"{prefix}-labels-idx1-ubyte.gz"))
        if len(pixels) != len(labels):
            raise GenlabError(
                f"{path} holds {len(pixels)} images but there are {len(labels)} labels; restore both files"
            )
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            part = Part(f"{split}_{number:05d}", SINGLE, split, FASHION_CLASSES[label])
            entries.append(Entry(f"{path.name}[{number}]", (part,), pixels=image))
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

EMBEDDED_CHANNELS: dict[str, dict[str, int]] = {"fashion_mnist": {SINGLE: 1}, "emoji_pairs": {"a": 3, "b": 3}}
"""How many channels their images have, by domain."""

SPLITS_OF_CELEBA = {"0": "train", "1": "val", "2": "test"}


def list_public(name: str, raw: Path, settings: DataSettings) -> Listing:
    """A public set, from the copy under `data.root` (null: `raw`) or downloaded to there.

    Raises:
        GenlabError: it is not there and cannot be downloaded: the message says what to fetch by hand and where to put
            it; or it is damaged.
    """
    root = Path(settings.root).expanduser() if settings.root else raw
    entry = SETS[name]
    if entry.layout != "torchvision":
        folder = locate(name, root)
        listing = list_folder(folder, settings.model_copy(update={"layout": layout_of(folder)}))
        return replace(listing, name=name)
    if name == "celeba":
        return Listing(name, "labels", _celeba_entries(locate(name, root) / "celeba"), "crop")
    entries = [
        Entry(f"{name}[{split} {number}]", (Part(f"{split}_{number:06d}", SINGLE, split, label),), pixels=pixels)
        for number, (split, label, pixels) in enumerate(iterate_torchvision(name, root))
    ]
    return Listing(name, "labels", entries, "pad")


def _celeba_entries(folder: Path) -> list[Entry]:
    """CelebA's 202,599 files where they lie, so that they are never in memory, in the split of its list.

    Raises:
        GenlabError: the list is missing, or is of another format.
    """
    path = folder / "list_eval_partition.txt"
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
        return [
            Entry(
                file, (Part(Path(file).stem, SINGLE, SPLITS_OF_CELEBA[number], ""),), folder / "img_align_celeba" / file
            )
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
        return list_two_folders(Path(settings.source_a).expanduser(), Path(settings.source_b).expanduser())
    if settings.source in EMBEDDED:
        return EMBEDDED[settings.source](raw, settings)
    if settings.source in SETS:
        return list_public(settings.source, raw, settings)
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
        folders = [] if settings.source in {**EMBEDDED, **SETS} else [settings.source]
    for folder in folders:
        if not Path(folder).expanduser().is_dir():
            close = get_close_matches(folder, {**EMBEDDED, **SETS}, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise GenlabError(
                f"the data source {folder!r} is neither a folder nor a set that Genlab knows; {hint}Known are "
                f"{', '.join(EMBEDDED)} (embedded) and {', '.join(SETS)}. Set data.source to one of them or to a folder"
            )


def known_channels(settings: DataSettings) -> dict[str, int] | None:
    """Channels by domain of what the source will give; None where only the files can tell."""
    two_folders = settings.source_a is not None
    if settings.channels == "auto":
        return None if two_folders else _published_channels(settings.source)
    if two_folders or settings.layout not in (None, "labels"):
        return dict.fromkeys(("a", "b"), settings.channels)
    published = _published_channels(settings.source) or ({SINGLE: 1} if settings.layout == "labels" else None)
    return None if published is None else dict.fromkeys(published, settings.channels)


def _published_channels(source: str) -> dict[str, int] | None:
    if source in SETS:
        domains = [SINGLE] if SETS[source].layout == "torchvision" else ["a", "b"]
        return dict.fromkeys(domains, SETS[source].channels)
    return EMBEDDED_CHANNELS.get(source)


def known_classes(settings: DataSettings) -> tuple[str, ...] | None:
    """The labels that a set's images will have, by their number; None where only the files can tell.

    Raises:
        GenlabError: `data.classes` names a label that the set does not have.
    """
    if settings.source_a is not None or settings.source not in {**EMBEDDED, **SETS}:
        return None
    labels = FASHION_CLASSES if settings.source == "fashion_mnist" else ()
    labels = SETS[settings.source].labels if settings.source in SETS else labels
    if settings.classes is None:
        return tuple(sorted(labels))
    if (_published_channels(settings.source) or {}).keys() == {SINGLE}:
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
