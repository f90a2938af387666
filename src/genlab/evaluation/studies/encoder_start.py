"""Does the encoder start a classifier? Four ways to a classifier, by how many labelled images there are.

fine_tuned    the trained encoder and a new linear layer, both trained on the labelled images
from_scratch  the same network from random weights
frozen        logistic regression on the codes of the trained encoder
pixels        logistic regression on pixels

The two networks have the same labelled images, the same optimiser and the same number of steps; nothing is chosen by
validation, since few labels leave none for it. B batch, N images, Z latent dimensions.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.measures.codes import choose_labelled, probe_accuracy
from genlab.evaluation.settings import ClassifierSettings
from genlab.media.pictures.integers import flatten
from genlab.media.pictures.levels import to_model_range
from genlab.models.base import StartsClassifier
from genlab.sampling.apply import batched
from genlab.sampling.draw import encode_images

METHODS = ("fine_tuned", "from_scratch", "frozen", "pixels")
COLUMNS = ["method", "labels", "seed", "accuracy"]
BATCH = 500  # test images at a time


def why_not(examples: LabelledImages) -> str | None:
    """Why no classifier can be trained and tested on these images; None where one can."""
    for split in ("train", "test"):
        labels = examples.split(split).labels
        found = len(np.unique(labels[labels >= 0]))
        if found < 2:
            return (
                f"classifiers need images of at least two labels, and the {split} split has {found}: the study is "
                "skipped. Put the images into one folder for each label"
            )
    return None


def train_from(
    encoder: nn.Module, train: LabelledImages, rows: np.ndarray, settings: ClassifierSettings, seed: int
) -> nn.Module:
    """The encoder (changed in place) under a new linear layer, trained by cross entropy on these rows of the images."""
    device = next(encoder.parameters()).device
    labels, places = train.labels[rows], train.table["row"].to_numpy()[rows]
    batch_size = min(settings.batch_size, len(rows))
    steps = max(settings.steps, math.ceil(settings.epochs * len(rows) / batch_size))
    latent_dim = encoder(_images(train, places[:1], device)).shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(encoder, nn.Linear(latent_dim, len(train.classes)).to(device)).train()
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate)
    rng = np.random.default_rng(seed)
    order = np.empty(0, dtype=np.int64)
    for _ in range(steps):
        if len(order) < batch_size:
            order = rng.permutation(len(rows))
        chosen, order = order[:batch_size], order[batch_size:]
        logits = network(_images(train, places[chosen], device))
        optimizer.zero_grad()
        F.cross_entropy(logits, torch.from_numpy(labels[chosen]).to(device)).backward()
        optimizer.step()
    return network.eval()


def _images(examples: LabelledImages, places: np.ndarray, device: torch.device) -> torch.Tensor:
    return to_model_range(torch.from_numpy(examples.store.take(places)).to(device))


@torch.no_grad()
def accuracy_of(network: nn.Module, test: LabelledImages) -> float:
    """The share of images whose label has the largest logit."""
    device, places = next(network.parameters()).device, test.table["row"].to_numpy()
    said = batched(lambda some: network(_images(test, some, device)).argmax(dim=1), BATCH, places)
    return float((said == test.labels).mean())


def compare_classifiers(
    case: Judged[StartsClassifier, LabelledImages],
    build: Callable[[], Any],
    watch: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Test accuracy by method, number of labels and seed, a row each.

    A seed draws the labelled images, as many of each label as can be, and the first weights. Logistic regression has
    neither where all images are labelled: all its seeds are then one number.

    Args:
        case: a model whose encoder is trained; it is not changed. `why_not` of its images is None.
        build: makes the same model with random weights, drawn from torch's global generator.
        watch: is told of every number of labels that is done.
    """
    trained, settings = case.model, case.evaluation.classifiers
    train, test = (
        _labelled(case.examples.split(split)).spread(most)
        for split, most in (("train", settings.most), ("test", settings.test_images))
    )
    codes, test_codes = encode_images(case, train.pixels), encode_images(case, test.pixels)
    test_pixels = flatten(test.pixels)
    rows: list[tuple[str, int, int, float]] = []
    for count in [*(n for n in sorted(set(settings.labels)) if n < len(train)), len(train)]:
        for seed in range(settings.seeds):
            chosen = choose_labelled(train.labels, count, seed)
            labels = train.labels[chosen]
            if len(np.unique(labels)) < 2:
                continue
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                fresh = build()
            starts = {"fine_tuned": copy.deepcopy(trained.encoder_network()), "from_scratch": fresh.encoder_network()}
            for method, encoder in starts.items():
                network = train_from(encoder, train, chosen, settings, seed)
                rows.append((method, count, seed, accuracy_of(network, test)))
            if count == len(train) and seed > 0:
                rows += [(method, count, seed, found) for method, c, s, found in rows
                         if (c, s) == (count, 0) and method in ("frozen", "pixels")]  # fmt: skip
                continue
            pixels = flatten(train.store.take(train.table["row"].to_numpy()[chosen]))
            rows.append(("frozen", count, seed, probe_accuracy(codes[chosen], labels, test_codes, test.labels)))
            rows.append(("pixels", count, seed, probe_accuracy(pixels, labels, test_pixels, test.labels)))
        watch(f"classifiers with {count} labels are done")
    return pd.DataFrame(rows, columns=COLUMNS)


def _labelled(examples: LabelledImages) -> LabelledImages:
    known = examples.table[examples.labels >= 0].reset_index(drop=True)
    return LabelledImages(known, examples.store, examples.classes)


def summarise(study: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over seeds with its 95 % interval (Student's t), by method and number of labels: columns method,
    labels, mean, low, high."""
    rows = []
    for (method, labels), group in study.groupby(["method", "labels"], sort=False):
        mean, n = group["accuracy"].mean(), len(group)
        half = stats.t.ppf(0.975, n - 1) * group["accuracy"].std(ddof=1) / math.sqrt(n)
        rows.append((method, labels, mean, mean - half, mean + half))
    return pd.DataFrame(rows, columns=["method", "labels", "mean", "low", "high"])


def classifier_metrics(study: pd.DataFrame) -> dict[str, float]:
    """`classifier_study_accuracy_<method>_<labels>` with `..._low` and `..._high`; all labels are `all`."""
    summary = summarise(study)
    metrics: dict[str, float] = {"classifier_seeds": float(study["seed"].nunique())}
    for row in summary.to_dict("records"):
        labels = "all" if row["labels"] == summary["labels"].max() else row["labels"]
        name = f"classifier_study_accuracy_{row['method']}_{labels}"
        metrics |= {name: row["mean"], f"{name}_low": row["low"], f"{name}_high": row["high"]}
    return metrics
