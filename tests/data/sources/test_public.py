import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile
from PIL import Image

from genlab.data.settings import DataSettings
from genlab.data.sources import archives, public
from genlab.data.sources import download as downloads
from genlab.data.sources.listing import list_public
from genlab.data.sources.public import SETS, Published, layout_of, locate
from genlab.errors import GenlabError

get = requests.get
ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("GENLAB_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Nothing in here may reach out; where something tries, it is as without a network."""
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)

    asked = []

    def offline(address, **arguments):
        asked.append(address)
        raise requests.ConnectionError("offline")

    monkeypatch.setattr(downloads.requests, "get", offline)
    return asked


def shared(name):
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here; GENLAB_DATA names another place")
    return SHARED


def jpg(width=16, height=16, grey=0):
    file = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey)).save(file, "JPEG")
    return file.getvalue()


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpg())
    return folder


def make_zip(path, *names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, jpg())
    return path


def make_tar(path, contents):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def known(monkeypatch, name, path):
    """As if the archive at `path` were the published one."""
    published(monkeypatch, name, path.name, "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())


def published(monkeypatch, name, file, checksum, *addresses):
    known = SETS[name].files[file]
    files = {**SETS[name].files, file: Published(addresses=addresses or known.addresses, checksum=checksum)}
    monkeypatch.setitem(SETS, name, SETS[name].model_copy(update={"files": files}))


def images(name, root):
    """Split, label, pixels of every image of a set that comes as arrays."""
    listing = list_public(name, root, DataSettings())
    return [(entry.parts[0].split, entry.parts[0].label, entry.held) for entry in listing.entries]


DOMAINS = ("trainA/1.jpg", "trainB/2.jpg", "testA/3.jpg", "testB/4.jpg")


def test_the_catalogue_has_the_lists_of_the_authors():
    paired = {"facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"}
    unpaired = {
        "apple2orange", "summer2winter_yosemite", "horse2zebra", "monet2photo", "cezanne2photo", "ukiyoe2photo",
        "vangogh2photo", "maps_unpaired", "cityscapes_unpaired", "facades_unpaired", "iphone2dslr_flower", "ae_photos",
    }  # fmt: skip
    by_layout = {
        "side_by_side": paired, "domains": unpaired, "idx": {"mnist", "fashion_mnist_full", "kmnist"},
        "torchvision": {"cifar10", "svhn"}, "celeba": {"celeba"}, "named": {"spoken_digits"},
    }  # fmt: skip
    assert {layout: {s.name for s in SETS.values() if s.layout == layout} for layout in by_layout} == by_layout
    for entry in SETS.values():
        assert entry.source
        assert entry.by_hand or entry.files
        for file, one in entry.files.items():
            assert all(address.endswith("/" + file) for address in one.addresses)
            kind, _, digits = (one.checksum or "").partition(":")
            assert len(digits) == {"": 0, "sha256": 64, "md5": 32}[kind]


def test_addresses_and_checksums_are_those_that_torchvision_knows():
    from torchvision import datasets

    for name in ("mnist", "fashion_mnist_full", "kmnist"):
        described = getattr(datasets, SETS[name].torchvision)
        assert SETS[name].files == {
            file: Published(addresses=tuple(mirror + file for mirror in described.mirrors), checksum=f"md5:{md5}")
            for file, md5 in described.resources
        }
    described = datasets.CIFAR10
    wanted = {described.filename: Published(addresses=(described.url,), checksum=f"md5:{described.tgz_md5}")}
    assert SETS["cifar10"].files == wanted
    parts = [datasets.SVHN.split_list[split] for split in ("train", "test")]
    assert SETS["svhn"].files == {file: Published(addresses=(url,), checksum=f"md5:{md5}") for url, file, md5 in parts}


@pytest.mark.parametrize("place", ["horse2zebra", "horse2zebra/horse2zebra", ".", "horse2zebra/unpacked/horse2zebra"])
def test_an_unpacked_copy_is_used(place, tmp_path):
    put(tmp_path / place, *DOMAINS)
    assert locate(SETS["horse2zebra"], tmp_path) == tmp_path / place


def test_a_set_of_another_name_is_not_taken_for_it(tmp_path):
    put(tmp_path / "apple2orange", *DOMAINS)
    with pytest.raises(GenlabError, match=r"horse2zebra is not under .*cannot be downloaded now"):
        locate(SETS["horse2zebra"], tmp_path)
    with pytest.raises(GenlabError, match="cityscapes_unpaired is not under"):
        locate(SETS["cityscapes_unpaired"], tmp_path)


def test_two_sets_of_one_name_are_kept_apart(tmp_path):
    put(tmp_path / "maps", "train/1.jpg", "val/1.jpg")
    assert locate(SETS["maps"], tmp_path) == tmp_path / "maps"
    with pytest.raises(GenlabError, match=r"maps\.zip"):
        locate(SETS["maps_unpaired"], tmp_path)
    put(tmp_path / "maps_unpaired", *DOMAINS)
    assert locate(SETS["maps_unpaired"], tmp_path) == tmp_path / "maps_unpaired"
    assert locate(SETS["maps"], tmp_path) == tmp_path / "maps"


def test_pairs_may_lie_in_two_folders_of_equal_names(tmp_path):
    put(tmp_path / "facades", "trainA/1.jpg", "trainB/1.jpg")
    assert locate(SETS["facades"], tmp_path) == tmp_path / "facades"
    assert layout_of(tmp_path / "facades") == "domains"
    other = put(tmp_path / "other" / "facades", "trainA/1_A.jpg", "trainB/1_B.jpg")
    with pytest.raises(GenlabError):
        locate(SETS["facades"], other.parent)
    assert locate(SETS["facades_unpaired"], other.parent) == other


def test_layouts(tmp_path):
    assert layout_of(put(tmp_path / "a", "train/1.jpg")) == "side_by_side"
    assert layout_of(put(tmp_path / "b", *DOMAINS)) == "domains"
    assert layout_of(put(tmp_path / "c", "testA/1.jpg")) == "domains"
    assert layout_of(put(tmp_path / "d", "1.jpg")) is None
    (tmp_path / "e" / "train").mkdir(parents=True)
    assert layout_of(tmp_path / "e") is None


@pytest.mark.parametrize("place", ["horse2zebra.zip", "horse2zebra/horse2zebra.zip"])
def test_an_archive_on_disk_is_unpacked_without_a_network(place, tmp_path, monkeypatch):
    archive = make_zip(tmp_path / place, *(f"horse2zebra/{name}" for name in DOMAINS))
    known(monkeypatch, "horse2zebra", archive)
    folder = locate(SETS["horse2zebra"], tmp_path)
    assert layout_of(folder) == "domains"
    assert archive.exists()
    assert locate(SETS["horse2zebra"], tmp_path) == folder


def test_what_lies_beside_the_archive_stays(tmp_path, monkeypatch):
    (tmp_path / "horse2zebra").mkdir()
    (tmp_path / "horse2zebra" / "notes.txt").write_text("mine")
    known(monkeypatch, "horse2zebra", make_zip(tmp_path / "horse2zebra.zip", *DOMAINS))
    locate(SETS["horse2zebra"], tmp_path)
    assert (tmp_path / "horse2zebra" / "notes.txt").read_text() == "mine"


def test_what_a_killed_run_half_unpacked_is_not_trusted(tmp_path, monkeypatch):
    put(tmp_path / "horse2zebra" / ".unpacked.x1y2" / "horse2zebra", *DOMAINS)
    with pytest.raises(GenlabError, match="cannot be downloaded now"):
        locate(SETS["horse2zebra"], tmp_path)


def test_a_wrong_archive_is_not_unpacked(tmp_path):
    make_zip(tmp_path / "horse2zebra.zip", *DOMAINS)
    with pytest.raises(GenlabError, match=r"horse2zebra\.zip has the sha256 .*published is a74d9d39"):
        locate(SETS["horse2zebra"], tmp_path)
    assert not (tmp_path / "horse2zebra").exists()


def test_an_unsafe_archive_leaves_nothing(tmp_path, monkeypatch):
    known(monkeypatch, "horse2zebra", make_zip(tmp_path / "horse2zebra.zip", *DOMAINS, "../evil.jpg"))
    with pytest.raises(GenlabError, match="outside its folder"):
        locate(SETS["horse2zebra"], tmp_path)
    assert [path.name for path in tmp_path.rglob("*.jpg")] == []


def test_an_archive_without_the_images_says_so(tmp_path, monkeypatch):
    known(monkeypatch, "horse2zebra", make_zip(tmp_path / "horse2zebra.zip", "readme/1.jpg"))
    with pytest.raises(GenlabError, match="no images in trainA and trainB are in it"):
        locate(SETS["horse2zebra"], tmp_path)


def test_without_a_published_checksum_the_first_one_is_kept(tmp_path):
    make_tar(tmp_path / "facades.tar.gz", {"facades/train/1.jpg": jpg(512, 256)})
    assert locate(SETS["facades"], tmp_path) == tmp_path / "facades" / "unpacked" / "facades"
    assert (tmp_path / "facades.tar.gz.sha256").exists()


def test_a_set_is_downloaded_once_and_unpacked(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "server" / "horse2zebra.zip", *(f"horse2zebra/{name}" for name in DOMAINS))
    known(monkeypatch, "horse2zebra", archive)
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.path)

    monkeypatch.setattr(downloads.requests, "get", get)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=archive.parent)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/horse2zebra.zip"
        published(monkeypatch, "horse2zebra", archive.name, SETS["horse2zebra"].files[archive.name].checksum, address)
        folder = locate(SETS["horse2zebra"], tmp_path / "root")
        assert locate(SETS["horse2zebra"], tmp_path / "root") == folder
        server.shutdown()
        thread.join()
    assert layout_of(folder) == "domains"
    assert asked == ["/horse2zebra.zip"]


def test_spoken_digits_are_downloaded_once_and_found_in_their_archive(tmp_path, monkeypatch):
    recording = io.BytesIO()
    soundfile.write(recording, np.zeros(9), 8000, format="WAV")
    [file] = SETS["spoken_digits"].files
    inside = "free-spoken-digit-dataset-1.0.10"
    names = ("0_george_0.wav", "7_theo_49.wav")
    contents = {f"{inside}/recordings/{name}": recording.getvalue() for name in names}
    make_tar(tmp_path / f"server/{file}", {f"{inside}/README.md": b"readme", **contents})
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.path)

    monkeypatch.setattr(downloads.requests, "get", get)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path / "server")) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        published(monkeypatch, "spoken_digits", file, None, f"http://127.0.0.1:{server.server_port}/{file}")
        for _ in range(2):
            listing = list_public("spoken_digits", tmp_path / "root", DataSettings(source="spoken_digits"))
        server.shutdown()
        thread.join()
    assert asked == [f"/{file}"]
    found = [(part.split, part.label, part.group) for entry in listing.entries for part in entry.parts]
    assert found == [("test", "0", "george"), ("train", "7", "theo")]
    kept = (tmp_path / f"root/{file}.sha256").read_text()
    assert kept.startswith(hashlib.sha256((tmp_path / f"root/{file}").read_bytes()).hexdigest()), (
        "there is none published"
    )


@pytest.mark.parametrize("name", sorted(SETS))
def test_without_a_network_every_set_says_what_to_fetch_and_where_to_put_it(name, tmp_path, network):
    with pytest.raises(GenlabError) as error:
        locate(SETS[name], tmp_path)
    message = str(error.value)
    assert "http" in message
    assert str(tmp_path) in message
    assert "by hand" in message or SETS[name].by_hand[:100] in message
    assert bool(network) == (not SETS[name].by_hand)


IMAGES = np.arange(5 * 28 * 28, dtype=np.uint32).reshape(5, 28, 28).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def put_idx(folder, compress=True, labels=LABELS):
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind, array in (("images-idx3", IMAGES), ("labels-idx1", labels)):
            path = folder / f"{part}-{kind}-ubyte{'.gz' if compress else ''}"
            path.write_bytes(gzip.compress(idx(array)) if compress else idx(array))


@pytest.mark.parametrize(
    ("place", "compress"),
    [(".", True), ("mnist", True), ("MNIST/raw", True), ("MNIST/raw", False), ("mnist/MNIST/raw", False)],
)
def test_mnist_is_read_from_plain_files_and_from_the_folder_of_torchvision(place, compress, tmp_path):
    root = tmp_path / "root"
    put_idx(root / place, compress)
    found = images("mnist", root)
    assert [split for split, _, _ in found] == ["train"] * 5 + ["test"] * 5
    assert [label for _, label, _ in found[:5]] == list("31415")
    assert np.array_equal(np.stack([image for _, _, image in found[5:]]), IMAGES)
    assert found[0][2].dtype == np.uint8


def test_labels_of_another_set_are_refused(tmp_path):
    put_idx(tmp_path / "mnist", labels=LABELS + 20)
    with pytest.raises(GenlabError, match="do not go together: 5 images, 5 labels up to 25"):
        images("mnist", tmp_path)
    put_idx(tmp_path / "kmnist", labels=LABELS[:4])
    with pytest.raises(GenlabError, match="5 images, 4 labels"):
        images("kmnist", tmp_path)


def test_mnist_comes_from_its_mirrors(tmp_path, monkeypatch):
    put_idx(tmp_path / "server")
    asked = []

    def fetch(addresses, path, checksum):
        asked.append((addresses, checksum))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((tmp_path / "server" / path.name).read_bytes())
        return path

    monkeypatch.setattr(public, "fetch", fetch)
    assert len(images("fashion_mnist_full", tmp_path / "root")) == 10
    assert asked == [(one.addresses, one.checksum) for one in SETS["fashion_mnist_full"].files.values()]


def cifar10(monkeypatch):
    """Six tiny batches as CIFAR-10 has them, and torchvision made to expect them."""
    import torchvision.datasets

    pixels = np.arange(2 * 3072, dtype=np.uint32).reshape(2, 3072).astype(np.uint8)
    names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    files = {name: pickle.dumps({"data": pixels, "labels": [n % 10, 9]}) for n, name in enumerate(names)}
    files["batches.meta"] = pickle.dumps({"label_names": list(SETS["cifar10"].labels)})
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    described = torchvision.datasets.CIFAR10
    monkeypatch.setattr(described, "train_list", [[name, sums[name]] for name in names[:5]])
    monkeypatch.setattr(described, "test_list", [[name, sums[name]] for name in names[5:]])
    monkeypatch.setattr(described, "meta", {**described.meta, "md5": sums["batches.meta"]})
    return pixels, {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("place", [".", "cifar10"])
def test_cifar10_is_read_from_the_folder_of_torchvision(place, tmp_path, monkeypatch):
    pixels, files = cifar10(monkeypatch)
    for name, content in files.items():
        (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place / name).write_bytes(content)
    found = images("cifar10", tmp_path)
    assert [(split, label) for split, label, _ in found[:2]] == [("train", "airplane"), ("train", "truck")]
    assert [split for split, _, _ in found].count("test") == 2
    assert np.array_equal(found[1][2], pixels[1].reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize("place", [".", "cifar10"])
def test_cifar10_is_unpacked_from_its_archive(place, tmp_path, monkeypatch):
    _, files = cifar10(monkeypatch)
    archive = make_tar(tmp_path / place / "cifar-10-python.tar.gz", files)
    known(monkeypatch, "cifar10", archive)
    assert len(images("cifar10", tmp_path)) == 12


def test_damaged_files_of_torchvision_are_named(tmp_path, monkeypatch):
    _, files = cifar10(monkeypatch)
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"other")
    with pytest.raises(GenlabError, match=r"not cifar10 as torchvision knows it.*cifar-10-python\.tar\.gz"):
        images("cifar10", tmp_path)


def test_svhn_is_read(tmp_path, monkeypatch):
    import torchvision.datasets
    from scipy.io import savemat

    pixels = np.arange(32 * 32 * 3 * 2, dtype=np.uint32).reshape(32, 32, 3, 2).astype(np.uint8)
    expected = {}
    for part in ("train", "test"):
        path = tmp_path / "svhn" / f"{part}_32x32.mat"
        path.parent.mkdir(exist_ok=True)
        savemat(path, {"X": pixels, "y": np.array([[10], [7]])})  # in SVHN, 10 is the digit 0
        expected[part] = [f"http://nowhere/{path.name}", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", expected)
    found = images("svhn", tmp_path)
    assert [(split, label) for split, label, _ in found] == [
        ("train", "0"),
        ("train", "7"),
        ("test", "0"),
        ("test", "7"),
    ]
    assert np.array_equal(found[3][2], pixels[..., 1])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_celeba_is_listed_unpacked_and_from_its_archive(packed, inside, tmp_path):
    folder, names = tmp_path / "celeba", [f"{n:06d}.jpg" for n in range(1, 7)]
    if packed:
        make_zip(folder / "img_align_celeba.zip", *(f"img_align_celeba/{name}" for name in names))
    else:
        put(folder / "img_align_celeba", *names)
    lines = "".join(f"{name} {n // 2}\n" for n, name in enumerate(names))
    (folder / "list_eval_partition.txt").write_text(lines)
    found = list_public("celeba", folder if inside else tmp_path, DataSettings()).entries
    wanted = [split for split in ("train", "val", "test") for _ in range(2)]
    assert [(entry.parts[0].split, entry.source) for entry in found] == list(zip(wanted, names, strict=True))
    assert all(Image.open(entry.path).size == (16, 16) for entry in found)
    (folder / "list_eval_partition.txt").unlink()
    with pytest.raises(GenlabError, match="list_eval_partition.txt is missing"):
        list_public("celeba", tmp_path, DataSettings())


def test_the_real_mnist():
    found = images("mnist", shared("mnist"))
    assert [sum(split == wanted for split, _, _ in found) for wanted in ("train", "test")] == [60_000, 10_000]
    assert [label for _, label, _ in found[:5]] == ["5", "0", "4", "1", "9"]
    assert all(image.shape == (28, 28) and image.dtype == np.uint8 for _, _, image in found)


def test_the_real_facades():
    folder = locate(SETS["facades"], shared("facades"))
    assert folder == SHARED / "facades"
    assert layout_of(folder) == "domains"
    assert len(list((folder / "trainA").glob("*.jpg"))) == 400
    assert locate(SETS["facades"], SHARED / "facades") == folder


def test_every_archive_of_the_catalogue_is_of_a_kind_that_is_unpacked():
    for entry in SETS.values():
        if entry.has_two_domains:
            assert all(file.endswith(archives.ENDINGS) for file in entry.files)
    assert archives.MAX_BYTES > 8 << 30
