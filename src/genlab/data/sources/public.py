"""Public sets by name: where they are, what is in them, and how they get here. `public.yml` is the catalogue.

A set is looked for on disk first, so a copy needs no network. Its place is `<root>/<name>/...`, or the root itself, or
an archive in either of them.
"""

from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict, TypeAdapter

from genlab.data.sources.archives import ENDINGS, unpack
from genlab.data.sources.download import DownloadError, check_file, keep_checksum
from genlab.data.sources.download import download as fetch
from genlab.errors import GenlabError
from genlab.media.base import PICTURES

UNPACKED = "unpacked"  # the folder below a set's own into which an archive goes
IMAGES = (".jpg", ".jpeg", ".png")


class Published(BaseModel):
    """A file to download."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    addresses: tuple[str, ...] = ()
    checksum: str | None = None  # "sha256:..." or "md5:..."


class PublicSet(BaseModel):
    """The facts about a set. The head of `public.yml` describes the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    layout: Literal["side_by_side", "domains", "idx", "torchvision", "celeba", "named"]
    medium: str = PICTURES
    size: int
    channels: int
    a: str = ""
    b: str = ""
    shows: str = ""
    source: str
    labels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    files: dict[str, Published] = {}
    by_hand: str = ""
    holds: tuple[str, ...] = ()
    torchvision: str = ""
    splits: dict[str, dict[str, Any]] = {}

    @property
    def has_two_domains(self) -> bool:
        return self.layout in ("side_by_side", "domains")


def _read_catalogue() -> dict[str, PublicSet]:
    facts: Any = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_name("public.yml")))
    named = {name: {"name": name, **entry} for name, entry in facts.items()}
    return TypeAdapter(dict[str, PublicSet]).validate_python(named)


SETS = _read_catalogue()


def layout_of(folder: Path) -> Literal["side_by_side", "domains"] | None:
    """How the images in a folder are laid out, None if in neither of the two ways.

    A set of pairs can be either: in two domains, equal file names make a pair.
    """
    if all(_has_images(folder / f"train{side}") for side in "AB") or _has_images(folder / "testA"):
        return "domains"
    return "side_by_side" if _has_images(folder / "train") else None


def locate(entry: PublicSet, root: Path) -> Path:
    """The folder that holds the set: a copy under `root`, unpacked where need be, or downloaded to there.

    A set of two domains has train or trainA in that folder, see `layout_of`. Another set has there what `holds` names.

    Raises:
        GenlabError: the set is not here and cannot be downloaded, and the message says what to fetch by hand and where
            to put it; or its archive is damaged or unsafe.
    """
    if found := _find(entry, root):
        return found
    own = _own_folder(entry, root)
    for file, published in entry.files.items():
        packed = file.endswith(ENDINGS)
        path = next((folder / file for folder in (root, own) if (folder / file).is_file()), None)
        if path is not None:
            check_file(path, published.checksum)
        elif published.addresses:
            path = _fetch(entry, file, root if packed else own, root)
        else:
            raise _missing(entry, root)
        if packed:
            unpack(path, own / UNPACKED)
            if published.checksum is None:
                keep_checksum(path)
    if found := _find(entry, root):
        return found
    if not entry.files:
        raise _missing(entry, root)
    wanted = {"side_by_side": "images in train, val or test", "domains": "images in trainA and trainB"}
    raise GenlabError(
        f"{entry.name} was brought to {own}, but no {wanted.get(entry.layout) or ', '.join(entry.holds)} are in it"
    )


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in IMAGES for path in folder.iterdir())


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()}


def _holds(folder: Path, entry: PublicSet) -> bool:
    """Whether the set itself lies in `folder`. A set of pairs may also lie there as two folders of equal file names."""
    if not entry.has_two_domains:
        wanted = [(folder / name, folder / name.removesuffix(".gz")) for name in entry.holds or entry.files]
        return all(packed.exists() or plain.exists() for packed, plain in wanted)
    layout = layout_of(folder)
    if layout == entry.layout:
        return True
    pairs = entry.layout == "side_by_side" and layout == "domains" and _has_images(folder / "trainA")
    return pairs and bool(_names(folder / "trainA") & _names(folder / "trainB"))


def _own_folder(entry: PublicSet, root: Path) -> Path:
    return root if root.name == entry.name else root / entry.name


def _find(entry: PublicSet, root: Path) -> Path | None:
    """The set's folder: at most two below that of its name, its published name or torchvision's name; or the root."""
    published = [file.partition(".")[0] for file in entry.files]
    tops = [_own_folder(entry, root), *(root / name for name in (*published, entry.torchvision) if name)]
    for top in dict.fromkeys(tops):
        below = _folders(top)
        deeper = [inner for outer in below for inner in _folders(outer)]
        for folder in (top, *below, *deeper):
            if _holds(folder, entry):
                return folder
    return root if _holds(root, entry) else None


def _folders(folder: Path) -> list[Path]:
    """Sub-folders by name. Those with a leading dot are half unpacked, from a run that was killed."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir())


def _missing(entry: PublicSet, root: Path, why: str = "") -> GenlabError:
    """What to fetch by hand and where to put it."""
    found = f"{entry.name} is not under {root}{why}. "
    own = _own_folder(entry, root)
    if entry.by_hand:
        return GenlabError(f"{found}It cannot be downloaded by a program. {entry.by_hand}, and put them into {own}. "
                           f"Source: {entry.source}")  # fmt: skip
    addresses = [published.addresses[0] for published in entry.files.values()]
    place = root if all(file.endswith(ENDINGS) for file in entry.files) else own
    later = "Try again later, what came so far is kept; or fetch" if why else "Fetch"
    return GenlabError(
        f"{found}{later} {', '.join(addresses)} by hand, in a browser or on another machine, and put what comes into "
        f"{place} as it is; or name the folder of a copy that you have with --params=data.root=FOLDER. "
        f"Source: {entry.source}"
    )


def _fetch(entry: PublicSet, file: str, folder: Path, root: Path) -> Path:
    """One of the set's files. Where it cannot be had, the error is about the whole set."""
    try:
        return fetch(entry.files[file].addresses, folder / file, entry.files[file].checksum)
    except DownloadError as error:
        raise _missing(entry, root, f" and cannot be downloaded now ({error.reason})") from error
