"""Batches: every pair once an epoch, the same for the same seed, shared between ranks."""

import numpy as np
import pytest
import torch

from genlab.data.batches import ExampleBatches
from genlab.data.pairs import PairedImages
from genlab.errors import GenlabError

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
