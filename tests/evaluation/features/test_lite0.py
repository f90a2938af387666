"""EfficientNet-Lite0 knows real photographs; the cache; what the sample metrics say of real images that are spoiled."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from sklearn.datasets import load_sample_image
from timm.data import ImageNetInfo

from genlab.data.arrange.pairs import PairedImages
from genlab.evaluation.features.cache import NO_CACHE, Cache
from genlab.evaluation.features.lite0 import Lite0, as_colour, lite0_network, resize
from genlab.evaluation.measures.samples import Reals, copying, evaluate_samples, independent_pixels
from genlab.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(resamples=20, kid_subsets=10)


@pytest.fixture(scope="module")
def lite0() -> Lite0:
    return Lite0()


@pytest.fixture(scope="module")
def reals(shoes: PairedImages) -> Reals:
    train, test = shoes.split("train").table["b"].to_numpy(), shoes.split("test").table["b"].to_numpy()
    return Reals.of(shoes.b, train, test, 60)


def spoil(images: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, images.shape)
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def blur(images: np.ndarray, size: int) -> np.ndarray:
    x = torch.from_numpy(images[..., 0].astype(np.float32))[:, None]
    kernel = torch.ones(1, 1, size, size) / size**2
    blurred = torch.nn.functional.conv2d(x, kernel, padding="same")
    return blurred[:, 0, :, :, None].numpy().round().astype(np.uint8)


def test_the_network_knows_photographs() -> None:
    """ImageNet's classes of photographs that come with scikit-image and scikit-learn."""
    network, _ = lite0_network()
    names = ImageNetInfo()
    photographs = {
        "cat": skimage.data.chelsea(), "espresso": skimage.data.coffee(),
        "palace": load_sample_image("china.jpg"), "daisy": load_sample_image("flower.jpg"),
    }  # fmt: skip
    for truth, photograph in photographs.items():
        height, width, _ = photograph.shape
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = photograph[top : top + side, left : left + side]
        with torch.inference_mode():
            logits = network((resize(as_colour(square[None]), 224) - 127) / 128)
        first = names.index_to_description(int(logits.argmax()))
        assert truth in first, f"the photograph of a {truth} is taken for: {first}"


def test_features_do_not_depend_on_batches_order_depth_or_grey_as_colour(
    lite0: Lite0, reals: Reals, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = reals.test[:7]
    whole = lite0(some)
    assert whole.shape == (7, 1280)
    assert whole.dtype == np.float32
    for same in (lite0(some.astype(np.uint16) * 257), lite0(np.repeat(some, 3, axis=3)), lite0(some[::-1])[::-1]):
        np.testing.assert_allclose(same, whole, atol=1e-4)
    monkeypatch.setattr("genlab.evaluation.features.lite0.BATCH", 2)
    np.testing.assert_allclose(lite0(some), whole, atol=1e-4)


def test_every_channel_of_an_image_counts(lite0: Lite0, reals: Reals) -> None:
    four = np.concatenate([reals.test[i : i + 1] for i in range(4)], axis=3)
    single = [lite0(reals.test[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(lite0(four), np.mean(single, axis=0), atol=1e-4)


@pytest.mark.parametrize(("change", "steps"), [(spoil, (0, 20, 80)), (blur, (1, 3, 7))])
def test_distances_rise_with_noise_and_with_blur(
    lite0: Lite0, reals: Reals, change: Callable[[np.ndarray, float], np.ndarray], steps: tuple[int, ...],
    tmp_path: Path,
) -> None:  # fmt: skip
    cache = Cache(tmp_path)
    found = [evaluate_samples(change(reals.train, step), reals, SETTINGS, cache, {}, lite0) for step in steps]
    for name in ("fd_lite0", "kid_lite0"):
        values = [float(metrics[name]) for metrics in found]
        assert values == sorted(values), name
        assert values[-1] > values[0] + 1e-3
    assert found[0]["kid_lite0"] == pytest.approx(found[0]["kid_lite0_real"], abs=1e-6)
    assert found[0]["fd_lite0"] == pytest.approx(float(found[0]["fd_lite0_real"]), rel=1e-4)
    assert float(found[0]["fd_lite0_real"]) < float(found[0]["fd_lite0_noise"])
    assert found[-1]["precision"] < found[0]["precision"]
    assert len({metrics["samples_protocol_hash"] for metrics in found}) == 1


def test_copies_of_training_images_are_found(lite0: Lite0, reals: Reals) -> None:
    """Half of the drawings are training images."""
    drawn = np.concatenate([reals.train[:30], reals.test[:30]])
    found = evaluate_samples(drawn, reals, SETTINGS, NO_CACHE, {}, lite0)
    assert 0.45 <= float(found["nearest_train_copies"]) <= 0.55
    assert float(found["nearest_train"]) < 0.9
    assert found["nearest_train_real"] == pytest.approx(1, abs=0.35)
    assert float(found["nearest_train_copies_real"]) < 0.1


def test_new_images_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    found = copying(rng.uniform(1, 2, 2000), rng.uniform(1, 2, 2000), EvaluationSettings(resamples=50))
    assert found["nearest_train"] == pytest.approx(1, abs=0.05)
    assert found["nearest_train_low"] < 1 < found["nearest_train_high"]
    assert found["nearest_train_copies"] == pytest.approx(0.01, abs=0.01)


def test_the_cache_gives_the_same_and_asks_once_until_a_pixel_changes(tmp_path: Path) -> None:
    asked = []

    class Sizes:
        protocol = {"features": "a test's"}  # noqa: RUF012

        def __call__(self, images: np.ndarray) -> np.ndarray:
            asked.append(len(images))
            return images.reshape(len(images), -1).astype(np.float32)

    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    cache = Cache(tmp_path / "new")
    first = cache.features(Sizes(), images)
    np.testing.assert_array_equal(cache.features(Sizes(), images.copy()), first)
    assert asked == [3]
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    assert not np.array_equal(cache.features(Sizes(), changed), first)
    Sizes.protocol = {"features": "another"}
    cache.features(Sizes(), images)
    assert asked == [3, 3, 3]
    for path in (tmp_path / "new").iterdir():  # a damaged file is made anew
        path.write_bytes(b"x")
    np.testing.assert_array_equal(cache.features(Sizes(), images), first)
    assert asked == [3, 3, 3, 3]


def test_everything_that_is_cached_is_real(lite0: Lite0, reals: Reals, tmp_path: Path) -> None:
    """Reference features are shared, drawings leave nothing behind: the folder does not grow with every run."""
    cache, few = Cache(tmp_path), Reals(reals.train[:10], reals.test[:10])
    first = evaluate_samples(few.test, few, SETTINGS, cache, {}, lite0)
    files = sorted(tmp_path.iterdir())
    again = evaluate_samples(spoil(few.test, 9), few, SETTINGS, cache, {}, lite0)
    assert sorted(tmp_path.iterdir()) == files
    assert again["fd_lite0_real"] == first["fd_lite0_real"]
    assert again["fd_lite0"] != first["fd_lite0"]
    assert "10 images are too few for a covariance of 1280 features" in str(first["fd_lite0_note"])
    json.dumps(first)


def test_a_handful_of_images_is_said_not_measured(lite0: Lite0, reals: Reals) -> None:
    few = Reals(reals.train[:10], reals.test[:3])
    found = evaluate_samples(reals.train[:10], few, SETTINGS, NO_CACHE, {}, lite0)
    assert list(found) == ["fd_lite0_note"]
    assert "3 test" in str(found["fd_lite0_note"])


def test_the_trivial_control_has_each_pixels_mean_and_deviation() -> None:
    train = np.random.default_rng(0).normal([[[40]], [[200]]], [[[5]], [[9]]], (500, 2, 2, 1)).astype(np.uint8)
    drawn = independent_pixels(train, 500, 0)
    assert drawn.shape == train.shape
    assert drawn.dtype == np.uint8
    np.testing.assert_allclose(drawn.mean(axis=0), train.mean(axis=0), atol=2)
    np.testing.assert_allclose(drawn.std(axis=0), train.std(axis=0), rtol=0.2)
