"""Sources: what `data.source` may name. Each lists its images; `genlab.data.ingest` reads them."""

from collections.abc import Callable
from pathlib import Path

from genlab.data.idx import read_idx
from genlab.data.layouts import SINGLE, Entry, Listing, Part, list_folder, list_two_folders
from genlab.data.settings import DataSettings
from genlab.errors import GenlabError

FASHION_CLASSES = (
    "t_shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot",
)  # fmt: skip


def list_fashion_mnist(raw: Path, settings: DataSettings) -> Listing:
    """The embedded sample of Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747): four IDX files in raw/fashion_mnist.

    Raises:
        GenlabError: a file is missing or damaged, images and labels differ in number, or a class has no such name.
    """
    if unknown := set(settings.classes or ()) - set(FASHION_CLASSES):
        raise GenlabError(
            f"data.classes names {', '.join(sorted(unknown))}; fashion_mnist has {', '.join(FASHION_CLASSES)}"
        )
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
            name = FASHION_CLASSES[label]
            if settings.classes is None or name in settings.classes:
                part = Part(f"{split}_{number:05d}", SINGLE, split, name)
                entries.append(Entry(f"{path.name}[{number}]", (part,), pixels=image))
    return Listing("fashion_mnist", "labels", entries, "pad")


SOURCES: dict[str, Callable[[Path, DataSettings], Listing]] = {"fashion_mnist": list_fashion_mnist}
"""Sets by name. `raw` is the catalog's folder of raw files."""

CHANNELS: dict[str, dict[str, int]] = {"fashion_mnist": {SINGLE: 1}}
"""How many channels a source's images have, by domain, where that is known before any file is read."""


def list_source(raw: Path, settings: DataSettings) -> Listing:
    """All images of the source that `settings` name.

    Raises:
        GenlabError: there is no such set or folder, or it is arranged in no known way.
    """
    require_source(settings)
    if settings.source_a is not None and settings.source_b is not None:
        return list_two_folders(Path(settings.source_a).expanduser(), Path(settings.source_b).expanduser())
    if settings.source in SOURCES:
        return SOURCES[settings.source](raw, settings)
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
        folders = [] if settings.source in SOURCES else [settings.source]
    for folder in folders:
        if not Path(folder).expanduser().is_dir():
            raise GenlabError(
                f"the data source {folder!r} is neither a folder nor a set that Genlab knows ({', '.join(SOURCES)}); "
                "set data.source to one of them"
            )


def known_channels(settings: DataSettings) -> dict[str, int] | None:
    """Channels by domain of what the source will give; None where only the files can tell."""
    two_folders = settings.source_a is not None
    if settings.channels == "auto":
        return None if two_folders else CHANNELS.get(settings.source)
    if two_folders or settings.layout not in (None, "labels"):
        return dict.fromkeys(("a", "b"), settings.channels)
    return {SINGLE: settings.channels} if settings.source in SOURCES or settings.layout == "labels" else None
