"""Public sets by name: where they are, what is in them, and how to come by them once.

The pix2pix and CycleGAN families lie on their authors' server (the lists are those of the download scripts in
junyanz/pytorch-CycleGAN-and-pix2pix); where both have a set of one name, the CycleGAN one is `NAME_unpaired`. The
checksums of the CycleGAN archives are those that TensorFlow Datasets publishes (url_checksums/cycle_gan.txt); for the
others the first download's is kept. MNIST and its like are described, and their images read, by torchvision.

Every set is looked for under a root first, so that a copy on disk needs no network: `<root>/<name>/...`, or the archive
as it was published, or the root itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genlab.data.sources.archives import unpack
from genlab.data.sources.download import DownloadError, check_file
from genlab.data.sources.download import download as fetch
from genlab.data.sources.idx import read_idx
from genlab.errors import GenlabError

Layout = Literal["side_by_side", "domains", "torchvision"]
"""side_by_side: folders train, val, test of files that show a in their left half and b in their right · domains:
folders trainA, trainB, testA, testB · torchvision: images with a label each."""

PIX2PIX = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
CYCLEGAN = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"
UNPACKED = "unpacked"  # the folder under <root>/<name> into which an archive goes
IMAGES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PublicSet:
    """What is known of a set before it is there."""

    name: str
    layout: Layout
    size: int  # H = W in pixels, at which its paper trains
    channels: int
    a: str  # what domain a shows; for torchvision, the set's images
    b: str  # what domain b shows
    source: str  # whom to cite, and the licence where one is stated
    archive: str = ""  # its name as published
    addresses: tuple[str, ...] = ()  # where the archive is; none where its licence forbids to pass it on
    checksum: str | None = None  # "sha256:..." of the archive, None where nobody publishes it
    by_hand: str = ""  # what to do where there is no address
    torchvision: str = ""  # the class in torchvision.datasets
    labels: tuple[str, ...] = ()  # by number


def _pix2pix(name: str, a: str, b: str, source: str) -> PublicSet:
    archive = f"{name}.tar.gz"
    return PublicSet(name, "side_by_side", 256, 3, a, b, source, archive, (f"{PIX2PIX}/{archive}",))


def _cyclegan(name: str, a: str, b: str, source: str, sha256: str | None, published: str | None = None) -> PublicSet:
    archive = f"{published or name}.zip"
    checksum = f"sha256:{sha256}" if sha256 else None
    return PublicSet(name, "domains", 256, 3, a, b, source, archive, (f"{CYCLEGAN}/{archive}",), checksum)


CITYSCAPES = "Cordts et al. 2016; free for research after registration, not to be passed on"
CITYSCAPES_BY_HAND = (
    "Register at https://www.cityscapes-dataset.com, fetch gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip. "
    "From every photo and its gtFine *_color.png make "
)
FACADES = "Tylecek and Sara 2013, the CMP facades; research use"
MAPS = "Isola et al. 2017, from Google Maps; no licence stated"
IMAGENET = "Zhu et al. 2017, from ImageNet; no licence stated"
PAINTINGS = "Zhu et al. 2017, paintings from WikiArt and photos from Flickr; no licence stated"
FLICKR = "Zhu et al. 2017, from Flickr; no licence stated"
DIGITS = tuple("0123456789")

SETS: dict[str, PublicSet] = {
    entry.name: entry
    for entry in (
        _pix2pix("facades", "photo", "labels", FACADES),
        _pix2pix("maps", "aerial photo", "map", MAPS),
        _pix2pix("edges2shoes", "edges", "shoe", "Yu and Grauman 2014, UT Zappos50K; academic use"),
        _pix2pix("edges2handbags", "edges", "handbag", "Zhu et al. 2016 (iGAN), from Amazon; no licence stated"),
        _pix2pix("night2day", "night", "day", "Laffont et al. 2014, transient attributes; no licence stated"),
        PublicSet(
            "cityscapes", "side_by_side", 256, 3, "street", "labels", CITYSCAPES,
            by_hand=CITYSCAPES_BY_HAND + "one file, 256 pixels high and 512 wide, the photo on the left, in folders "
            "train and val",
        ),
        PublicSet(
            "cityscapes_unpaired", "domains", 128, 3, "street", "labels", CITYSCAPES,
            by_hand=CITYSCAPES_BY_HAND + "two files of 256 x 256 pixels, the photos in folders trainA and testA, the "
            "labels in trainB and testB",
        ),
        _cyclegan("apple2orange", "apple", "orange", IMAGENET,
                  "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8"),
        _cyclegan("horse2zebra", "horse", "zebra", IMAGENET,
                  "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1"),
        _cyclegan("summer2winter_yosemite", "summer", "winter", FLICKR,
                  "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9"),
        _cyclegan("monet2photo", "Monet", "photo", PAINTINGS,
                  "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04"),
        _cyclegan("cezanne2photo", "Cezanne", "photo", PAINTINGS,
                  "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff"),
        _cyclegan("ukiyoe2photo", "ukiyo-e", "photo", PAINTINGS,
                  "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08"),
        _cyclegan("vangogh2photo", "van Gogh", "photo", PAINTINGS,
                  "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff"),
        _cyclegan("iphone2dslr_flower", "telephone", "camera", FLICKR,
                  "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113"),
        _cyclegan("ae_photos", "photo", "photo", "Zhu et al. 2017, photos by Alexei Efros; no licence stated", None),
        _cyclegan("maps_unpaired", "aerial photo", "map", MAPS,
                  "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e", "maps"),
        _cyclegan("facades_unpaired", "photo", "labels", FACADES,
                  "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0", "facades"),
        PublicSet("mnist", "torchvision", 28, 1, "digit", "", "LeCun et al. 1998; CC BY-SA 3.0",
                  torchvision="MNIST", labels=DIGITS),
        PublicSet("fashion_mnist_full", "torchvision", 28, 1, "garment", "", "Xiao et al. 2017; MIT",
                  torchvision="FashionMNIST",
                  labels=("t_shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                          "ankle_boot")),
        PublicSet("kmnist", "torchvision", 28, 1, "character", "", "Clanuwat et al. 2018; CC BY-SA 4.0",
                  torchvision="KMNIST", labels=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
        PublicSet("cifar10", "torchvision", 32, 3, "photo", "", "Krizhevsky 2009; no licence stated",
                  torchvision="CIFAR10",
                  labels=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")),
        PublicSet("svhn", "torchvision", 32, 3, "house number", "", "Netzer et al. 2011; non-commercial use",
                  torchvision="SVHN", labels=DIGITS),
        PublicSet(
            "celeba", "torchvision", 64, 3, "face", "", "Liu et al. 2015; non-commercial research",
            torchvision="CelebA", labels=("face",),
            by_hand="Fetch img_align_celeba.zip, list_attr_celeba.txt, identity_CelebA.txt, list_bbox_celeba.txt, "
            "list_landmarks_align_celeba.txt and list_eval_partition.txt from Google Drive (the link to it is at "
            "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; a program is often turned away there)",
        ),
    )
}  # fmt: skip


def public_set(name: str) -> PublicSet:
    """The catalogue's entry.

    Raises:
        GenlabError: there is no set of that name; the message names the nearest.
    """
    if name not in SETS:
        close = get_close_matches(name, SETS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise GenlabError(f"there is no public set {name!r}; {hint}Known are {', '.join(SETS)}")
    return SETS[name]


def layout_of(folder: Path) -> Literal["side_by_side", "domains"] | None:
    """How the images in a folder are laid out, None where it is neither of the two ways.

    A paired set can be either: in two domains, equal file names make a pair.
    """
    if all(_has_images(folder / f"train{side}") for side in "AB") or _has_images(folder / "testA"):
        return "domains"
    return "side_by_side" if _has_images(folder / "train") else None


def locate(name: str, root: Path, download: bool = True) -> Path:
    """The folder that holds set `name`: a copy under `root`, unpacked where need be, or else downloaded to there.

    For the layouts side_by_side and domains it is the one with train or trainA in it, see `layout_of`; for torchvision
    the one with the gzipped IDX files in it, or what torchvision calls its root.

    Raises:
        GenlabError: there is no such set, or it is not there and cannot be downloaded: the message says what to fetch
            by hand and where to put it; or its archive is damaged or unsafe.
    """
    entry = public_set(name)
    if entry.layout == "torchvision":
        return _locate_torchvision(entry, root, download)
    if found := _find(entry, root):
        return found
    if archive := _archive_on_disk(entry, root):
        check_file(archive, entry.checksum)
    elif download and entry.addresses:
        archive = _fetch(entry.addresses, root / entry.archive, entry.checksum, entry, root)
    else:
        raise _missing(entry, root)
    unpack(archive, root / name / UNPACKED)
    if found := _find(entry, root):
        return found
    raise GenlabError(f"{archive} was unpacked to {root / name / UNPACKED}, but no {_expected(entry)} are in it")


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in IMAGES for path in folder.iterdir())


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()}


def _holds(folder: Path, entry: PublicSet) -> bool:
    """Whether the set itself lies in `folder`. A set of pairs may also lie there as two folders of equal file names."""
    layout = layout_of(folder)
    if layout == entry.layout:
        return True
    pairs = entry.layout == "side_by_side" and layout == "domains" and _has_images(folder / "trainA")
    return pairs and bool(_names(folder / "trainA") & _names(folder / "trainB"))


def _find(entry: PublicSet, root: Path) -> Path | None:
    """The set's folder: under <root>/<name>, or its published name, at most two folders down; or the root."""
    for top in dict.fromkeys((root / entry.name, root / entry.archive.partition(".")[0])):
        if top == root or not top.is_dir():
            continue
        below = _folders(top)
        deeper = [inner for outer in below for inner in _folders(outer)]
        for folder in (top, *below, *deeper):
            if _holds(folder, entry):
                return folder
    return root if _holds(root, entry) else None


def _folders(folder: Path) -> list[Path]:
    """Sub-folders by name; those with a leading dot are half unpacked, from a run that was killed."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _archive_on_disk(entry: PublicSet, root: Path) -> Path | None:
    if not entry.archive:
        return None
    places = (root / entry.archive, root / entry.name / entry.archive)
    return next((path for path in places if path.is_file()), None)


def _expected(entry: PublicSet) -> str:
    return "images in train, val or test" if entry.layout == "side_by_side" else "images in trainA and trainB"


def _missing(entry: PublicSet, root: Path, why: str = "") -> GenlabError:
    """What to fetch by hand and where to put it."""
    found = f"{entry.name} is not under {root}{why}. "
    if entry.by_hand:
        return GenlabError(f"{found}It cannot be downloaded by a program. {entry.by_hand}, and put them into "
                           f"{root / entry.name}. Source: {entry.source}")  # fmt: skip
    files = entry.addresses or tuple(addresses[0] for addresses, _, _ in _torchvision_files(entry))
    place = root if entry.archive else root / entry.name
    later = "Try again later, what came so far is kept; or fetch" if why else "Fetch"
    return GenlabError(
        f"{found}{later} {', '.join(files)} by hand, in a browser or on another machine, and put what comes into "
        f"{place} as it is; or name the folder of a copy that you have with --params=data.root=FOLDER. "
        f"Source: {entry.source}"
    )


def _fetch(addresses: tuple[str, ...], path: Path, checksum: str | None, entry: PublicSet, root: Path) -> Path:
    """One of the set's files; where it cannot be had, the error is about the whole set."""
    try:
        return fetch(addresses, path, checksum)
    except DownloadError as error:
        raise _missing(entry, root, f" and cannot be downloaded now ({error.reason})") from error


def _torchvision_files(entry: PublicSet) -> list[tuple[tuple[str, ...], str, str]]:
    """What torchvision would download: addresses, file name, checksum. None for CelebA, which is on Google Drive."""
    described: Any = _torchvision_class(entry)
    if entry.name == "cifar10":
        return [((described.url,), described.filename, f"md5:{described.tgz_md5}")]
    if entry.name == "svhn":
        return [
            ((address,), file, f"md5:{md5}") for address, file, md5 in map(described.split_list.get, ("train", "test"))
        ]
    return [
        (tuple(f"{mirror}{file}" for mirror in described.mirrors), file, f"md5:{md5}")
        for file, md5 in described.resources
    ]


def _torchvision_class(entry: PublicSet) -> Any:
    from torchvision import datasets

    return getattr(datasets, entry.torchvision)


IDX_FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def _is_there(entry: PublicSet, folder: Path) -> bool:
    """Whether `folder` is what torchvision calls its root, with everything in it unpacked, or holds the IDX files."""
    if entry.name == "cifar10":
        return (folder / "cifar-10-batches-py").is_dir()
    if entry.name == "svhn":
        return all((folder / f"{part}_32x32.mat").is_file() for part in ("train", "test"))
    if entry.name == "celeba":
        return (folder / "celeba" / "img_align_celeba").is_dir()
    raw = folder / entry.torchvision / "raw"
    unpacked = all((raw / file.removesuffix(".gz")).is_file() for file in IDX_FILES)
    return unpacked or _has_idx(folder)


def _has_idx(folder: Path) -> bool:
    return all((folder / file).is_file() for file in IDX_FILES)


def _locate_torchvision(entry: PublicSet, root: Path, allowed: bool) -> Path:
    own = root / entry.name
    places = [own / entry.torchvision / "raw", root / entry.torchvision / "raw", own, own / UNPACKED, root]
    if entry.name == "celeba":
        places = [root, root.parent] if root.name == "celeba" else [root]
        for place in places:
            _unpack_celeba(place / "celeba")
    for place in places:
        if _is_there(entry, place):
            return place
    if entry.by_hand:
        raise _missing(entry, root)
    for addresses, file, checksum in _torchvision_files(entry):
        path = next((folder / file for folder in (own, root) if (folder / file).is_file()), own / file)
        if not path.exists() and not allowed:
            raise _missing(entry, root)
        _fetch(addresses, path, checksum, entry, root)
        if entry.name == "cifar10":
            unpack(path, own / UNPACKED)
    return own / UNPACKED if entry.name == "cifar10" else own


def _unpack_celeba(folder: Path) -> None:
    """Unpack the images beside their archive, where torchvision looks for them."""
    archive = folder / "img_align_celeba.zip"
    if archive.is_file() and not (folder / "img_align_celeba").exists():
        unpack(archive, folder / UNPACKED)
        (folder / UNPACKED / "img_align_celeba").replace(folder / "img_align_celeba")
        (folder / UNPACKED).rmdir()


def iterate_torchvision(name: str, root: Path, download: bool = True) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every image of a torchvision set in its published order: split, label, pixels (H, W) or (H, W, 3) uint8.

    Splits are "train" and "test", and for CelebA "val" too.

    Raises:
        GenlabError: as `locate`; or the files on disk are damaged, or not those of this set.
    """
    entry = public_set(name)
    folder = locate(name, root, download)
    if _has_idx(folder):
        yield from _iterate_idx(entry, folder)
        return
    described = _torchvision_class(entry)
    choices: dict[str, dict[str, Any]]
    if name == "celeba":
        choices = {
            split: {"split": theirs, "target_type": []}
            for split, theirs in (("train", "train"), ("val", "valid"), ("test", "test"))
        }
    elif name == "svhn":
        choices = {"train": {"split": "train"}, "test": {"split": "test"}}
    else:
        choices = {"train": {"train": True}, "test": {"train": False}}
    for split, choice in choices.items():
        try:
            images = described(folder, download=False, **choice)
        except RuntimeError as error:
            raise GenlabError(
                f"what lies in {folder} is not {name} as torchvision knows it: files are missing or differ from those "
                f"published. {_missing(entry, root)}"
            ) from error
        for image, label in images:
            yield split, entry.labels[label or 0], np.asarray(image)


def _iterate_idx(entry: PublicSet, folder: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    for split, part in (("train", "train"), ("test", "t10k")):
        path = folder / f"{part}-images-idx3-ubyte.gz"
        images, labels = read_idx(path), read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
        if len(images) != len(labels) or labels.max(initial=0) >= len(entry.labels):
            raise GenlabError(
                f"{path} and its labels are not {entry.name}: {len(images)} images, {len(labels)} labels up to "
                f"{labels.max(initial=0)}, where there are {len(entry.labels)} classes. Fetch both files again"
            )
        for image, label in zip(images, labels, strict=True):
            yield split, entry.labels[label], image
