"""Which file is which image: folders of images in the four arrangements that people have.

labels         images of any depth; the folder an image lies in is its label. A folder train, val or test at the top is
               the split.
two_folders    a/ and b/, matched by file name without its ending; train, val, test above or below them, or neither.
side_by_side   the pix2pix format: one file shows a in one half and b in the other; folders train, val, test, or none.
domains        the CycleGAN format: trainA, trainB, testA, testB (and valA, valB); equal names are taken for pairs.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from genlab.data.settings import DataSettings, Layout
from genlab.errors import GenlabError
from genlab.media.pictures.settings import Fit

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".npy", ".gif", ".ppm", ".pgm"}
SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
LOOKED_AT = 40  # files whose size tells a side-by-side folder from others
SINGLE = "images"
"""The domain of a set that has only one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One image that a file gives."""

    id: str  # unique in its domain; the two sides of a pair share it
    domain: str  # "a", "b" or SINGLE
    split: str  # train, val, test, or "" where content shall decide
    label: str  # class name, or ""
    half: str = ""  # left or right: of the file, or "": all of it


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or one array of a set that comes as arrays, with the images in it."""

    source: str  # what reports call it
    parts: tuple[Part, ...]
    path: Path | None = None
    pixels: np.ndarray | None = None  # (H, W) or (H, W, C), uint8 or uint16, where there is no path


@dataclass(frozen=True)
class Rejected:
    """A file that gives no image, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """All that a source holds, before any image is decoded."""

    name: str  # what reports call the source
    layout: str
    entries: list[Entry]
    fit: Fit  # the rule that suits this source
    rejected: list[Rejected] = field(default_factory=list)  # by their names alone
    ignored: dict[str, int] = field(default_factory=dict)  # ending -> how many files are no images
    square_halves: bool = False  # side_by_side: the halves of this set are square


def list_folder(root: Path, settings: DataSettings) -> Listing:
    """The images of a folder, in the layout that `settings` names or that it is found to have.

    Raises:
        GenlabError: there is no such folder, it has no images, or none of the layouts fits.
    """
    files, ignored = find_images(root)
    layout = settings.layout or recognise(root, files)
    entries = READERS[layout](root, files, settings)
    domains = {part.domain for entry in entries for part in entry.parts}
    if layout != "labels" and domains != {"a", "b"}:
        found = f"as {layout}, it has {', '.join(sorted(domains)) or 'no domain'} where a and b are needed"
        raise _does_not_fit(root, found)
    return _without_clashes(Listing(str(root), layout, entries, "crop", [], ignored, layout == "side_by_side"
                                    and _mostly_twice_as_wide(files)))  # fmt: skip


def list_two_folders(a: Path, b: Path) -> Listing:
    """The images of two folders that lie apart; equal names without their endings are pairs.

    Raises:
        GenlabError: one of them is missing or has no images.
    """
    entries: list[Entry] = []
    ignored: Counter[str] = Counter()
    for domain, folder in (("a", a), ("b", b)):
        files, others = find_images(folder)
        ignored.update(others)
        entries += [_two_folder_entry(path, path.relative_to(folder), domain, f"{domain}:") for path in files]
    return _without_clashes(Listing(f"{a} and {b}", "two_folders", entries, "crop", [], dict(ignored)))


def find_images(root: Path) -> tuple[list[Path], dict[str, int]]:
    """Files with the ending of an image, of any depth, in the order of their names; and the other endings, counted.

    What begins with a dot, and what macOS puts into archives, is neither.

    Raises:
        GenlabError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise GenlabError(f"there is no folder {root}; set data.source to a folder of images, or to an embedded set")
    images, others = [], Counter[str]()
    seen: set[str] = set()  # real folders, so that a link to one above does not lead round for ever
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            ending = Path(name).suffix.lower()
            if name.startswith("."):
                continue
            if ending in ENDINGS:
                images.append(Path(folder, name))
            else:
                others[ending or "no ending"] += 1
    if not images:
        found = ", ".join(f"{count} {ending}" for ending, count in others.items()) or "no files at all"
        raise GenlabError(
            f"the folder {root} has no images (it has {found}); data.source takes files ending in "
            f"{', '.join(sorted(ENDINGS))}"
        )
    return sorted(images), dict(others)


def recognise(root: Path, files: list[Path]) -> Layout:
    """The layout that a folder has.

    Raises:
        GenlabError: it has none of them.
    """
    tops = {path.relative_to(root).parts[0] for path in files if path.parent != root}
    inner = {path.relative_to(root).parts[1] for path in files if len(path.relative_to(root).parts) > 2}
    loose = any(path.parent == root for path in files)
    if not loose and {"trainA", "trainB"} <= tops:
        return "domains"
    lower = {top.lower() for top in tops}
    splits_only = bool(tops) and lower <= set(SPLIT_FOLDERS)
    if not loose and (lower == {"a", "b"} or (splits_only and {name.lower() for name in inner} == {"a", "b"})):
        return "two_folders"
    flat = (not tops or splits_only) and not inner
    if flat and _mostly_twice_as_wide(files):
        return "side_by_side"
    if any(top in ("trainA", "trainB", "testA", "testB") for top in tops):
        raise _does_not_fit(root, f"it has {', '.join(sorted(tops))}")
    return "labels"


def _does_not_fit(root: Path, found: str) -> GenlabError:
    return GenlabError(
        f"the images in {root} are in none of the layouts Genlab knows ({found}). They are: labels (a folder for each "
        "label; train, val, test above them if you like), two_folders (a/ and b/, equal file names are pairs), "
        "side_by_side (each file shows a and b in its halves), domains (trainA, trainB, testA, testB). Arrange them "
        "so, or name the one it is with data.layout"
    )


def _mostly_twice_as_wide(files: list[Path]) -> bool:
    """Whether at least 9 of 10 readable files, of some spread over the set, are twice as wide as high."""
    sizes = []
    for path in files[:: max(1, len(files) // LOOKED_AT)]:
        try:
            with Image.open(path) as image:
                sizes.append(image.size)
        except (OSError, SyntaxError, Image.DecompressionBombError):
            continue
    return bool(sizes) and sum(w == 2 * h for w, h in sizes) >= 0.9 * len(sizes)


def _scene(split: str, *parts: str) -> str:
    """An image's id: its path as one name, since it becomes the name of a file; unlike those of the other splits."""
    return "__".join([split, *parts] if split else parts)


def _list_labels(root: Path, files: list[Path], settings: DataSettings) -> list[Entry]:
    places = [path.relative_to(root) for path in files]
    split_at_top = {place.parts[0] for place in places if len(place.parts) > 1 and place.parts[0] in SPLIT_FOLDERS}
    stems = Counter(place.with_suffix("") for place in places)
    entries = []
    for path, place in zip(files, places, strict=True):
        inside = place.parts[:-1]
        split = ""
        if inside and inside[0] in split_at_top:
            split, inside = SPLIT_FOLDERS[inside[0]], inside[1:]
        name = place.stem if stems[place.with_suffix("")] == 1 else place.name.replace(".", "_")
        part = Part(_scene(split, *inside, name), SINGLE, split, "/".join(inside))
        entries.append(Entry(str(place), (part,), path))
    return entries


def _two_folder_entry(path: Path, place: Path, domain: str, prefix: str) -> Entry:
    """`place` is the path below a/ or b/."""
    folders = place.parts[:-1]
    split = SPLIT_FOLDERS.get(folders[0].lower(), "") if folders else ""
    scene = _scene(split, *(folders[1:] if split else folders), place.stem)
    return Entry(f"{prefix}{place}", (Part(scene, domain, split, ""),), path)


def _list_two_folders(root: Path, files: list[Path], settings: DataSettings) -> list[Entry]:
    entries = []
    for path in files:
        place = path.relative_to(root)
        parts = place.parts
        if parts[0].lower() in SPLIT_FOLDERS and len(parts) > 2:  # train/a/x.png -> a/train/x.png
            parts = (parts[1], parts[0], *parts[2:])
        if parts[0].lower() in ("a", "b") and len(parts) > 1:
            inner = _two_folder_entry(path, Path(*parts[1:]), parts[0].lower(), "")
            entries.append(Entry(str(place), inner.parts, path))
    return entries


def _list_side_by_side(root: Path, files: list[Path], settings: DataSettings) -> list[Entry]:
    entries = []
    left, right = settings.order
    for path in files:
        place = path.relative_to(root)
        folders = place.parts[:-1]
        split = SPLIT_FOLDERS.get(folders[0].lower(), "") if folders else ""
        scene = _scene(split, *(folders[1:] if split else folders), place.stem)
        halves = (Part(scene, left, split, "", "left"), Part(scene, right, split, "", "right"))
        entries.append(Entry(str(place), halves, path))
    return entries


def _list_domains(root: Path, files: list[Path], settings: DataSettings) -> list[Entry]:
    entries = []
    for path in files:
        place = path.relative_to(root)
        top = place.parts[0]
        split = SPLIT_FOLDERS.get(top[:-1].lower(), "")
        if len(place.parts) > 1 and split and top[-1] in "AB":
            scene = _scene(split, *place.parts[1:-1], place.stem)
            entries.append(Entry(str(place), (Part(scene, top[-1].lower(), split, ""),), path))
    return entries


READERS: dict[Layout, Callable[[Path, list[Path], DataSettings], list[Entry]]] = {
    "labels": _list_labels,
    "two_folders": _list_two_folders,
    "side_by_side": _list_side_by_side,
    "domains": _list_domains,
}


def _without_clashes(listing: Listing) -> Listing:
    """The listing without files whose image has another's id, in whatever case; the first of them stays."""
    kept, rejected = [], list(listing.rejected)
    first: dict[tuple[str, str], str] = {}
    for entry in listing.entries:
        keys = [(part.domain, part.id.casefold()) for part in entry.parts]
        clash = next((first[key] for key in keys if key in first), None)
        if clash is None:
            kept.append(entry)
            first |= dict.fromkeys(keys, entry.source)
        else:
            how = "only in case" if Path(clash).stem != Path(entry.source).stem else "only in its ending"
            rejected.append(Rejected(entry.source, f"differs from {clash} {how}; rename one of them"))
    return Listing(listing.name, listing.layout, kept, listing.fit, rejected, listing.ignored, listing.square_halves)
