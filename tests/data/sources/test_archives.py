import io
import tarfile
import zipfile

import pytest

from genlab.data.sources import archives
from genlab.data.sources.archives import unpack
from genlab.errors import GenlabError

FILES = {"set/trainA/1.jpg": b"one", "set/trainB/1.jpg": b"two" * 1000}


def make_zip(path, files, change=lambda entry: None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return path


def make_tar(path, files, change=lambda entry: None):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            change(entry)
            archive.addfile(entry, io.BytesIO(content))
    return path


MAKERS = pytest.mark.parametrize(
    ("make", "name"), [(make_zip, "set.zip"), (make_tar, "set.tar.gz"), (make_tar, "s.tgz")]
)


def refused(archive, tmp_path, match):
    """The archive is refused, what was there before stays, and nothing is left beside it."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "before.txt").write_text("before")
    outside = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(GenlabError, match=match) as error:
        unpack(archive, target)
    assert str(archive) in str(error.value)
    assert [path.name for path in target.iterdir()] == ["before.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == outside


@MAKERS
def test_everything_comes_out(make, name, tmp_path):
    unpack(make(tmp_path / name, FILES), tmp_path / "target")
    found = {str(p.relative_to(tmp_path / "target")): p.read_bytes() for p in tmp_path.rglob("target/**/*.jpg")}
    assert found == FILES


@MAKERS
@pytest.mark.parametrize("bad", ["../out.jpg", "set/../../out.jpg", "/tmp/out.jpg", "C:/out.jpg", "set\\out.jpg"])
def test_paths_that_lead_outside_are_refused(make, name, bad, tmp_path):
    refused(make(tmp_path / name, {**FILES, bad: b"x"}), tmp_path, "would be written outside its folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_file_are_refused(kind, tmp_path):
    def change(entry):
        entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0

    refused(make_tar(tmp_path / "set.tar.gz", {"link": b""}, change), tmp_path, "is a link or a device")


def test_links_in_a_zip_file_are_refused(tmp_path):
    def change(entry):
        entry.create_system, entry.external_attr = 3, 0o120777 << 16

    refused(make_zip(tmp_path / "set.zip", {"link": b"/etc/passwd"}, change), tmp_path, "is a link or a device")


@MAKERS
def test_a_bomb_is_refused(make, name, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 100_000)
    bomb = make(tmp_path / name, {"zeros.bin": bytes(30_000_000)})
    assert bomb.stat().st_size < 60_000
    refused(bomb, tmp_path, "decompression bomb")


@MAKERS
def test_more_bytes_than_the_total_limit_are_refused(make, name, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 50_000)
    refused(make(tmp_path / name, {str(n): b"x" * 10_000 for n in range(6)}), tmp_path, "more than 50000")


def test_a_small_archive_may_shrink_well(tmp_path):
    unpack(make_zip(tmp_path / "set.zip", {"zeros.bin": bytes(1_000_000)}), tmp_path / "target")
    assert (tmp_path / "target" / "zeros.bin").stat().st_size == 1_000_000


def test_what_an_archive_says_of_its_sizes_decides_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 100_000)
    bomb = make_zip(tmp_path / "set.zip", {"zeros.bin": bytes(30_000_000)})
    honest = (30_000_000).to_bytes(4, "little")
    bomb.write_bytes(bomb.read_bytes().replace(honest, (100).to_bytes(4, "little")))
    with pytest.raises(GenlabError):
        unpack(bomb, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_bomb_in_a_header_of_a_tar_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 100_000)
    path = tmp_path / "set.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("1.jpg")
        entry.pax_headers = {"comment": "x" * 30_000_000}
        archive.addfile(entry)
    refused(path, tmp_path, "decompression bomb")


@MAKERS
def test_too_many_files_are_refused(make, name, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    refused(make(tmp_path / name, {str(n): b"" for n in range(4)}), tmp_path, "more than 3 files")


@MAKERS
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_path_twice_is_refused(make, name, tmp_path):
    refused(make(tmp_path / name, {"a.jpg": b"1", "./a.jpg": b"2"}), tmp_path, "stands in it twice")


@MAKERS
@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.9])
def test_a_truncated_archive_is_damaged(make, name, keep, tmp_path):
    import random

    archive = make(tmp_path / name, {"1.jpg": random.Random(0).randbytes(200_000)})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    refused(archive, tmp_path, "is damaged")


@MAKERS
def test_a_flipped_byte_is_damaged(make, name, tmp_path):
    import random

    archive = make(tmp_path / name, {"1.jpg": random.Random(0).randbytes(200_000)})
    content = bytearray(archive.read_bytes())
    content[100_000] ^= 255
    archive.write_bytes(content)
    refused(archive, tmp_path, "is damaged")


def test_an_encrypted_archive_is_refused(tmp_path):
    archive = make_zip(tmp_path / "set.zip", {"1.jpg": b"x"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # general purpose flag of the local header, and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    refused(archive, tmp_path, "encrypted")


def test_another_kind_of_archive_is_named(tmp_path):
    (tmp_path / "set.7z").write_bytes(b"7z")
    refused(tmp_path / "set.7z", tmp_path, r"not a \.zip")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "set.zip", FILES)
    real = archives._read

    def full(*arguments):
        real(*arguments)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_read", full)
    refused_before = tmp_path / "target"
    with pytest.raises(GenlabError, match="No space left on device"):
        unpack(archive, refused_before)
    assert not refused_before.exists()
