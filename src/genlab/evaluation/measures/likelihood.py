"""How probable a model finds images, in nats and in bits; pictures beside independent pixels and files without loss.

N images, H = W pixels, C channels.
"""

import io
import math
import re
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from genlab.data.arrange.examples import content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.features.cache import content
from genlab.evaluation.pixel_errors import bootstrap_interval
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.media.base import Medium, medium_named
from genlab.media.pictures.integers import to_integers, to_levels, to_unit_range
from genlab.models.base import HasDensity, ScoresDensity
from genlab.sampling.apply import batched

BATCH = 100  # images at a time
LARGEST_WEBP = 16383  # pixels to a side
GROUPS = 20  # that are told apart, at most


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


def count_numbers(images: np.ndarray, medium: Medium) -> np.ndarray:
    """How many numbers a model scores of each of (N, *axes, C) images, (N,): behind the end of a recording none."""
    return batched(
        lambda part: medium.to_model_range(torch.from_numpy(part)).isfinite().flatten(1).sum(dim=1), BATCH, images
    ).astype(np.float64)


def likelihood_metrics(case: Judged[HasDensity, LabelledImages], nll: np.ndarray, error: float = 0.0) -> Metrics:
    """Means of the negative log-likelihoods in nats, (N,), of the test split.

    `nll_nats` is per image, with its 95 % interval, `bits_per_dim` per number of all images together, and
    `bits_per_dim_of_<group>` of those of one group, where there are few. `..._kind` says whether they are exact or a
    bound, computed or estimated; for an estimate `nll_effort` is how much was drawn. `nll_levels` is how many values a
    number has.

    Args:
        case: whose they are.
        nll: of the images of the test split.
        error: a standard error that all of `nll` share. It widens the interval.
    """
    model, settings, images = case.model, case.evaluation, case.shown.pixels
    kind = ", ".join(model.density)
    case.keep("nll_nats", case.shown.table["id"], nll)
    effort = {"nll_effort": float(settings.effort)} if "estimated" in model.density else {}
    medium = medium_named(case.examples.spec.medium)
    numbers = count_numbers(images, medium)
    unit = math.log(2) * numbers.mean()
    per_dim = nll.sum() / (math.log(2) * numbers.sum())
    # Linear in both sums of the ratio: the mean is the ratio, and intervals are those of a mean.
    linear = per_dim + nll / unit - per_dim * numbers / numbers.mean()
    found: Metrics = {}
    for name, values, scatter in (("nll_nats", nll, error), ("bits_per_dim", linear, error / unit)):
        mean = float(values.mean())
        ends = bootstrap_interval(values, resamples=settings.resamples, seed=settings.seed)
        low, high = (math.hypot(end - mean, 1.96 * scatter) for end in ends)
        found |= {name: mean, f"{name}_low": mean - low, f"{name}_high": mean + high, f"{name}_kind": kind}
    protocol = {"test": content_fingerprint(case.shown), "levels": model.levels, "kind": kind, **effort}
    return {
        **found, **effort, **by_group("bits_per_dim", case.shown, nll / math.log(2), numbers),
        "nll_levels": float(model.levels), "nll_images": float(len(images)),
        "nll_protocol": f"{model.levels} values to a {medium.number}, {kind}",
        "nll_protocol_hash": protocol_hash(protocol),
    }  # fmt: skip


def by_group(metric: str, examples: LabelledImages, total: np.ndarray, count: np.ndarray) -> Metrics:
    """`<metric>_of_<group>`: the sum of (N,) totals over that of (N,) counts, for each group; none of many groups."""
    found: Metrics = {}
    for number, name in enumerate(examples.groups if len(examples.groups) <= GROUPS else ()):
        mine = examples.group_numbers == number
        if mine.any():
            found[f"{metric}_of_{re.sub(r'[^0-9A-Za-z_.-]', '_', name)}"] = float(total[mine].sum() / count[mine].sum())
    return found


@measure(
    needs=HasDensity,
    on=LabelledImages,
    of="pictures",
    controls={"independent_pixels": "independent pixels", "webp": "WebP, one file for all", "png": "PNG, a file each"},
)
def compare_with_pixels(case: Judged[HasDensity, LabelledImages]) -> Metrics:
    """The controls of a picture's likelihood: `independent_pixels_nll` and `file_metrics`."""
    images, levels = case.shown.pixels, case.model.levels
    control = float(independent_pixels_nll(case.examples.split("train"), images, levels).mean())
    named = {"images": content(images), "levels": levels}
    return {
        "nll_nats_independent_pixels": control,
        "bits_per_dim_independent_pixels": control / (math.log(2) * images[0].size),
        **case.cache.values("files", named, lambda: file_metrics(images, levels)),
    }  # fmt: skip


@measure(
    needs=ScoresDensity,
    on=LabelledImages,
    better={"nll_nats": "lower", "bits_per_dim": "lower"},
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
