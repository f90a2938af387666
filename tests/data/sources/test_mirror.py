"""Mirroring without jitter."""

import torch

from genlab.media.pictures.augment import jitter_and_mirror


def test_about_half_are_mirrored_exactly_and_both_sides_alike() -> None:
    torch.manual_seed(0)
    x = torch.rand(64, 3, 8, 8)
    moved = jitter_and_mirror({"a": x, "b": x[:, :1]}, jitter=1.0, mirror=True)
    mirrored = (moved["a"] == x.flip(3)).all(dim=(1, 2, 3))
    assert ((moved["a"] == x).all(dim=(1, 2, 3)) | mirrored).all()
    assert 20 < mirrored.sum() < 44
    assert torch.equal(moved["b"], moved["a"][:, :1])
