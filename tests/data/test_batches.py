"""Batches: every pair once an epoch, the same for the same seed, shared between ranks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.data.batches import ExampleBatches
from genlab.errors import GenlabError
from genlab.models.base import Recipe
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings

CPU = torch.device("cpu")


def test_an_epoch_shows_every_pair_at_most_once_and_the_next_in_another_order(few_shoes: PairedImages) -> None:
    batches = ExampleBatches(few_shoes, 5, seed=0, device=CPU)
    assert batches.steps_per_epoch == 6
    epochs = [np.concatenate([batches.rows(step) for step in range(6 * e, 6 * e + 6)]) for e in range(2)]
    for rows in epochs:
        assert len(set(rows.tolist())) == 30
    assert not np.array_equal(*epochs)


def test_a_step_has_the_same_batch_in_whatever_order_it_is_asked_for(few_shoes: PairedImages) -> None:
    forward = ExampleBatches(few_shoes, 4, seed=7, device=CPU)
    backward = ExampleBatches(few_shoes, 4, seed=7, device=CPU)
    rows = [forward.rows(step) for step in range(20)]
    for step in reversed(range(20)):
        assert np.array_equal(backward.rows(step), rows[step])
    assert not np.array_equal(ExampleBatches(few_shoes, 4, seed=8, device=CPU).rows(0), rows[0])


def test_ranks_share_the_batch_that_one_would_have(few_shoes: PairedImages) -> None:
    whole = ExampleBatches(few_shoes, 6, seed=0, device=CPU)
    shares = [ExampleBatches(few_shoes, 6, seed=0, device=CPU, rank=rank, world=3) for rank in range(3)]
    for step in range(12):
        assert np.array_equal(np.concatenate([share.rows(step) for share in shares]), whole.rows(step))


def test_too_few_pairs_and_unequal_shares_are_refused(few_shoes: PairedImages) -> None:
    with pytest.raises(GenlabError, match="32 training pairs do not fill a batch of 33; lower training.batch_size"):
        ExampleBatches(few_shoes, 33, seed=0, device=CPU)
    with pytest.raises(GenlabError, match="batch_size=5 cannot be shared by 2 devices; use a multiple of 2"):
        ExampleBatches(few_shoes, 5, seed=0, device=CPU, world=2)


def test_unpaired_sides_are_shuffled_each_for_itself(few_domains: UnpairedImages) -> None:
    batches = ExampleBatches(few_domains, 4, seed=0, device=CPU)
    rows = {side: [batches.rows(step, stream) for step in range(8)] for stream, side in enumerate("ab")}
    for side in "ab":
        assert [len(set(np.concatenate(rows[side][e : e + 4]).tolist())) for e in (0, 4)] == [16, 16]
    assert not np.array_equal(rows["a"], rows["b"])
    batch = batches[5]
    for side in "ab":
        expected = few_domains.side(side)[rows[side][5]].transpose(0, 3, 1, 2) / 127.5 - 1
        np.testing.assert_allclose(batch[side].numpy(), expected, atol=1e-6)


def test_a_short_side_begins_again_before_the_long_one_ends(few_domains: UnpairedImages) -> None:
    short = pd.concat([few_domains.rows("a").head(5), few_domains.rows("b")], ignore_index=True)
    batches = ExampleBatches(UnpairedImages(short, few_domains.a, few_domains.b), 5, seed=0, device=CPU)
    assert batches.steps_per_epoch == 3
    for step in range(3):
        assert sorted(batches.rows(step, 0)) == [0, 1, 2, 3, 4]
    with pytest.raises(GenlabError, match="5 training images of domain a do not fill a batch of 6"):
        ExampleBatches(UnpairedImages(short, few_domains.a, few_domains.b), 6, seed=0, device=CPU)


def test_images_come_with_the_numbers_of_their_labels(few_images: LabelledImages) -> None:
    batches = ExampleBatches(few_images, 8, seed=0, device=CPU)
    for step in range(batches.steps_per_epoch):
        batch, rows = batches[step], batches.rows(step)
        assert [few_images.classes[n] for n in batch["labels"].tolist()] == few_images.table["label"][rows].tolist()
        np.testing.assert_allclose(
            batch["images"].numpy(), few_images.pixels[rows].transpose(0, 3, 1, 2) / 127.5 - 1, atol=1e-6
        )


@pytest.fixture(scope="module")
def drawn_anew(few_images: LabelledImages) -> LabelledImages:
    """Training images that are drawn in black and white anew at each step. Here the fixed draw is white."""
    white = np.full_like(few_images.store.all(), 255)
    return replace(few_images, store=replace(few_images.store, images=white, places=None, shades=few_images.store))


def test_black_and_white_is_drawn_anew_at_each_step_by_the_seed_and_the_step(drawn_anew: LabelledImages) -> None:
    batches, again = (ExampleBatches(drawn_anew, 40, seed=3, device=CPU) for _ in range(2))
    grey = torch.from_numpy(drawn_anew.store.shades.take(drawn_anew.table["row"].to_numpy())).permute(0, 3, 1, 2) / 255
    total, steps = torch.zeros_like(grey), 400
    for step in reversed(range(steps)):
        x = batches[step]["images"]
        assert set(x.unique().tolist()) == {-1.0, 1.0}
        total[batches.rows(step)] += (x + 1) / 2
        if step < 5:
            assert torch.equal(again[step]["images"], x)
    error = ((grey * (1 - grey)) / steps).sqrt()
    assert torch.equal(total[error == 0] / steps, grey[error == 0])  # black stays black, white stays white
    assert (((total / steps - grey) / error)[error > 0]).std().item() == pytest.approx(1.0, abs=0.02)
    other = ExampleBatches(drawn_anew, 40, seed=4, device=CPU)
    assert not torch.equal(other[0]["images"].sort(dim=0)[0], batches[0]["images"].sort(dim=0)[0])


def test_ranks_share_what_is_drawn_anew(drawn_anew: LabelledImages) -> None:
    whole = ExampleBatches(drawn_anew, 6, seed=0, device=CPU)
    shares = [ExampleBatches(drawn_anew, 6, seed=0, device=CPU, rank=rank, world=3) for rank in range(3)]
    for step in range(3):
        assert torch.equal(torch.cat([share[step]["images"] for share in shares]), whole[step]["images"])


def test_the_draw_of_a_step_is_not_what_the_model_draws_from(drawn_anew: LabelledImages) -> None:
    machine = open_machine(TrainingSettings.of(Recipe(), {"accelerator": "cpu"}))
    machine.seed(5, 7)
    own, grey = torch.rand(40, 1, 32, 32), replace(drawn_anew, store=drawn_anew.store.shades)
    x = ExampleBatches(grey, 40, seed=5, device=CPU)[7]["images"]
    drawn = ExampleBatches(drawn_anew, 40, seed=5, device=CPU)[7]["images"]
    assert not torch.equal(drawn, torch.where(own < (x + 1) / 2, 1.0, -1.0))


def test_an_image_without_a_label_has_number_minus_one(few_images: LabelledImages) -> None:
    table = few_images.table.assign(label=["", *few_images.table["label"][1:]])
    labels = LabelledImages(table, few_images.store, few_images.classes).labels
    assert labels[0] == -1
    assert (labels[1:] >= 0).all()


def test_the_fingerprint_follows_pixels_labels_and_splits(few_images: LabelledImages) -> None:
    def name(**changes: object) -> str:
        return LabelledImages(few_images.table.assign(**changes), few_images.store, few_images.classes).fingerprint()

    names = {name(), name(label="bag"), name(split="val"), name(row=few_images.table["row"].iloc[0])}
    assert len(names) == 4
    assert name() == few_images.fingerprint()
