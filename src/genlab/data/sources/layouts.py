"""Which file is which image: folders of images in the four arrangements that people have.

labels         images of any depth; the folder an image lies in is its label. A folder train, val or test at the top is
               the split.
two_folders    a/ and b/, matched by file name without its ending; train, val, test above or below them, or neither.
side_by_side   the pix2pix format: one file shows a in one half and b in the other; folders train, val, test, or none.
domains        the CycleGAN format: trainA, trainB, testA, testB (and valA, valB); equal names are taken for pairs.
"""

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from genlab.data.settings import DataSettings, Layout
from genlab.errors import GenlabError, printable
from genlab.media.base import Medium, medium_named
from genlab.media.pictures.settings import Fit

SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
SINGLE = "images"
"""The domain of a set that has only one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One image that a file gives."""

    id: str  # unique in its domain; the two sides of a pair share it
    domain: str  # "a", "b" or SINGLE
    split: str  # train, val, test, or "" if content decides
    label: str  # class name, or ""
    half: str = ""  # left or right: of the file, or "": all of it


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or one array of a set that comes as arrays, with the images in it."""

    source: str  # what reports call it
    parts: tuple[Part, ...]
    path: Path | None = None
    pixels: np.ndarray | None = None  # if there is no path: as the source has them


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
    medium = medium_named(settings.medium)
    files, ignored = find_images(root, medium)
    layout = settings.layout or recognise(root, files, medium)
    places = [Path(printable(str(path.relative_to(root)))) for path in files]
    same_stem = Counter(place.with_suffix("") for place in places)
    entries = []
    for path, place in zip(files, places, strict=True):
        full = layout == "labels" and same_stem[place.with_suffix("")] > 1
        name = place.name.replace(".", "_") if full else place.stem
        if parts := _parts(place.parts[:-1], name, layout, settings.order):
            entries.append(Entry(str(place), parts, path))
    domains = {part.domain for entry in entries for part in entry.parts}
    if layout != "labels" and domains != {"a", "b"}:
        found = f"as {layout}, it has {', '.join(sorted(domains)) or 'no domain'} where a and b are needed"
        raise _does_not_fit(root, found)
    square = layout == "side_by_side" and medium.holds_two(files)
    return _without_clashes(Listing(str(root), layout, entries, "crop", [], ignored, square))


def list_two_folders(a: Path, b: Path, settings: DataSettings) -> Listing:
    """The images of two folders that lie apart; equal names without their endings are pairs.

    Raises:
        GenlabError: one of them is missing or has no images.
    """
    entries: list[Entry] = []
    ignored: Counter[str] = Counter()
    for domain, folder in (("a", a), ("b", b)):
        files, others = find_images(folder, medium_named(settings.medium))
        ignored.update(others)
        for path in files:
            place = Path(printable(str(path.relative_to(folder))))
            parts = _parts((domain, *place.parts[:-1]), place.stem, "two_folders", settings.order)
            entries.append(Entry(f"{domain}:{place}", parts, path))
    return _without_clashes(Listing(f"{a} and {b}", "two_folders", entries, "crop", [], dict(ignored)))


def find_images(root: Path, medium: Medium) -> tuple[list[Path], dict[str, int]]:
    """Files with the ending of an image, of any depth, in the order of their names; and the other endings, counted.

    Names that begin with a dot and the folder that macOS puts into archives are left out.

    Raises:
        GenlabError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise GenlabError(f"there is no folder {root}; set data.source to a folder of images, or to an embedded set")
    images, others = [], Counter[str]()
    seen: set[str] = set()  # real folders: a link to one above must not be followed twice
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            ending = printable(Path(name).suffix.lower())
            if name.startswith("."):
                continue
            if ending in medium.endings:
                images.append(Path(folder, name))
            else:
                others[ending or "no ending"] += 1
    if not images:
        found = ", ".join(f"{count} {ending}" for ending, count in others.items()) or "no files at all"
        raise GenlabError(
            f"the folder {root} has no images (it has {found}); data.source takes files ending in "
            f"{', '.join(sorted(medium.endings))}"
        )
    return sorted(images), dict(others)


def recognise(root: Path, files: list[Path], medium: Medium) -> Layout:
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
    if flat and medium.holds_two(files):
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


def _parts(folders: tuple[str, ...], name: str, layout: Layout, order: str) -> tuple[Part, ...]:
    """The images in a file of that name in those folders; none where it does not belong to the layout."""
    domain = SINGLE
    if layout == "domains":  # trainA is train of a
        top = folders[0] if folders else ""
        if top[-1:] not in ("A", "B") or top[:-1].lower() not in SPLIT_FOLDERS:
            return ()
        domain, folders = top[-1].lower(), (top[:-1], *folders[1:])
    if layout == "two_folders":  # a/train or train/a
        below_split = len(folders) > 1 and folders[0].lower() in SPLIT_FOLDERS
        place = 1 if below_split else 0
        domain, folders = "".join(folders[place : place + 1]).lower(), folders[:place] + folders[place + 1 :]
        if domain not in ("a", "b"):
            return ()
    split = SPLIT_FOLDERS.get(folders[0].lower(), "") if folders else ""
    folders = folders[1:] if split else folders
    scene = "__".join([split, *folders, name] if split else [*folders, name])  # one name: it becomes a file's
    if layout == "side_by_side":
        return tuple(Part(scene, side, split, "", half) for side, half in zip(order, ("left", "right"), strict=True))
    return (Part(scene, domain, split, "/".join(folders) if layout == "labels" else ""),)


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
    return replace(listing, entries=kept, rejected=rejected)
