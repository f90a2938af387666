"""How probable a model finds images, in nats and in bits, beside independent pixels and beside files without loss.

N images, H = W pixels, C channels, D = H W C numbers.
"""

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from genlab.data.arrange.examples import content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.features.cache import content
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.media.pictures.integers import to_integers, to_levels, to_unit_range
from genlab.models.base import HasDensity, ScoresDensity

BATCH = 100  # images at a time
LARGEST_WEBP = 16383  # pixels to a side


def independent_pixels_nll(train: LabelledImages, images: np.ndarray, levels: int) -> np.ndarray:
    """-log p of (N, H, W, C) images in nats, (N,), where every number is drawn by itself: the control.

    Each number has the histogram of the training images, with a count of one beside what was found. With two levels,
    a grey value counts as that share of a white one.
    """
    parts = train.store.parts(train.table["row"].to_numpy())
    if levels == 2:
        total, count = np.zeros(images.shape[1:]), len(train)
        for part in parts:
            total += to_unit_range(part, np.float64).sum(axis=0)
        white = (total + 1) / (count + 2)
        x = to_unit_range(images, np.float64)
        return -(x * np.log(white) + (1 - x) * np.log1p(-white)).reshape(len(images), -1).sum(axis=1)
    counts = np.ones((levels, images[0].size))
    place = np.arange(images[0].size)
    for part in parts:
        for image in to_levels(part, levels):
            counts[image, place] += 1
    log_share = np.log(counts) - np.log(counts.sum(axis=0))
    return -np.stack([log_share[image, place] for image in to_levels(images, levels)]).sum(axis=1)


def file_size(image: np.ndarray, kind: str) -> int:
    """Bytes of an (H, W, C) image as a file without loss, by Pillow. Of two levels, PNG needs a bit for each pixel."""
    picture, file = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image), io.BytesIO()
    if kind == "PNG" and picture.mode == "L" and set(np.unique(image)) <= {0, 255}:
        picture = picture.convert("1")
    picture.save(file, kind, optimize=True, lossless=True, quality=100)
    return file.tell()


def sheets(images: np.ndarray) -> Iterator[np.ndarray]:
    """Images (N, H, W, C) side by side, in as few squares as WebP can hold. What is left over is black."""
    (height, width, channels), side = images.shape[1:], max(images.shape[1:3])
    columns = min(math.ceil(math.sqrt(len(images))), max(1, LARGEST_WEBP // side))
    for start in range(0, len(images), columns**2):
        part = images[start : start + columns**2]
        rows = math.ceil(len(part) / columns)
        filled = np.concatenate([part, np.zeros((rows * columns - len(part), *images.shape[1:]), part.dtype)])
        grid = filled.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
        yield grid.reshape(rows * height, columns * width, channels)


def file_metrics(images: np.ndarray, levels: int) -> Metrics:
    """Bits that files need for each number of (N, H, W, C) images: PNG, a file an image, and WebP, a file for all.

    There are none for channels that such files do not have, and for shades of grey that stand for black and white.
    """
    images = np.stack([to_integers(255 * to_unit_range(image), np.uint8) for image in images])
    if images.shape[-1] not in (1, 3) or (levels == 2 and not np.isin(images, (0, 255)).all()):
        return {}
    png, webp = (sum(file_size(x, kind) for x in files) for kind, files in (("PNG", images), ("WEBP", sheets(images))))
    return {"bits_per_dim_png": 8 * png / images.size, "bits_per_dim_webp": 8 * webp / images.size}


def likelihood_metrics(case: Judged[HasDensity, LabelledImages], nll: np.ndarray, error: float = 0.0) -> Metrics:
    """Means of the negative log-likelihoods in nats, (N,), of the test split, beside their control.

    `nll_nats` is per image, with its 95 % interval, `bits_per_dim` per number of the image. `..._kind` says whether
    they are exact or a bound, computed or estimated; for an estimate `nll_effort` is how much was drawn. `nll_levels`
    is how many values a pixel has. The controls are `independent_pixels_nll` and `file_metrics`.

    Args:
        case: whose they are.
        nll: of the images of the test split.
        error: a standard error that all of `nll` share. It widens the interval.
    """
    model, settings, images = case.model, case.evaluation, case.shown.pixels
    kind = ", ".join(model.density)
    case.keep("nll_nats", case.shown.table["id"], nll)
    effort = {"nll_effort": float(settings.effort)} if "estimated" in model.density else {}
    mean, per_dim = float(nll.mean()), 1 / (math.log(2) * images[0].size)
    ends = bootstrap_interval(nll, resamples=settings.resamples, seed=settings.seed)
    low, high = (math.hypot(end - mean, 1.96 * error) for end in ends)
    control = float(independent_pixels_nll(case.examples.split("train"), images, model.levels).mean())
    protocol = {"test": content_fingerprint(case.shown), "levels": model.levels, "kind": kind, **effort}
    named = {"images": content(images), "levels": model.levels}
    files = case.cache.values("files", named, lambda: file_metrics(images, model.levels))
    return {
        **effort, "nll_nats": mean, "nll_nats_low": mean - low, "nll_nats_high": mean + high, "nll_nats_kind": kind,
        "bits_per_dim": mean * per_dim, "bits_per_dim_low": (mean - low) * per_dim,
        "bits_per_dim_high": (mean + high) * per_dim, "bits_per_dim_kind": kind, "nll_levels": float(model.levels),
        "nll_nats_independent_pixels": control, "bits_per_dim_independent_pixels": control * per_dim,
        "nll_images": float(len(images)), "nll_protocol": f"{model.levels} values to a pixel, {kind}",
        "nll_protocol_hash": protocol_hash(protocol), **files,
    }  # fmt: skip


@measure(
    needs=ScoresDensity,
    on=LabelledImages,
    better={"nll_nats": "lower", "bits_per_dim": "lower"},
    controls={"independent_pixels": "independent pixels", "webp": "WebP, one file for all", "png": "PNG, a file each"},
    protocols=("nll_protocol", "nll_protocol_hash"),
)
def evaluate_density(case: Judged[ScoresDensity, LabelledImages]) -> Metrics:
    """`likelihood_metrics` of a model that scores density; for an estimated bound `negative_elbo_nats`, by one draw."""
    model, settings, images = case.model, case.evaluation, case.shown.pixels

    def score(effort: int) -> np.ndarray:
        found = case.apply(
            lambda rng, x: model.log_prob(x, rng, effort), range(len(images)), images, seed=settings.seed,
            batch_size=BATCH,
        )  # fmt: skip
        return -found.astype(np.float64)

    by_one = {"negative_elbo_nats": float(score(1).mean())} if model.density == ("bound", "estimated") else {}
    return {**by_one, **likelihood_metrics(case, score(settings.effort))}
