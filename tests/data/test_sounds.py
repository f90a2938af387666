"""Sets of sound: the embedded one, a folder with all that goes wrong, groups in splits and batches."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from genlab.data.arrange.arrange import arrange
from genlab.data.arrange.derive import pair_sides
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.splits import assign_splits
from genlab.data.arrange.unpair import unpair
from genlab.data.arrange.view import view
from genlab.data.arrange.words import describe_examples
from genlab.data.batches import ExampleBatches
from genlab.data.ingest import ingest
from genlab.data.report import describe_set, report_table, warnings
from genlab.data.settings import DataSettings, SplitSettings
from genlab.data.sources.listing import known_groups, list_public, list_source, require_source
from genlab.data.spec import Spec
from genlab.data.store import ImageSet, open_set
from genlab.errors import GenlabError
from genlab.io.drawings import DrawingsDataset
from genlab.media.base import Drawings, medium_named
from genlab.media.sound.integers import ENDED, pad, without_padding
from genlab.media.sound.spectrogram import draw_log_mel, hear_log_mel
from genlab.pipelines.parameters import check_model_fits, resolve
from genlab.report.contact import draw_contact_sheet
from genlab.sampling.apply import apply
from genlab.training.checkpoint import build_model
from tests.conftest import PROJECT
from tests.sounds import embedded

RAW = PROJECT / "data/01_raw"
SHARED = Path(os.environ.get("GENLAB_DATA", PROJECT.parent / "shared" / "data"))
SMALL = DataSettings(source="spoken_digits_small")
CPU = torch.device("cpu")


def write(path: Path, seed: int, rate: int = 8000, channels: int = 1, seconds: float = 0.25) -> np.ndarray:
    samples = np.random.default_rng(seed).integers(-9999, 9999, (round(seconds * rate), channels), dtype=np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return samples


def read(root: Path, work: Path, **settings: object) -> ImageSet:
    checked = DataSettings(source=str(root), medium="sound", workers=1, seconds=0.5, **settings)
    return ingest(list_source(work, checked), checked, work / "set")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return ingest(list_source(RAW, SMALL), SMALL, tmp_path_factory.mktemp("digits"))


def test_the_embedded_set_is_the_recordings_of_the_authors(digits: ImageSet) -> None:
    folder = SHARED / "spoken_digits/recordings"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; GENLAB_DATA names another place")
    store = digits["images"]
    rows = store.table.iloc[::37]
    for row, name in rows["id"].items():
        samples, rate = soundfile.read(folder / f"{name}.wav", dtype="int16")
        assert rate == 8000
        stored = without_padding(store.take(np.array([row]))[0])
        np.testing.assert_array_equal(stored, np.maximum(samples, -32767)[:8000])


def test_the_embedded_set_says_digit_speaker_and_split(digits: ImageSet) -> None:
    table = view(digits, SMALL)["images"].table
    assert len(table) == 800
    assert table["split"].value_counts().to_dict() == {"train": 660, "test": 100, "val": 40}
    assert (table.groupby(["label", "group"]).size() == 40).all()
    index = table["id"].str.rpartition("_")[2].astype(int)
    assert table["split"].tolist() == ["test" if i < 5 else "val" if i < 7 else "train" for i in index]
    assert table["content"].is_unique
    assert (RAW / "spoken_digits_small/recordings.zip").stat().st_size < 4e6
    assert "CC BY-SA 4.0" in (RAW / "spoken_digits_small/README.md").read_text()
    examples = arrange("images", SMALL, digits)
    assert examples.spec == Spec(
        {"images": (1, 8000)}, tuple("0123456789"), medium="sound:8000", groups=("jackson", "theo")
    )
    assert known_groups(SMALL) == examples.spec.groups
    told = describe_examples(examples, SMALL, "labels_and_groups")
    assert told["test_data"] == ("spoken_digits_small, all 10 classes, 100 test recordings, 8,000 samples at 8,000 Hz")
    assert told["trained_on"] == "660 recordings with labels and groups"


def test_a_batch_has_digits_speakers_and_nan_behind_the_end(digits: ImageSet) -> None:
    train = arrange("images", SMALL, digits).split("train")
    batches = ExampleBatches(train, 20, 0, CPU)
    batch = batches[0]
    assert batch.keys() == {"images", "labels", "groups"}
    rows = train.table.iloc[batches.rows(0)]
    assert [train.classes[label] for label in batch["labels"]] == rows["label"].tolist()
    assert [train.groups[group] for group in batch["groups"]] == rows["group"].tolist()
    samples = train.store.table["samples"].to_numpy()[rows["row"]]
    assert (~batch["images"].isnan()).sum(dim=(1, 2)).tolist() == samples.tolist()
    np.testing.assert_array_equal(
        train.values("labels_and_groups"), np.stack([train.labels, train.group_numbers], axis=1)
    )


def test_examples_of_other_groups_have_another_fingerprint(digits: ImageSet) -> None:
    examples = arrange("images", SMALL, digits)
    store = digits["images"]
    turned = store.table.assign(group=store.table["group"].map({"jackson": "theo", "theo": "jackson"}))
    other = LabelledImages.of(ImageSet({"images": type(store)(store.images, turned, store.medium)}, digits.about))
    assert other.fingerprint() != LabelledImages.of(digits).fingerprint() == examples.fingerprint()


def test_the_report_tells_speakers_apart(digits: ImageSet) -> None:
    report = describe_set(view(digits, SMALL), SMALL)
    assert report["durations"] == {"shortest": 0.16, "median": 0.44, "longest": 2.28, "all": 362.46}
    assert report["rates"] == {"8000": 800}
    assert report["peaks"]["theo"] < -30 < -8 < report["peaks"]["jackson"]
    cut = "have 4 that are longer than data.seconds; 2.5 s behind it are left out; the first: 5_theo_36.flac"
    assert report["notes"] == [f"the files of domain images {cut}"]
    assert set(report_table(report)["what"]) >= {"durations", "rates", "channels", "bits", "peaks", "groups"}
    sheet = draw_contact_sheet(view(digits, SMALL))
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] > 12 * 120


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImageSet]:
    """A folder with all that goes wrong, and what comes of it."""
    root = tmp_path_factory.mktemp("bad")
    for number in range(4):
        write(root / f"sounds/cat/{number}.wav", number)
    (root / "sounds/cat/text.wav").write_text("no sound at all\n" * 9)
    write(root / "sounds/cat/whole.flac", 9)
    whole = (root / "sounds/cat/whole.flac").read_bytes()
    (root / "sounds/cat/broken.flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(root / "sounds/cat/nothing.wav", np.zeros(0), 8000)
    soundfile.write(root / "sounds/cat/nan.wav", np.array([0.0, np.nan]), 8000, "FLOAT")
    write(root / "sounds/dog/eight.wav", 5, channels=8)
    write(root / "sounds/dog/fast.wav", 6, rate=192_000)
    soundfile.write(root / "sounds/dog/silence.ogg", np.zeros(2000), 8000)
    soundfile.write(root / "sounds/dog/loud.wav", np.sign(np.sin(np.arange(2000))), 8000)
    write(root / "sounds/dog/long.wav", 7, seconds=0.75)
    write(root / "sounds/cow/only.wav", 8)
    (root / "sounds/cow/moo.m4a").write_text("another codec")
    return root, read(root / "sounds", root)


def test_every_bad_file_gets_its_line_and_nothing_else_is_lost(bad: tuple[Path, ImageSet]) -> None:
    _, sounds = bad
    report = describe_set(view(sounds, DataSettings(medium="sound")), DataSettings(medium="sound"))
    assert (report["files"], report["images"], report["ignored"]) == (15, 11, {".m4a": 1})
    reasons = {one["source"]: one["reason"] for one in report["rejected"]}
    assert reasons.keys() == {f"cat/{name}" for name in ("text.wav", "broken.flac", "nothing.wav", "nan.wav")}
    assert "is no sound that can be read" in reasons["cat/text.wav"]
    assert reasons["cat/nothing.wav"] == "has no samples; delete it"
    assert reasons["cat/nan.wav"] == "has values that are no numbers, the first after 0.00 s; save it anew"
    assert report["channels"] == {"1": 10, "8": 1}
    assert report["rates"] == {"8000": 10, "192000": 1}
    said = "\n".join(warnings(report))
    assert "have 1 that are silent, with nothing above -60 dB; the first: dog/silence.ogg" in said
    assert (
        "have 1 that look clipped, with more than 0.1% of their values at full scale; the first: dog/loud.wav" in said
    )
    assert "have 1 that are longer than data.seconds; 0.2 s behind it are left out; the first: dog/long.wav" in said
    assert "reads no recordings from them: 1 .m4a" in said
    assert "labels of one recording, which is only trained on unless its folder says otherwise: cow" in said


def test_an_unchanged_file_is_never_decoded_twice(bad: tuple[Path, ImageSet], monkeypatch: pytest.MonkeyPatch) -> None:
    root, sounds = bad
    monkeypatch.setattr("genlab.media.apart.Apart.decode", None)
    assert read(root / "sounds", root).about["key"] == sounds.about["key"]


def test_one_recording_is_never_in_two_splits(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / f"sounds/cat/{number}.wav", number % 6)
    table = view(read(tmp_path / "sounds", tmp_path), DataSettings(split=SplitSettings(test=0.4, val=0.3)))[
        "images"
    ].table
    assert (table.groupby("content")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "val", "test"}


def people(count: int) -> pd.DataFrame:
    """Ten recordings of each, a label of their own for each, and two labels for all."""
    rows = [(f"{p}_{n}", f"c{p}{n}", f"p{p}", str(n % 2)) for p in range(count) for n in range(10)]
    table = pd.DataFrame(rows, columns=["id", "content", "group", "label"])
    return table.assign(domain="images", split="")


def test_a_split_by_group_keeps_a_speaker_in_one_split() -> None:
    by_group = assign_splits(people(10), SplitSettings(by="group", test=0.2, val=0.2))
    assert (by_group.groupby("group")["split"].nunique() == 1).all()
    assert by_group["split"].value_counts().to_dict() == {"train": 60, "test": 20, "val": 20}
    by_content = assign_splits(people(10), SplitSettings(test=0.2, val=0.2))
    assert (by_content.groupby("group")["split"].nunique() > 1).any()
    assert assign_splits(people(10), SplitSettings(by="group", seed=3))["split"].tolist() != by_group["split"].tolist()


def test_a_speaker_who_alone_says_a_word_is_only_trained_on() -> None:
    table = people(10)
    table.loc[table["id"] == "4_0", "label"] = "rare"
    for seed in range(20):
        split = assign_splits(table, SplitSettings(by="group", test=0.6, seed=seed))
        assert set(split.loc[split["group"] == "p4", "split"]) == {"train"}


def test_a_split_by_group_without_groups_is_refused(bad: tuple[Path, ImageSet]) -> None:
    with pytest.raises(
        GenlabError, match=r"data.split.by=group needs the group of each file, .*--params=data.file_names=group_index"
    ):
        view(bad[1], DataSettings(split=SplitSettings(by="group")))


def test_a_set_of_before_groups_opens_without_any(bad: tuple[Path, ImageSet], tmp_path: Path) -> None:
    import json
    import shutil

    from genlab.data.store import digest, file_digest

    root, sounds = bad
    folder = Path(shutil.copytree(root / "set" / sounds.about["key"], tmp_path / "old"))
    pd.read_parquet(folder / "table.parquet").drop(columns="group").to_parquet(folder / "table.parquet", index=False)
    about = dict(sounds.about)
    about["digests"] = {name: file_digest(folder / name) for name in about["digests"]}
    (folder / "set.json").write_text(json.dumps({"digest": digest(json.dumps(about).encode()), "about": about}))
    pd.testing.assert_frame_equal(open_set(folder)["images"].table, sounds["images"].table)


def test_a_known_set_brings_its_medium_and_no_other_is_taken() -> None:
    assert DataSettings(source="spoken_digits_small").medium == "sound"
    assert DataSettings(source="spoken_digits").medium == "sound"
    assert DataSettings().medium == DataSettings(source="mnist").medium == DataSettings(source="/folder").medium
    for source, medium, other in (("mnist", "sound", "pictures"), ("spoken_digits", "pictures", "sound")):
        with pytest.raises(GenlabError, match=f"data.source={source} holds {other}, but data.medium={medium}"):
            require_source(DataSettings(source=source, medium=medium))


def test_sounds_of_another_rate_or_length_are_another_set() -> None:
    names = {
        DataSettings(source="spoken_digits_small", **change).set_name()
        for change in ({}, {"rate": 4000}, {"seconds": 2.0}, {"rate": 4000, "seconds": 2.0})
    }
    assert len(names) == 4


def test_a_setting_of_another_medium_makes_no_other_set_and_a_view_of_another_is_refused() -> None:
    assert DataSettings().set_name() == DataSettings(seconds=2.0, rate=16_000).set_name()
    assert SMALL.set_name() == DataSettings(source="spoken_digits_small", fit="pad", image_size=64).set_name()
    with pytest.raises(GenlabError, match=r"data.view=log_mel is a view of sound; leave it out, or set data.source"):
        DataSettings(view="log_mel").set_name()
    with pytest.raises(GenlabError, match=r"data.binarise draws pictures in black and white; leave it out for sound"):
        DataSettings(source="spoken_digits_small", binarise="fixed").set_name()


def test_what_cannot_be_done_with_sound_is_refused_before_any_work() -> None:
    view = {"data": {"source": "spoken_digits_small", "view": "log_mel", "image_size": 64}}
    for model, given, said in (
        (
            "wavenet",
            {"data": {"source": "spoken_digits_small"}, "training": {"mirror": True}},
            "training.mirror and training.jitter change pictures",
        ),
        ("vae", {**view, "training": {"mirror": True}}, "training.mirror would turn time round"),
        ("wavenet", view, "wavenet learns from no spectrograms: .* data.medium or data.view to what it learns from"),
    ):
        with pytest.raises(GenlabError, match=said):
            check_model_fits(model, resolve(model, given))
    check_model_fits(
        "pix2pix", resolve("pix2pix", {**view, "training": {"mirror": False}})
    )  # pairs are derived of spectrograms as of pictures


def test_recordings_have_no_pairs_and_a_model_of_domains_says_so(digits: ImageSet) -> None:
    few = view(digits, SMALL)
    table = unpair(few, ImageSet({}, {}), pair_sides(few, ImageSet({}, {}), SMALL), SMALL)
    assert table.empty
    with pytest.raises(
        GenlabError, match="the source has one domain and data.pairs.kind=none derives no other; name a"
    ):
        arrange("domains", SMALL, digits, ImageSet({}, {}), table)


def test_a_folder_of_another_medium_is_named(tmp_path: Path) -> None:
    write(tmp_path / "raw/a.wav", 1)
    with pytest.raises(
        GenlabError, match=r"has no images \(it has 1 .wav\); set data.medium=sound, or set data.source"
    ):
        list_source(tmp_path, DataSettings(source=str(tmp_path / "raw")))


def test_a_copy_of_the_full_set_needs_no_network(tmp_path: Path) -> None:
    folder = tmp_path / "spoken_digits/recordings"
    for name in ("0_george_0", "0_george_5", "0_george_6", "9_theo_49"):
        write(folder / f"{name}.wav", 0)
    listing = list_public("spoken_digits", tmp_path, DataSettings(source="spoken_digits"))
    found = [(part.id, part.split, part.label, part.group) for entry in listing.entries for part in entry.parts]
    assert found == [
        ("0_george_0", "test", "0", "george"), ("0_george_5", "val", "0", "george"),
        ("0_george_6", "val", "0", "george"), ("9_theo_49", "train", "9", "theo"),
    ]  # fmt: skip
    write(folder / "nine.wav", 0)
    with pytest.raises(GenlabError, match="nine is not named"):
        list_public("spoken_digits", tmp_path, DataSettings(source="spoken_digits"))


def test_padding_is_never_sound(digits: ImageSet) -> None:
    store = digits["images"]
    ended = store.images[:, :, 0] == ENDED
    assert (ended.sum(axis=1) == 8000 - store.table["samples"]).all()
    assert (np.diff(ended.astype(int), axis=1) >= 0).all(), "nothing comes behind the end"


def test_a_log_mel_view_is_a_set_of_pictures_for_models_of_pictures(digits: ImageSet, tmp_path: Path) -> None:
    settings = DataSettings(source="spoken_digits_small", view="log_mel", image_size=64)
    pictures = ingest(list_source(RAW, settings), settings, tmp_path / "set")["images"]
    sound = digits["images"]
    assert settings.set_name() != SMALL.set_name()
    np.testing.assert_array_equal(pictures.take(np.arange(3)), draw_log_mel(sound.take(np.arange(3)), 8000, 64))
    assert pictures.table.drop(columns="checksum").equals(sound.table.drop(columns="checksum"))
    spec = LabelledImages.of(ingest(list_source(RAW, settings), settings, tmp_path / "set")).spec
    assert (spec.medium, medium_named(spec.medium).kind) == ("sound:8000:log_mel:8000", "pictures")
    model = build_model("vae", spec, {})
    assert spec.shapes == {"images": (1, 64, 64)}
    some = pictures.take(np.arange(2))
    drawn = apply(
        model, lambda _, x: model.reconstruct(x), [0, 1], some, depth=some.dtype, medium=spec.medium
    )  # fmt: skip
    assert drawn.shape == (2, 64, 64, 1)


def test_a_drawn_spectrogram_can_be_heard(tmp_path: Path) -> None:
    picture = draw_log_mel(pad(embedded("3_jackson_0"), 8000)[None], 8000, 64)[0]
    dataset = DrawingsDataset(filepath=str(tmp_path / "samples"))
    dataset.save(Drawings({"samples/1": picture}, "sound:8000:log_mel:8000"))
    samples, rate = soundfile.read(tmp_path / "samples/samples/1.wav", dtype="int16")
    assert (len(samples), rate) == (8000, 8000)
    np.testing.assert_array_equal(samples, hear_log_mel(picture, 8000, 8000)[:, 0])
    np.testing.assert_array_equal(dataset.load()["samples/1"], picture)
    assert dataset.preview()
