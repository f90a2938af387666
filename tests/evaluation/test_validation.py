"""The score of new images while training, and the control before it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.errors import GenlabError
from genlab.evaluation import validation
from genlab.evaluation.measures import untrained
from genlab.evaluation.measures.untrained import judge_untrained
from genlab.evaluation.settings import EvaluationSettings
from genlab.models.base import Batch, Model, Turn, Validates
from genlab.models.boltzmann import Boltzmann
from genlab.models.gan import GAN
from genlab.models.pixelcnn import PixelCNN
from genlab.models.vae import VAE
from genlab.nn.noise import Chance
from genlab.sampling.draw import draw_samples
from genlab.sampling.registry import drawing
from genlab.sampling.settings import SampleSettings
from genlab.training.fit import Job, fit
from genlab.training.settings import TrainingSettings
from tests.judging import judged


class Means:
    """Features that cost nothing: the means of the four quarters of an image."""

    protocol = {"features": "quarters"}  # noqa: RUF012

    def __init__(self, size: int = 96, device: object = None) -> None:
        pass

    def __call__(self, images: np.ndarray) -> np.ndarray:
        quarters = [images[:, i : i + 16, j : j + 16].mean(axis=(1, 2, 3)) for i in (0, 16) for j in (0, 16)]
        return np.stack(quarters, axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def cheap_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "Lite0", Means)
    monkeypatch.setattr(untrained, "Lite0", Means)


def test_a_model_that_draws_the_real_images_scores_best(few_images: LabelledImages) -> None:
    score = validation.Score(few_images, "train", images=40)
    model = GAN()
    real = torch.from_numpy(few_images.pixels.transpose(0, 3, 1, 2)).float() / 127.5 - 1

    class Perfect(GAN):
        def sample(self, n: int, rng: Chance, condition: torch.Tensor | None = None) -> torch.Tensor:
            return real[torch.arange(n) % len(real)]

    perfect, random = score(Perfect()), score(model)
    assert perfect is not None
    assert random is not None
    assert abs(perfect) < 0.05 * random
    assert score(model) == random, "the same drawings each time"


def test_without_drawings_nothing_tells(few_images: LabelledImages) -> None:
    assert validation.Score(few_images, "train", images=0)(GAN()) is None


class Remembers(Model, Validates):
    """Says of each example of a batch its mean first value, and keeps the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[dict[str, torch.Tensor]] = []

    def players(self) -> dict[str, list[torch.nn.Parameter]]:
        return {"nobody": [self.weight]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("nobody", {"nothing": self.weight})

    def validation(self, batch: Batch, rng: Chance) -> torch.Tensor:
        self.seen.append(dict(batch))
        assert len(rng) == len(next(iter(batch.values())))
        return next(iter(batch.values())).flatten(1).mean(dim=1)


def test_a_model_that_validates_itself_is_asked_first_by_batches_of_its_own_kind(
    few_images: LabelledImages, few_captions: LabelledImages, few_shoes: PairedImages, few_domains: UnpairedImages
) -> None:
    for examples, names in (
        (few_images, {"images", "labels"}),
        (few_captions, {"images", "labels", "captions"}),
        (few_shoes, {"a", "b"}),
        (few_domains, {"a", "b"}),
    ):
        model = Remembers()
        score = validation.Score(examples, "train")(model)
        assert [set(batch) for batch in model.seen[:1]] == [names]
        first = torch.cat([batch[min(names - {"labels", "captions"})] for batch in model.seen])
        assert -1 <= first.min() < first.max() <= 1
        assert len(first) == min(len(stream) for stream in examples.streams())
        if names == {"a", "b"}:
            side = examples.side("a")[np.linspace(0, len(examples.side("a")) - 1, len(first)).round().astype(int)]
            assert score == pytest.approx((side / 127.5 - 1).mean(), abs=1e-5)


def test_a_better_bound_is_a_lower_score(few_images: LabelledImages) -> None:
    score = validation.Score(few_images, "train")
    good, bad = (VAE(image_size=32, channels=1, latent_dim=2, width=4) for _ in range(2))
    torch.nn.init.constant_(good.decoder[0][-1].bias, -1.0)  # garments are mostly black
    assert score(good) < score(bad)


def test_once_an_epoch_is_scored_and_the_untrained_model_is_worse(fashion: LabelledImages, tmp_path: Path) -> None:
    train = fashion.split("train")
    some = LabelledImages(train.table.iloc[::40].reset_index(drop=True), train.store, train.classes)  # 285: 17 steps
    given = {"epochs": 12, "report_every": 10, "score_every": "epoch", "accelerator": "cpu"}
    settings, sample = TrainingSettings.of(GAN.recipe, given), SampleSettings(count=200)
    job = Job("gan", {}, some, settings, 0, tmp_path, score=validation.Score(fashion, "val"))
    fitted = fit(job, lambda sight: None)
    steps = [row["step"] for row in fitted.history if "validation/score" in row]
    assert steps == list(range(17, 205, 17))
    assert sorted({*steps, *range(10, 205, 10)}) == [row["step"] for row in fitted.history]
    scores = [row["validation/score"] for row in fitted.history if "validation/score" in row]
    assert fitted.checkpoint.chosen("best").step == steps[int(np.argmin(scores))]

    first = fitted.checkpoint.build_untrained()
    torch.manual_seed(0)
    assert torch.equal(first.generator[0].weight, GAN().generator[0].weight), "the run's own first weights"
    case = judged(fitted.checkpoint.chosen("best").build(), fashion, sample=sample)
    case = replace(case, drawings=drawing.run(case))
    control = judge_untrained(replace(case, untrained=lambda: first))["fd_lite0_untrained"]
    trained = judge_untrained(replace(case, untrained=fitted.checkpoint.chosen("best").build))["fd_lite0_untrained"]
    assert float(trained) < float(control) / 2
    drawn = draw_samples(replace(case, model=first), 200)
    real = Means()(fashion.split("test").pixels)
    mean_gap = ((Means()(drawn).mean(axis=0) - real.mean(axis=0)) ** 2).sum()
    assert control > mean_gap
    assert judge_untrained(replace(case, untrained=lambda: first, evaluation=EvaluationSettings(features=False))) == {}


def parted(images: LabelledImages, **counts: int) -> LabelledImages:
    """So many images in each split."""
    splits = [split for split, count in counts.items() for _ in range(count)]
    return replace(images, table=images.table.head(len(splits)).assign(split=splits))


def test_one_image_to_validate_by_gives_no_score(few_images: LabelledImages) -> None:
    examples = parted(few_images, train=20, val=1, test=8)
    assert validation.Score(examples, "val", images=8)(GAN()) is None


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train": 20, "val": 4, "test": 8}, []),
        ({"train": 8, "val": 2, "test": 1}, ["will not be measured: there are 1 test images, and 6 are needed"]),
        ({"train": 5, "val": 1, "test": 6}, ["there are 5 train images", "one image alone is kept for validation"]),
        ({"train": 20, "test": 8}, ["no image is kept for validation"]),
    ],
)
def test_what_cannot_be_measured_is_known_before_training(
    few_images: LabelledImages, counts: dict[str, int], said: list[str]
) -> None:
    found = validation.left_out(GAN(), parted(few_images, **counts), EvaluationSettings())
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


@pytest.mark.parametrize(("pixels", "said"), [("bernoulli", 1), ("logistic_mixture", 0)])
def test_it_is_said_what_a_grey_pixel_is_to_a_model_of_two_levels(
    few_images: LabelledImages, pixels: str, said: int
) -> None:
    examples, model = parted(few_images, train=20, val=4, test=8), PixelCNN(width=4, blocks=1, pixels=pixels)
    found = validation.left_out(model, examples, EvaluationSettings())
    assert len(found) == said
    assert all("stands for its random binarisation; data.binarise=fixed or dynamic" in text for text in found)


def test_grey_images_are_refused_by_a_model_whose_units_are_black_or_white(few_images: LabelledImages) -> None:
    examples, model = parted(few_images, train=20, val=4, test=8), Boltzmann(image_size=32, hidden=2)
    with pytest.raises(GenlabError, match=r"a grey pixel stands for its random binarisation; set data\.binarise=fixed"):
        validation.left_out(model, examples, EvaluationSettings())
    white = np.where(few_images.store.images > 99, 255, 0).astype(np.uint8)
    clear = replace(few_images, store=replace(few_images.store, images=white))
    assert validation.left_out(model, parted(clear, train=20, val=4, test=8), EvaluationSettings()) == []


def test_without_test_images_nothing_is_trained(few_images: LabelledImages) -> None:
    with pytest.raises(GenlabError, match=r"no test split.*folder test, or raise data.split.test"):
        validation.left_out(GAN(), parted(few_images, train=20, val=4), EvaluationSettings())
