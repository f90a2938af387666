"""Sound: files of any kind become samples as scipy and libsndfile have them, and back; bad files say what is wrong."""

import io
import tracemalloc
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import resample_poly

from genlab.errors import GenlabError
from genlab.media.apart import Apart, decode_any
from genlab.media.base import UnreadableFileError, medium_named, medium_of_file
from genlab.media.sound import decode as decoding
from genlab.media.sound.integers import ENDED, without_padding

SOUND = medium_named("sound:8000")


def noise(frames: int, channels: int = 1) -> np.ndarray:
    """(frames, channels) int16, all values."""
    return np.random.default_rng(0).integers(-32768, 32768, (frames, channels), dtype=np.int16)


def sine(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    """(T,) of half the full scale."""
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def packed(samples: np.ndarray, rate: int, **how: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", "subtype": "PCM_16", **how})
    return file.getvalue()


def decode(source: bytes | Path, rate: int = 8000, seconds: float = 1.0) -> tuple[np.ndarray, dict[str, Any]]:
    [found] = SOUND.decode(source, [""], {"rate": rate, "seconds": seconds})
    return found


@pytest.mark.parametrize(("format", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("WAV", "PCM_24")])
def test_a_file_at_its_own_rate_keeps_every_value(format: str, subtype: str) -> None:
    samples = noise(8000)
    stored, about = decode(packed(samples, 8000, format=format, subtype=subtype))
    assert stored.dtype == np.int16
    np.testing.assert_array_equal(stored, np.maximum(samples, -32767))
    assert about.keys() == set(SOUND.columns)
    assert (about["samples"], about["seconds"], about["rate"], about["channels"]) == (8000, 1.0, 8000, 1)
    assert about["bits"] == int(subtype[-2:])


def test_eight_bits_are_coarse_and_ogg_loses_a_little() -> None:
    samples = (sine(440, 8000) * 32767).astype(np.int16)
    eight, about = decode(packed(samples, 8000, subtype="PCM_U8"))
    assert about["bits"] == 8
    assert set(eight[:, 0] % 256) == {0}
    ogg, about = decode(packed(sine(440, 8000), 8000, format="OGG", subtype="VORBIS"))
    assert about["bits"] == 0
    assert np.abs(ogg[500:-500, 0] - samples[500:-500].astype(int)).mean() < 600


def test_channels_are_mixed_down_to_their_mean() -> None:
    samples = noise(4000, 8)
    stored, about = decode(packed(samples, 8000))
    assert about["channels"] == 8
    np.testing.assert_allclose(stored[:4000, 0], samples.mean(axis=1), atol=0.5)


@pytest.mark.parametrize("rate", [1000, 7999, 11_025, 16_000, 44_100, 192_000])
def test_a_sound_resampled_in_pieces_is_that_resampled_whole(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK", 700)
    samples = noise(round(1.3 * rate))
    whole = resample_poly(samples[:, 0] / 32768, 8000, rate) * 32768
    stored, about = decode(packed(samples, rate), seconds=2.0)
    assert about["samples"] == len(whole)
    np.testing.assert_allclose(stored[: len(whole), 0], whole.clip(-32767, 32767), atol=0.51)
    cut, _ = decode(packed(samples, rate), seconds=0.9)
    np.testing.assert_array_equal(cut, stored[:7200], "what lies behind the cut does not matter")


def test_what_fits_under_the_new_rate_is_kept_and_what_does_not_is_gone() -> None:
    kept, _ = decode(packed(sine(1000, 44_100), 44_100))
    middle = slice(500, -500)
    np.testing.assert_allclose(kept[middle, 0] / 32768, sine(1000, 8000)[middle], atol=0.005)
    gone, _ = decode(packed(sine(5000, 44_100), 44_100))
    assert np.abs(gone[middle]).max() < 0.01 * 32768


def test_a_long_recording_is_cut_and_a_short_one_padded() -> None:
    samples = np.maximum(noise(12_000), -32767)
    cut, about = decode(packed(samples, 8000))
    assert (len(cut), about["samples"], about["seconds"]) == (8000, 8000, 1.5)
    np.testing.assert_array_equal(cut, samples[:8000])
    padded, about = decode(packed(samples, 8000), seconds=2.0)
    assert (len(padded), about["samples"]) == (16_000, 12_000)
    assert (padded[12_000:] == ENDED).all()
    np.testing.assert_array_equal(without_padding(padded), samples[:, 0])


def test_clipping_silence_and_the_peak_are_counted() -> None:
    loud = np.clip(2.5 * sine(100, 8000), -1, 1)
    about = decode(packed(loud, 8000, subtype="FLOAT"))[1]
    assert about["clipped"] == pytest.approx((np.abs(loud) > 0.99).mean(), abs=0.01)
    assert (about["peak"], about["silent"]) == (1.0, 0.0)
    half = np.concatenate([0.1 * loud[:4000], np.zeros(4000)])
    about = decode(packed(half, 8000))[1]
    assert about["peak"] == pytest.approx(0.1, abs=1e-3)
    assert about["silent"] == pytest.approx(0.5, abs=0.01)
    assert about["clipped"] == 0
    assert decode(packed(np.zeros(100), 8000))[1]["silent"] == 1
    almost = 1.99 * sine(100, 8000)
    assert decode(packed(almost, 8000))[1]["clipped"] == 0, "what is loud is not yet clipped"
    assert decode(packed(np.abs(2 * sine(100, 8000)), 8000, subtype="PCM_U8"))[1]["clipped"] > 0.01, (
        "8 bits have no louder value"
    )


def broken_flac() -> bytes:
    whole = packed(noise(8000), 8000, format="FLAC")
    return whole[: len(whole) // 2]


def cut(format: str) -> bytes:
    whole = packed(noise(8000), 8000, format=format)
    return whole[: len(whole) // 3]


def with_nan() -> bytes:
    samples = sine(440, 8000)
    samples[2000] = np.nan
    return packed(samples, 8000, subtype="FLOAT")


def of_rate(rate: int) -> bytes:
    data = bytearray(packed(noise(100), 8000))
    data[24:28] = rate.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"This is no sound.\n" * 9, r"is no sound that can be read \(Format not recognised\)"),
        (lambda: b"", r"is no sound that can be read"),
        (broken_flac, "breaks off after 0.* of 1.00 s|is no sound that can be read|is damaged"),
        (lambda: cut("WAV"), r"breaks off after 0\.33 s; fetch it again"),
        (lambda: cut("AIFF"), r"breaks off after 0\.33 s; fetch it again"),
        (lambda: cut("AU"), r"breaks off after 0\.33 s; fetch it again"),
        (lambda: packed(np.zeros((0, 1), np.int16), 8000), "has no samples; delete it"),
        (with_nan, "has values that are no numbers, the first after 0.25 s; save it anew"),
        (lambda: of_rate(7), "says that it has 7 samples a second"),
        (lambda: of_rate(2_000_000_000), "says that it has 2000000000 samples a second"),
    ],
)
def test_bad_files_say_what_is_wrong(make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        decode_any(SOUND, make(), [""], {"rate": 8000, "seconds": 1.0})


def test_two_sounds_do_not_stand_side_by_side() -> None:
    with pytest.raises(UnreadableFileError, match="does not stand side by side"):
        SOUND.decode(packed(noise(100), 8000), ["left", "right"], {"rate": 8000, "seconds": 1.0})


def test_a_file_of_three_hours_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path, rate, seconds = tmp_path / "long.wav", 44_100, 3 * 3600
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", ""))
        file.writeframes(noise(rate, 2).tobytes())
    head, size = (
        path.read_bytes()[:44],
        4 * rate * seconds,
    )  # bytes of samples: all but one second are a hole on the disk
    with path.open("r+b") as raw:
        raw.truncate(44 + size)
        raw.write(head[:4] + (36 + size).to_bytes(4, "little") + head[8:40] + size.to_bytes(4, "little"))
    tracemalloc.start()
    stored, about = decode(path, seconds=120.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert about["seconds"] == seconds
    assert len(stored) == 120 * 8000
    assert peak < 15e6, "what is read alone has 85 MB as numbers, the file 1.9 GB"


def test_a_damaged_file_cannot_bring_the_run_down() -> None:
    assert not SOUND.is_safe(packed(noise(10), 8000))
    with Apart("sound:8000") as apart:
        [(stored, _)] = apart.decode(packed(noise(10), 8000), [""], {"rate": 8000, "seconds": 0.01})
        assert stored.shape == (80, 1)
        with pytest.raises(UnreadableFileError, match="no sound"):
            apart.decode(b"no", [""], {"rate": 8000, "seconds": 0.01})


def test_a_model_has_numbers_between_minus_one_and_one_and_nan_behind_the_end() -> None:
    stored = np.array([-32767, -1, 0, 1, 32767, ENDED, ENDED], np.int16)[None, :, None]
    x = SOUND.to_model_range(torch.from_numpy(stored))
    assert x.dtype == torch.float32
    assert x.shape == (1, 1, 7)
    assert x[0, 0, [0, 2, 4]].tolist() == [-1, 0, 1]
    assert x.isnan().tolist() == [[[False] * 5 + [True] * 2]]
    np.testing.assert_array_equal(SOUND.from_model_range(x, np.int16), stored)
    every = np.arange(-32768, 32768, dtype=np.int16)[None, :, None]
    there = SOUND.to_model_range(torch.from_numpy(every))
    np.testing.assert_array_equal(SOUND.from_model_range(there, np.int16), every)
    wild = torch.tensor([[[-9.0, 9.0, -1.0001]]])
    assert SOUND.from_model_range(wild, np.int16).ravel().tolist() == [-32767, 32767, -32767], "never taken for the end"


@pytest.mark.parametrize("ended", [0, 3, 8])
def test_a_wav_holds_the_sound_without_padding_and_gives_it_back_with_it(tmp_path: Path, ended: int) -> None:
    stored = np.maximum(noise(8), -32767)
    stored[ended:] = ENDED
    medium_named("sound:11025").write(tmp_path / "a", stored)
    assert soundfile.info(tmp_path / "a.wav").frames == ended
    assert soundfile.read(tmp_path / "a.wav")[1] == 11_025
    np.testing.assert_array_equal(SOUND.read(tmp_path / "a.wav"), stored)
    assert medium_of_file(tmp_path / "a.wav") == "sound:11025"


def test_a_damaged_drawing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for read in (SOUND.read, SOUND.named_in):
        with pytest.raises(GenlabError, match=r"a\.wav is damaged .*; delete this version or load another one"):
            read(tmp_path / "a.wav")


def test_the_full_name_says_the_rate() -> None:
    settings = {"rate": 16_000, "seconds": 0.5, "view": "samples", "binarise": None}
    assert SOUND.named(settings) == "sound:16000"
    assert medium_named("sound:16000").kind == "sound"
    wide = medium_named("sound:16000")
    assert wide.shape(3, settings) == (1, 8000)
    assert wide.arguments({"images": (1, 8000)}) == {"samples": 8000, "rate": 16_000}
    assert wide.describe({"images": (1, 8000)}) == "recordings of 8,000 samples at 16,000 Hz"
    assert SOUND.decoding(settings) != SOUND.decoding({**settings, "rate": 8000})


def test_what_only_pictures_have_is_refused() -> None:
    with pytest.raises(GenlabError, match="leave it out for sound"):
        SOUND.binarise(noise(8), "0")
    batch = {"images": torch.zeros(1, 1, 8)}
    for change in ({"mirror": True, "jitter": 1.0}, {"mirror": False, "jitter": 1.1}):
        with pytest.raises(GenlabError, match="leave them out for sound"):
            SOUND.augment(batch, change)
    assert SOUND.augment(batch, {"mirror": False, "jitter": 1.0})["images"] is batch["images"]


def test_sound_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    for name, data in (("a", packed(noise(9), 8000)), ("b", packed(noise(9), 8000, format="FLAC")), ("c", b"text")):
        (tmp_path / name).write_bytes(data)
    assert [SOUND.recognises(tmp_path / name) for name in "abcd"] == [True, True, False, False]
