"""Which file is which image: folders of images in the arrangements that people have.

labels         images of any depth; the folder an image lies in is its label.
two_folders    a folder for each side of a pair, matched by file name without its ending: a/ b/, input/ target/, …
side_by_side   the pix2pix format: one file shows a in one half and b in the other.
domains        the CycleGAN format: trainA, trainB, testA, testB, or train_A …; equal names are taken for pairs.

In all of them folders may say the split, at any depth and in any case: train, Test, val_images, cat_train. Where a
folder of such a name could also be a class, a person is asked: what may be for testing is never trained on. Names of
files may say the label and the group: `genlab.data.sources.file_names`.
"""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from genlab.data.settings import DataSettings, Layout
from genlab.data.sources.file_names import read_name
from genlab.data.store import digest
from genlab.errors import GenlabError, printable
from genlab.media.base import Medium, every_name, medium_named

SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
SIDES = (
    ("a", "b"), ("domaina", "domainb"), ("input", "target"), ("inputs", "targets"), ("input", "output"),
    ("inputs", "outputs"), ("input", "gt"), ("input", "groundtruth"), ("source", "target"), ("src", "tgt"),
    ("lq", "gt"), ("lr", "hr"), ("label", "img"), ("image", "mask"), ("images", "masks"), ("img", "mask"),
    ("imgs", "masks"), ("image", "label"), ("images", "labels"),
)  # fmt: skip
"""What people call the folders of domains a and b: lower case, without what is no letter."""
SIDE_WORDS = {word for pair in SIDES for word in pair}
PLAIN_WORDS = {"set", "data", "dataset", "images", "image", "imgs", "img", "photos", "pictures"}
"""What may stand beside train or test in a folder's name and says nothing."""
_WORDS = "|".join(sorted(SIDE_WORDS | PLAIN_WORDS))
SPLIT_NAME = re.compile(rf"({_WORDS})?({'|'.join(SPLIT_FOLDERS)})({_WORDS})?")
KEPT_BY_SYSTEMS = {
    "__macosx", "@eadir", "@tmp", "@recycle", "@sharebin", "@recently-snapshot", "#recycle", "#snapshot",
    "$recycle.bin", "system volume information", "lost+found", "thumbnails", "thmbnl",
}  # fmt: skip
"""Folders in which systems, network disks and cameras keep copies, thumbnails and waste; in lower case."""
THUMBNAIL = ".thm"  # a camera's: a JPEG beside a film
LONGEST_ID = 120  # bytes: a file is named after it, often with more before and behind, and may have 255
SINGLE = "images"
"""The domain of a set that has only one."""
PAD, CROP = {"fit": "pad"}, {"fit": "crop"}
"""What suits small pictures of one size, and pictures of any size."""


@dataclass(frozen=True, slots=True)
class Part:
    """One image that a file gives."""

    id: str  # unique in its domain; the two sides of a pair share it
    domain: str  # "a", "b" or SINGLE
    split: str  # train, val, test, or "" if content decides
    label: str  # class name, or ""
    half: str = ""  # left or right: of the file, or "": all of it
    group: str = ""  # whom or what it belongs to, or ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or one array of a set that comes as arrays, with the images in it."""

    source: str  # what reports call it
    parts: tuple[Part, ...]
    path: Path | None = None
    held: np.ndarray | bytes = b""  # if there is no path: the array, or the bytes of a file


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
    suits: Mapping[str, Any] = field(default_factory=dict)  # settings that suit this source, where a person sets none
    rejected: list[Rejected] = field(default_factory=list)  # by their names alone
    ignored: dict[str, int] = field(default_factory=dict)  # ending -> how many files are no images
    square_halves: bool = False  # side_by_side: the halves of this set are square
    notes: list[str] = field(default_factory=list)  # what was decided by looking, and what was left out: sentences
    doubt: str = ""  # why these single images may be pairs, and what to set


@dataclass(frozen=True)
class Found:
    """What a walk through a folder found."""

    images: list[Path]  # in the order of their names
    ignored: dict[str, int]
    rejected: list[Rejected]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Said:
    """What the name of a folder says."""

    split: str = ""
    side: str = ""  # one of SIDE_WORDS
    rest: str = ""  # of the name without its split: a label
    sure: bool = False  # does it say a split and nothing else, such as a label?


@dataclass(frozen=True)
class Plan:
    """What the folders at each depth are for."""

    layout: Layout
    splits: tuple[int, ...]  # depths
    side: int | None = None  # depth
    pair: tuple[str, str] = SIDES[0]  # what side a is called, and side b


def list_folder(root: Path, settings: DataSettings) -> Listing:
    """The images of a folder, in the layout that `settings` names or that it is found to have.

    Raises:
        GenlabError: there is no such folder, it has no images, none of the layouts fits, or a folder may be a split or
            a class.
    """
    medium = medium_named(settings.medium)
    found = find_images(root, medium)
    places = {path: Path(printable(str(path.relative_to(root)))) for path in found.images}
    plan = _plan(root, {place.parts[:-1] for place in places.values()}, settings)
    notes, doubt = list(found.notes), ""
    two = medium.holds_two(found.images) if plan.layout in ("labels", "side_by_side") else False
    flat = len({_kept(place.parts[:-1], plan) for place in places.values()}) == 1
    if settings.layout is None and plan.layout == "labels" and flat:
        if two:
            plan = replace(plan, layout="side_by_side")
            notes.append("most files are twice as wide as high, so each is taken for two pictures side by side; where "
                         "each is one, set data.layout=labels")  # fmt: skip
        elif two is None:
            doubt = (f"the files in {root} are much wider than high; set data.layout=side_by_side if each "
                     "shows two pictures side by side, and data.layout=labels if it shows one")  # fmt: skip
    if settings.layout is None and plan.pair != SIDES[0]:
        notes.append(f"the folders {' and '.join(plan.pair)} are taken for two domains, the first for a; "
                     "data.order=ba turns them round, data.layout=labels takes them for labels")  # fmt: skip
    same_stem = Counter(place.with_suffix("") for place in places.values())
    entries, outside, rejected = [], [], list(found.rejected)
    for path, place in places.items():
        name = place.stem if place.suffix.lower() in medium.endings else place.name
        if plan.layout == "labels" and same_stem[place.with_suffix("")] > 1:
            name = place.name.replace(".", "_")
        source = str(place)
        parts = _parts(place.parts[:-1], name, plan, settings.order)
        if not parts:
            outside.append(source)
        elif named := _named(parts, place, plan, settings.file_names):
            entries.append(Entry(source, named, path))
        else:
            rejected.append(_misnamed(source, settings))
    if not entries and rejected:
        raise GenlabError(f"no file in {root} gives any {medium.unit}; the first: {rejected[0].source} "
                          f"{rejected[0].reason}")  # fmt: skip
    if outside:
        notes.append(f"{len(outside)} files lie in neither {' nor '.join(plan.pair)} and are left out; "
                     f"the first: {outside[0]}")  # fmt: skip
    domains = {part.domain for entry in entries for part in entry.parts}
    if plan.layout != "labels" and domains != {"a", "b"}:
        seen = f"as {plan.layout}, it has {', '.join(sorted(domains)) or 'no domain'} where a and b are needed"
        raise _does_not_fit(root, seen)
    if settings.layout is None and plan.layout == "labels" and (alike := _may_be_pairs(entries)):
        notes.append(alike)  # and no doubt: images of two classes are often numbered alike
    square = plan.layout == "side_by_side" and two is True
    return _without_clashes(
        Listing(printable(str(root)), plan.layout, entries, CROP, rejected, found.ignored, square, notes, doubt)
    )


def list_two_folders(a: Path, b: Path, settings: DataSettings) -> Listing:
    """The images of two folders that lie apart; equal names without their endings are pairs.

    Raises:
        GenlabError: one of them is missing or has no images, or a folder in them may be a split or something else.
    """
    medium = medium_named(settings.medium)
    entries, rejected, notes = [], [], []
    ignored: Counter[str] = Counter()
    for domain, folder in (("a", a), ("b", b)):
        found = find_images(folder, medium)
        ignored.update(found.ignored)
        rejected += [Rejected(f"{domain}:{one.source}", one.reason) for one in found.rejected]
        notes += [f"{domain}: {note}" for note in found.notes]
        places = {path: Path(printable(str(path.relative_to(folder)))) for path in found.images}
        plan = _plan(folder, {place.parts[:-1] for place in places.values()}, settings, "labels")
        for path, place in places.items():
            name = place.stem if place.suffix.lower() in medium.endings else place.name
            parts = _parts(place.parts[:-1], name, plan, settings.order)
            if named := _named(parts, place, plan, settings.file_names):
                entries.append(Entry(f"{domain}:{place}", (replace(named[0], domain=domain, label=""),), path))
            else:
                rejected.append(_misnamed(f"{domain}:{place}", settings))
    name = f"{a} and {b}"
    return _without_clashes(Listing(name, "two_folders", entries, CROP, rejected, dict(ignored), notes=notes))


def find_images(root: Path, medium: Medium) -> Found:
    """Files of any depth that are images by their ending or by their content.

    Names that begin with a dot and KEPT_BY_SYSTEMS are left out. Links are followed, after all that is no link, so that
    the order in which a disk lists its folders does not matter. What was read before, or is above, is not read again.

    Raises:
        GenlabError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise GenlabError(f"there is no folder {root}; set data.source to a folder of images, or to an embedded set")
    images: list[Path] = []
    rejected: list[Rejected] = []
    notes: list[str] = []
    ignored, left_out = Counter[str](), Counter[str]()
    top = os.path.realpath(root)
    seen: dict[str, Path] = {}
    waiting = [root]
    while waiting:
        start = waiting.pop(0)
        links = []
        for folder, folders, names in _walk(start, rejected):
            real = os.path.realpath(folder)
            above = f"{top}/".startswith(f"{real}/") and folder != root
            if above or real in seen:
                known = (
                    "this is inside it" if above else f"it is read as {printable(str(seen[real].relative_to(root)))}"
                )
                notes.append(f"the link {printable(str(folder.relative_to(root)))} is not followed: {known}")
                folders.clear()
                continue
            seen[real] = folder
            left_out.update(name for name in folders if name.lower() in KEPT_BY_SYSTEMS)
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and name.lower() not in KEPT_BY_SYSTEMS
            )
            links += [folder / name for name in folders if (folder / name).is_symlink()]
            for name in sorted(names):
                path, ending = folder / name, Path(name).suffix.lower()
                if name.startswith("."):
                    continue
                if ending in medium.endings or (ending != THUMBNAIL and medium.recognises(path)):
                    images.append(path)
                else:
                    ignored[printable(ending) or "no ending"] += 1
        waiting = sorted(waiting + links)
    if not images:
        found = ", ".join(f"{count} {ending}" for ending, count in ignored.items()) or "no files at all"
        first = f"; the first that cannot be read: {rejected[0].source} {rejected[0].reason}" if rejected else ""
        others = [name for name in every_name() if ignored.keys() & medium_named(name).endings]
        hint = f"set data.medium={others[0]}, or " if others else ""
        raise GenlabError(
            f"the folder {root} has no {medium.unit} (it has {found}){first}; {hint}set data.source to files ending in "
            f"{', '.join(sorted(medium.endings))}"
        )
    if left_out:
        kept = ", ".join(f"{count} {printable(name)}" for name, count in sorted(left_out.items()))
        notes.append(f"folders were left out in which systems and cameras keep thumbnails and waste: {kept}")
    return Found(sorted(images), dict(ignored), rejected, notes)


def _walk(start: Path, rejected: list[Rejected]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`os.walk`, with a line for every folder that cannot be opened."""

    def refuse(error: OSError) -> None:
        rejected.append(
            Rejected(printable(str(error.filename)), f"cannot be opened ({error.strerror}); check its rights")
        )

    for folder, folders, names in os.walk(start, onerror=refuse):
        yield Path(folder), folders, names


@cache
def said_by(folder: str) -> Said:
    """ "Test" says split test; "train_A" split train, side a; "cat_train" split train, rest cat; "masks" side masks."""
    plain = re.sub(r"[\W_]+", "", folder).lower()
    if found := SPLIT_NAME.fullmatch(plain):
        before, split, after = found.groups()
        side = next((word for word in (before, after) if word in SIDE_WORDS), "")
        return Said(SPLIT_FOLDERS[split], side, sure=True)
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", folder))
    for word, others in ((words[0], words[1:]), (words[-1], words[:-1])):
        if split := SPLIT_FOLDERS.get(word.lower()):
            return Said(split, rest="_".join(others))
    return Said(side=plain if plain in SIDE_WORDS else "", rest=folder)


def _plan(root: Path, folders: set[tuple[str, ...]], settings: DataSettings, layout: Layout | None = None) -> Plan:
    """What the folders that hold images, and those above them, are for. Layout labels stands for all but two domains.

    Raises:
        GenlabError: a folder may be a split or a class, or there is one of two domains only.
    """
    layout = layout or settings.layout
    levels = [{place[depth] for place in folders if len(place) > depth} for depth in range(max(map(len, folders)))]
    side, pair = None, SIDES[0]
    if layout in (None, "two_folders", "domains"):
        found = ((depth, _pair(names, layout)) for depth, names in enumerate(levels))
        side, pair = next(((depth, two) for depth, two in found if two), (None, pair))
    splits: list[int] = []
    for depth, names in enumerate(levels if settings.split_folders else []):
        meant = {name for name in names if depth != side or _side(name, pair) in pair}
        sure = sorted(name for name in meant if said_by(name).sure)
        said = {said_by(name).split for name in meant}
        if len(sure) == len(meant) or ("" not in said and len(said) > 1):
            splits.append(depth)
        elif sure and not splits:
            others = sorted(meant - set(sure))
            raise _unclear(root, sure[0], f"lies beside {', '.join(others[:3])}", "move the others into train")
    for place in sorted(folders):
        said = {said_by(place[depth]).split for depth in splits if depth < len(place)} - {""}
        if len(said) > 1 and "test" in said:
            raise _unclear(root, "/".join(place), f"says {' and '.join(sorted(said))}", "rename what is not the split")
    if layout is None and side is None:
        for name in sorted(set().union(*levels)):
            if said_by(name).sure and said_by(name).side not in ("", *PLAIN_WORDS):
                raise _does_not_fit(root, f"it has {', '.join(sorted(levels[0]))}")
    if layout is None:
        layout = "labels" if side is None else "domains" if side in splits else "two_folders"
    return Plan(layout, tuple(splits), side, pair)


def _pair(names: set[str], layout: Layout | None) -> tuple[str, str] | None:
    """What sides a and b are called among the names of folders at one depth, if they are there."""
    words = {said_by(name).side for name in names}
    for pair in SIDES:
        if words == set(pair) or (layout is not None and words >= set(pair)):
            return pair
    plain = sorted(name for name in names if not said_by(name).sure)
    return (plain[0], plain[1]) if layout == "two_folders" and len(plain) == len(names) == 2 else None


def _side(folder: str, pair: tuple[str, str]) -> str:
    return side if (side := said_by(folder).side) in pair else folder


def _unclear(root: Path, folder: str, why: str, remedy: str) -> GenlabError:
    return GenlabError(
        f"the folder {folder} in {root} {why}, so it may be a split or a class; if it is a split, "
        f"{remedy}; if it is a class, rename it, or set data.split_folders=false: then no folder says a split"
    )


def _does_not_fit(root: Path, found: str) -> GenlabError:
    return GenlabError(
        f"the images in {root} are in none of the layouts Genlab knows ({found}). They are: labels (a "
        "folder for each label; train, val, test above them if you like), two_folders (a/ and b/, or input/ and "
        "target/; equal file names are pairs), side_by_side (each file shows a and b in its halves), domains (trainA, "
        "trainB, testA, testB). Arrange them so, or name the one it is with data.layout"
    )


def _kept(folders: tuple[str, ...], plan: Plan) -> tuple[str, ...]:
    """The folders without those that say a split or a side."""
    rest = [said_by(folder).rest if depth in plan.splits else folder for depth, folder in enumerate(folders)]
    return tuple(folder for depth, folder in enumerate(rest) if folder and depth != plan.side)


def _parts(folders: tuple[str, ...], name: str, plan: Plan, order: str) -> tuple[Part, ...]:
    """The images in a file of that name in those folders; none where it does not belong to the layout."""
    said = [said_by(folders[depth]).split for depth in plan.splits if depth < len(folders)]
    split = next((one for one in reversed(said) if one), "")  # train/val is val
    kept = _kept(folders, plan)
    scene = image_id((split, *kept, name) if split else (*kept, name))
    if plan.layout == "side_by_side":
        return tuple(Part(scene, side, split, "", half) for side, half in zip(order, ("left", "right"), strict=True))
    if plan.side is None:
        return (Part(scene, SINGLE, split, "/".join(kept)),)
    side = _side(folders[plan.side], plan.pair) if plan.side < len(folders) else ""
    if side not in plan.pair:
        return ()
    return (Part(scene, ("ab" if plan.pair == SIDES[0] else order)[plan.pair.index(side)], split, ""),)


def _named(parts: tuple[Part, ...], place: Path, plan: Plan, rule: str | None) -> tuple[Part, ...]:
    """The images in a file with what its name says of label and group; none where it does not follow the rule."""
    if rule is None:
        return parts
    said = read_name(rule, (*_kept(place.parts[:-1], plan), place.stem))
    if said is None:
        return ()
    label = said["label"] if plan.layout == "labels" else ""
    return tuple(replace(part, label=label, group=said.get("group", "")) for part in parts)


def _misnamed(source: str, settings: DataSettings) -> Rejected:
    return Rejected(source, f"is not named {settings.file_names}; rename it, or mend data.file_names")


def image_id(parts: tuple[str, ...]) -> str:
    """One name for the image in a place. Files are named after it, and no other place has it.

    The parts are joined by two underscores. Where that is unclear, too long, or no text, a digest stands behind it.
    """
    parts = tuple(unicodedata.normalize("NFC", part) for part in parts)  # as macOS may write the same name otherwise
    joined = "__".join(parts)
    plain = "".join(sign if sign.isprintable() else "_" for sign in joined)
    short = plain.encode()[:LONGEST_ID].decode(errors="ignore")
    clear = not any("__" in part for part in parts) and (
        len(parts) == 1 or not any(part.startswith("_") or part.endswith("_") for part in parts)
    )
    if clear and short == joined:
        return short
    return f"{short}~{digest('/'.join(parts).encode('utf-8', 'surrogateescape'))[:8]}"


def _may_be_pairs(entries: list[Entry]) -> str:
    """Why images with labels may be pairs: two labels have files of the same names."""
    names: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        names.setdefault(entry.parts[0].label, set()).add((entry.parts[0].split, Path(entry.source).stem))
    if len(names) != 2 or "" in names:
        return ""
    (a, in_a), (b, in_b) = sorted(names.items())
    if in_a != in_b or len(in_a) == 1:
        return ""
    return (
        f"the folders {a} and {b} hold files of the same names; set data.layout=two_folders if these are pairs ({a} "
        "becomes domain a; data.order=ba turns them round), and data.layout=labels if they are two classes"
    )


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
