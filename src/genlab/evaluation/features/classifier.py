"""A small classifier, trained on the real images, that says what drawings show: for models that are told a label, and
for which classes a model covers. Its own accuracy on real test images stands beside what it says.

It looks at pictures: of other media, at what `Medium.as_pictures` makes of them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.protocol import protocol_hash
from genlab.media.base import medium_named
from genlab.media.pictures.levels import to_model_range
from genlab.sampling.apply import batched

SIZE = 32  # H = W that it sees
WIDTH, BATCH, RATE = 32, 128, 0.01  # reaches 0.888 on Fashion-MNIST's sample in 700 steps
CHUNK = 500  # images at a time where nothing is learned


def _block(into: int, out: int, kernel: int) -> list[nn.Module]:
    """Half the height and width."""
    return [nn.Conv2d(into, out, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU()]


def build_classifier(channels: int, classes: int) -> nn.Sequential:
    """(B, C, 32, 32) in [-1, 1] -> (B, classes) logits."""
    return nn.Sequential(
        *_block(channels, WIDTH, 5), *_block(WIDTH, 2 * WIDTH, 3), *_block(2 * WIDTH, 4 * WIDTH, 3),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * WIDTH * (SIZE // 8) ** 2, classes),
    ).to(memory_format=torch.channels_last)  # fmt: skip


def _as_input(images: np.ndarray, medium: str) -> Float[Tensor, "n c s s"]:
    """(N, *axes, C) of a store -> the classifier's input; resized bilinearly, antialiased, where needed."""
    x = to_model_range(torch.from_numpy(medium_named(medium).as_pictures(images)))
    if x.shape[2] != SIZE:
        x = nn.functional.interpolate(x, size=(SIZE, SIZE), mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def train_classifier(examples: LabelledImages, steps: int, seed: int, device: torch.device) -> dict[str, Tensor]:
    """The weights after so many steps of 128 labelled images; the same for the same images, steps, seed and device.

    The caller's random numbers go on as if nothing had been drawn.
    """
    rows = np.flatnonzero(examples.labels >= 0)
    rng = np.random.default_rng(seed)
    places, medium = examples.table["row"].to_numpy(), examples.spec.medium
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_classifier(_channels(examples), len(examples.classes)).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=max(steps, 2))
        order = rng.permutation(rows)
        for _ in range(steps):
            if len(order) < min(BATCH, len(rows)):
                order = rng.permutation(rows)
            batch, order = order[:BATCH], order[BATCH:]
            logits = network(_as_input(examples.store.take(places[batch]), medium).to(device))
            labels = torch.from_numpy(examples.labels[batch]).to(device)
            loss = nn.functional.cross_entropy(logits, labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.state_dict()


def _channels(examples: LabelledImages) -> int:
    """Of the pictures that it looks at."""
    return medium_named(examples.spec.medium).as_pictures(examples.store.take(np.array([0]))).shape[-1]


@dataclass(frozen=True)
class Classifier:
    """A trained classifier and how far it can be trusted."""

    network: nn.Sequential
    medium: str  # of what it looks at
    protocol: str  # names what it was trained on, and how
    accuracy: float = math.nan  # on real test images

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(N, *axes, C) of a store -> the number of the most probable label of each, (N,)."""
        return batched(lambda part: self.network(self._input(part)).argmax(dim=1), CHUNK, images)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, *axes, C) of a store -> the numbers before its last layer, (N, D) float32."""
        return batched(lambda part: self.network[:-1](self._input(part)), CHUNK, images)

    def _input(self, images: np.ndarray) -> Tensor:
        return _as_input(images, self.medium).to(next(self.network.parameters()).device)


def can_classify(examples: LabelledImages) -> bool:
    """Whether there are at least two labels, and training and test images that have one."""
    return len(examples.classes) > 1 and all(
        examples.has_split(split) and bool((examples.split(split).labels >= 0).any()) for split in ("train", "test")
    )


def classifier_of(case: Judged[Any, LabelledImages], by: Literal["label", "group"] = "label") -> Classifier | None:
    """The classifier of a set's labels or groups, trained on its training split once and kept in the cache.

    None where `evaluation.classifier` is off, the labels are too few, or test images have groups that training has not.
    """
    examples, settings = case.examples.uncaptioned(), case.evaluation
    if by == "group":
        examples = replace(
            examples, table=examples.table.assign(label=examples.table["group"]), classes=examples.groups
        )
    if not (settings.classifier and can_classify(examples)):
        return None
    train, test = examples.split("train"), examples.split("test")
    if by == "group" and not set(test.labels) <= set(train.labels):
        return None
    protocol = {
        "classifier": [SIZE, WIDTH, BATCH, RATE], "steps": settings.classifier_steps, "seed": settings.seed,
        "images": train.fingerprint(), "classes": list(examples.classes),
    }  # fmt: skip
    weights = case.cache.weights(
        "classifier", protocol, lambda: train_classifier(train, settings.classifier_steps, settings.seed, case.device)
    )
    with torch.device("meta"):  # no first weights, and no random numbers for them
        network = build_classifier(_channels(examples), len(examples.classes))
    network.load_state_dict(weights, assign=True)
    network.to(case.device).eval().requires_grad_(False)
    known = test.labels >= 0
    classifier = Classifier(network, examples.spec.medium, protocol_hash(protocol))
    said = classifier(test.pixels[known])
    return replace(classifier, accuracy=float((said == test.labels[known]).mean()))
