"""Folders of images: their layouts, what is wrong with them, and what becomes of it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from genlab.data.arrange.derive import derive, pair_sides, sides
from genlab.data.arrange.splits import assign_splits
from genlab.data.arrange.unpair import unpair
from genlab.data.arrange.view import view, view_derived
from genlab.data.ingest import ingest
from genlab.data.report import describe_set, report_table, require_few_rejected, warnings
from genlab.data.settings import DataSettings, SplitSettings, UnpairSettings
from genlab.data.sources.layouts import list_folder
from genlab.data.sources.listing import list_source
from genlab.data.store import ImageSet, open_newest, table_columns
from genlab.errors import GenlabError
from genlab.media.base import PICTURES, UnreadableFileError, medium_named
from genlab.media.pictures.decode import decode, fit_image
from genlab.media.pictures.settings import PairSettings
from tests.data.fuzz import deep_png

WHITE = (255, 255, 255)


def picture(seed: int, width: int = 16, height: int = 16, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(path)


def read(root: Path, work: Path, **settings: object) -> ImageSet:
    checked = DataSettings(source=str(root), image_size=16, **settings)
    return view(ingest(list_source(work, checked), checked, work / "set"), checked)


def labelled(root: Path, count: int = 10) -> Path:
    for number in range(count):
        write(root / f"cat/{number}.png", picture(number))
        write(root / f"dog/deep/{number}.png", picture(1000 + number))
    return root


def side_by_side(root: Path, count: int = 6) -> Path:
    for split in ("train", "test"):
        for number in range(count):
            write(root / split / f"{number}.png", picture(number + 100 * (split == "test"), width=32))
    return root


# Layouts


def test_labels_are_the_folders_and_splits_those_at_the_top(tmp_path: Path) -> None:
    labelled(tmp_path / "raw/train")
    write(tmp_path / "raw/test/cat/9.png", picture(7000))
    table = read(tmp_path / "raw", tmp_path).table
    assert set(table["label"]) == {"cat", "dog/deep"}
    assert table.loc[table["split"] == "test", "id"].tolist() == ["test__cat__9"]
    assert (table["split"] == "val").sum() == 1


def test_split_folders_may_be_written_large(tmp_path: Path) -> None:
    for split in ("Train", "Test"):
        write(tmp_path / f"raw/{split}/cat/1.png", picture(len(split)))
    table = read(tmp_path / "raw", tmp_path).table
    assert dict(zip(table["id"], table["label"], strict=True)) == {"test__cat__1": "cat", "train__cat__1": "cat"}
    assert set(table["split"]) == {"train", "test"}


def test_two_folders_are_matched_by_name_without_its_ending(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"raw/a/{number}.png", picture(number))
        write(tmp_path / f"raw/b/{number}.bmp", picture(number, channels=1))
    images = read(tmp_path / "raw", tmp_path)
    assert [store.channels for store in (*sides(images, ImageSet({}, {})), images.target)] == [3, 1, 1]
    assert len(pair_sides(images, images, DataSettings())) == 5


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_side_by_side_files_give_a_and_b_in_either_order(tmp_path: Path, order: str) -> None:
    images = read(side_by_side(tmp_path / "raw"), tmp_path, order=order)
    first = picture(0, width=32)
    row = images["a"].table.index[images["a"].table["id"] == "train__0"][0]
    left = images["a" if order == "ab" else "b"].images[row]
    right = images["b" if order == "ab" else "a"].images[row]
    assert np.array_equal(left, first[:, :16])
    assert np.array_equal(right, first[:, 16:])


def test_the_cyclegan_format_gives_pairs_where_names_are_equal(tmp_path: Path) -> None:
    for number in range(4):
        for folder in ("trainA", "trainB", "testA"):
            write(tmp_path / f"raw/{folder}/{number}.png", picture(hash(folder) % 1000 + number))
    write(tmp_path / "raw/testB/other.png", picture(9))
    settings = DataSettings(source=str(tmp_path / "raw"), image_size=16)
    images = read(tmp_path / "raw", tmp_path)
    pairs = pair_sides(images, images, settings)
    assert len(pairs) == 4
    report = describe_set(images, settings)
    assert len(report["without_partner"]["a"]) == 4
    assert report["without_partner"]["b"] == ["testB/other.png"]
    assert "4 images of domain a have no partner" in " ".join(warnings(report))


def test_a_layout_that_does_not_fit_names_those_that_are_known(tmp_path: Path) -> None:
    write(tmp_path / "raw/trainA/1.png", picture(1))
    with pytest.raises(GenlabError, match=r"labels .* two_folders .* side_by_side .* domains"):
        list_folder(tmp_path / "raw", DataSettings())


def test_a_folder_without_images_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/notes.txt").write_text("no picture")
    with pytest.raises(GenlabError, match=r"has no images \(it has 1 \.txt\)"):
        list_folder(tmp_path / "raw", DataSettings())


def test_a_source_that_does_not_exist_names_the_sets(tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"'shoos' is neither a folder nor a set .*fashion_mnist"):
        list_source(tmp_path, DataSettings(source="shoos"))


# Formats


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    pixels = picture(3)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decode(encoded(Image.fromarray(pixels), kind, **options), WHITE).pixels, pixels)


def test_a_jpeg_has_the_pixels_that_pillow_gives() -> None:
    data = encoded(Image.fromarray(picture(3, 40, 24)), "JPEG")
    assert np.array_equal(decode(data, WHITE).pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_alpha_is_composited_on_the_background() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (10, 20, 30, 255)
    decoded = decode(encoded(Image.fromarray(pixels), "PNG"), (0, 100, 200)).pixels
    assert decoded[0, 0].tolist() == [10, 20, 30]
    assert decoded[1, 1].tolist() == [0, 100, 200]


def test_palette_and_cmyk_become_rgb() -> None:
    image = Image.fromarray(picture(3))
    assert decode(encoded(image.quantize(8), "PNG"), WHITE).pixels.shape == (16, 16, 3)
    assert decode(encoded(image.convert("CMYK"), "TIFF"), WHITE).pixels.shape == (16, 16, 3)


def test_exif_rotation_is_honoured() -> None:
    image = Image.fromarray(picture(3, width=24, height=8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    assert decode(encoded(image, "JPEG", exif=exif), WHITE).pixels.shape == (24, 8, 3)


def test_sixteen_bits_and_many_channels_survive(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 65536, (8, 8), dtype=np.uint16)
    assert np.array_equal(decode(encoded(Image.fromarray(grey), "PNG"), WHITE).pixels[:, :, 0], grey)
    for channels in (3, 5):
        deep = np.random.default_rng(0).integers(0, 65536, (8, 8, channels), dtype=np.uint16)
        tifffile.imwrite(tmp_path / "x.tif", deep, photometric="rgb" if channels == 3 else "minisblack",
                         planarconfig="contig")  # fmt: skip
        assert np.array_equal(decode((tmp_path / "x.tif").read_bytes(), WHITE).pixels, deep)
        np.save(tmp_path / "x.npy", deep)
        assert np.array_equal(decode((tmp_path / "x.npy").read_bytes(), WHITE, "HWC").pixels, deep)


def test_a_png_of_sixteen_bits_in_colour_keeps_them() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (8, 8, 4), dtype=np.uint16)
    assert np.array_equal(decode(deep_png(pixels[:, :, :3]), WHITE).pixels, pixels[:, :, :3])
    pixels[:, :, 3] = 65535
    assert np.array_equal(decode(deep_png(pixels), WHITE).pixels, pixels[:, :, :3])
    assert np.array_equal(decode(deep_png(pixels[:, :, 2:]), WHITE).pixels, pixels[:, :, 2:3]), "grey with alpha"


def test_deep_and_grey_images_widen_what_is_stored(tmp_path: Path) -> None:
    write(tmp_path / "raw/a1.png", picture(1, channels=1))
    write(tmp_path / "raw/a2.png", picture(2))
    np.save(tmp_path / "raw/a3.npy", picture(3).astype(np.uint16) * 257)
    images = read(tmp_path / "raw", tmp_path, layout="labels")["images"].images
    assert images.shape == (3, 16, 16, 3)
    assert images.dtype == np.uint16
    assert np.array_equal(images[0] // 257, np.repeat(picture(1, channels=1), 3, axis=2))
    assert np.array_equal(images[1] // 257, picture(2))


@pytest.mark.parametrize(
    ("fit", "corner", "middle"), [("fit", 0, 200), ("crop", 200, 200), ("pad", 0, 200), ("stretch", 200, 200)]
)
def test_images_that_are_not_square_are_fitted_as_asked(fit: str, corner: int, middle: int) -> None:
    fitted = fit_image(np.full((8, 16, 1), 200, np.uint8), 16, fit)
    assert fitted.shape == (16, 16, 1)
    assert fitted[0, 0, 0] == corner
    assert fitted[8, 8, 0] == middle


def test_channels_are_converted_where_asked(tmp_path: Path) -> None:
    labelled(tmp_path / "raw", 2)
    assert read(tmp_path / "raw", tmp_path, channels=1)["images"].channels == 1


# Bad files


def truncated(kind: str) -> bytes:
    data = encoded(Image.fromarray(picture(1, 64, 64)), kind)
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.png", truncated("PNG"), "is truncated or damaged"),
        ("x.jpg", truncated("JPEG"), "is truncated or damaged"),
        ("x.png", b"", r"is empty \(0 bytes\)"),
        ("x.jpg", b"dear diary, this is a text", "is not an image of any known format"),
        ("x.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".ljust(127)
         + b"\n" + bytes(16), "holds float32 samples"),
    ],
)  # fmt: skip
def test_a_bad_file_is_rejected_with_its_reason_and_the_rest_is_kept(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    labelled(tmp_path / "raw")
    (tmp_path / "raw/cat" / name).write_bytes(data)
    images = read(tmp_path / "raw", tmp_path)
    assert len(images) == 20
    [rejected] = images.about["rejected"]
    assert rejected["source"] == f"cat/{name}"
    with pytest.raises(UnreadableFileError, match=reason):
        decode(data, WHITE)
    report = describe_set(images, DataSettings())
    with pytest.raises(GenlabError, match=rf"1 of 21 files .*max_rejected=0.01 .*cat/{name}"):
        require_few_rejected(report, DataSettings())
    require_few_rejected(report, DataSettings(max_rejected=0.06))


def test_an_image_whose_ending_is_another_formats_is_read(tmp_path: Path) -> None:
    labelled(tmp_path / "raw", 2)
    (tmp_path / "raw/cat/png.jpg").write_bytes(encoded(Image.fromarray(picture(5)), "PNG"))
    assert len(read(tmp_path / "raw", tmp_path)) == 5


def test_names_that_differ_only_in_case_are_rejected_but_for_the_first(tmp_path: Path) -> None:
    labelled(tmp_path / "raw", 2)
    write(tmp_path / "raw/cat/One.png", picture(5))
    write(tmp_path / "raw/cat/one.png", picture(6))
    [rejected] = read(tmp_path / "raw", tmp_path).about["rejected"]
    assert rejected == {"source": "cat/one.png", "reason": "differs from cat/One.png only in case; rename one of them"}


@pytest.mark.parametrize(
    ("width", "reason"), [(40, "has halves of 20x16 pixels"), (33, r"odd number of columns \(33\)")]
)
def test_side_by_side_files_of_unequal_halves_are_rejected(tmp_path: Path, width: int, reason: str) -> None:
    side_by_side(tmp_path / "raw", 20)
    write(tmp_path / "raw/train/7.png", picture(1, width=width))
    images = read(tmp_path / "raw", tmp_path)
    [rejected] = images.about["rejected"]
    assert pd.Series(rejected["reason"]).str.contains(reason).all()
    assert len(images["a"]) == len(images["b"]) == 39


def test_a_set_of_nothing_but_bad_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/x.png").write_bytes(b"")
    with pytest.raises(GenlabError, match=r"no file in .* gives any images; the first that failed: x.png is empty"):
        read(tmp_path / "raw", tmp_path, layout="labels")


def test_a_disk_that_fills_up_leaves_the_set_before_and_no_half_one(tmp_path: Path) -> None:
    import resource

    labelled(tmp_path / "raw")
    before = read(tmp_path / "raw", tmp_path)
    labelled(tmp_path / "raw", 60)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(GenlabError, match=r"cannot write .*set: .*untouched"):
            read(tmp_path / "raw", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert open_newest(tmp_path / "set").about["key"] == before.about["key"]
    assert not list(tmp_path.glob("set/.set.*"))


# The store


def test_what_has_not_changed_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import genlab.media.pictures.decode as module

    labelled(tmp_path / "raw")
    before = read(tmp_path / "raw", tmp_path)
    decoded = []
    real = module.decode
    monkeypatch.setattr(module, "decode", lambda data, *rest: decoded.append(data) or real(data, *rest))
    [array] = tmp_path.glob("set/*/images.npy")
    written = array.stat()
    assert read(tmp_path / "raw", tmp_path).about["key"] == before.about["key"]
    assert decoded == []
    assert array.stat().st_ino == written.st_ino
    write(tmp_path / "raw/cat/0.png", picture(5000))
    (tmp_path / "raw/cat/9.png").unlink()
    after = read(tmp_path / "raw", tmp_path)
    assert len(decoded) == 1
    for name in ("cat__0", "dog__deep__7"):
        row = after.table.index[after.table["id"] == name][0]
        wanted = picture(5000) if name == "cat__0" else picture(1007)
        assert np.array_equal(after["images"].images[row], wanted)
    assert np.array_equal(np.load(array, mmap_mode="r"), before["images"].images), "who reads the old set still can"


def test_other_settings_decode_anew(tmp_path: Path) -> None:
    labelled(tmp_path / "raw", 2)
    assert read(tmp_path / "raw", tmp_path)["images"].channels == 3
    assert read(tmp_path / "raw", tmp_path, channels=1)["images"].channels == 1


def test_what_a_killed_ingest_left_is_deleted_and_never_trusted(tmp_path: Path) -> None:
    labelled(tmp_path / "raw", 2)
    left = tmp_path / "set/.set.staged-999999999"
    left.mkdir(parents=True)
    (left / "images.npy").write_bytes(b"half")
    assert len(read(tmp_path / "raw", tmp_path)) == 4
    assert not left.exists()
    [about] = tmp_path.glob("set/*/set.json")
    about.unlink()
    with pytest.raises(GenlabError, match="missing or damaged"):
        open_newest(tmp_path / "set")
    assert len(read(tmp_path / "raw", tmp_path)) == 4, "a damaged set is made anew"


# Splits, report, unpairing


def rows(count: int, **columns: object) -> pd.DataFrame:
    table = pd.DataFrame({"id": [f"i{n}" for n in range(count)], "content": [f"c{n}" for n in range(count)]})
    given = {"domain": "images", "split": "", "label": "", "group": "", **columns}
    return table.assign(**given).reindex(columns=table_columns(medium_named(PICTURES)))


def test_splits_depend_on_content_and_seed_alone() -> None:
    first = assign_splits(rows(100), SplitSettings())
    assert first["split"].value_counts().to_dict() == {"train": 86, "test": 10, "val": 4}
    shuffled = assign_splits(rows(100).sample(frac=1, random_state=1), SplitSettings()).sort_index()
    assert shuffled["split"].tolist() == first["split"].tolist()
    assert assign_splits(rows(100), SplitSettings(seed=1))["split"].tolist() != first["split"].tolist()


def test_a_label_of_one_image_is_only_trained_on_and_reported(tmp_path: Path) -> None:
    for seed in range(20):
        table = assign_splits(rows(10, label=["rare", *["common"] * 9]), SplitSettings(test=0.6, seed=seed))
        assert table["split"][0] == "train"
    labelled(tmp_path / "raw", 3)
    write(tmp_path / "raw/rare/1.png", picture(77))
    report = describe_set(read(tmp_path / "raw", tmp_path), DataSettings())
    assert report["single_scene_labels"] == ["rare"]


def test_duplicates_are_found_also_across_splits(tmp_path: Path) -> None:
    labelled(tmp_path / "raw/train", 3)
    write(tmp_path / "raw/test/cat/copy.png", picture(0))
    report = describe_set(read(tmp_path / "raw", tmp_path), DataSettings())
    [twice] = report["duplicates"]
    assert twice == {"files": ["test/cat/copy.png", "train/cat/0.png"], "across_splits": True}
    assert report_table(report)["value"].str.contains("more than one split").any()


def test_unpaired_training_never_holds_both_halves_of_a_scene_unless_asked(tmp_path: Path) -> None:
    images = read(side_by_side(tmp_path / "raw", 20), tmp_path)
    settings = DataSettings(image_size=16)
    pairs = pair_sides(images, images, settings)
    derived = view_derived(derive(images, settings, tmp_path / "derived"), images)
    table = unpair(images, derived, pairs, settings)
    train = table[table["split"] == "train"]
    assert not set(train.loc[train["domain"] == "a", "id"]) & set(train.loc[train["domain"] == "b", "id"])
    assert (train["truth"] == -1).all()
    test = table[(table["split"] == "test") & (table["domain"] == "a")]
    assert images["b"].table["id"].iloc[test["truth"]].tolist() == test["id"].tolist()
    assert len(test) == 20
    shared = settings.model_copy(update={"unpair": UnpairSettings(share_scenes=True)})
    both = unpair(images, derived, pairs, shared)
    assert (both[both["split"] == "train"].groupby("id").size() == 2).all()
    a, b = (both.loc[both["domain"] == side, "id"].tolist() for side in "ab")
    assert sorted(a) == sorted(b)
    assert a != b


def test_two_labels_become_two_domains(tmp_path: Path) -> None:
    images = read(labelled(tmp_path / "raw"), tmp_path)
    settings = DataSettings(domains=("dog/deep", "cat"))
    derived = view_derived(derive(images, settings, tmp_path / "derived"), images)
    table = unpair(images, derived, pair_sides(images, derived, settings), settings)
    assert table.groupby("domain")["label"].unique().str[0].to_dict() == {"a": "dog/deep", "b": "cat"}
    with pytest.raises(GenlabError, match=r"names cow, but the labels are 'cat', 'dog/deep'"):
        unpair(images, derived, table, DataSettings(domains=("cow", "cat")))


@pytest.mark.parametrize("kind", ["edges", "grey", "low_resolution", "masked", "noisy"])
def test_pairs_are_derived_from_any_images_and_repeat(tmp_path: Path, kind: str) -> None:
    images = read(labelled(tmp_path / "raw"), tmp_path)
    settings = DataSettings(pairs=PairSettings(kind=kind))
    first = derive(images, settings, tmp_path / "one")
    a, b = sides(images, first)
    assert a.channels == (1 if kind in ("edges", "grey") else 3)
    assert (pair_sides(images, first, settings)["a"] == pair_sides(images, first, settings)["b"]).all()
    assert not np.array_equal(a.images, b.images)
    assert np.array_equal(a.images, derive(images, settings, tmp_path / "two")["a"].images)
