import inspect
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from genlab.media.pictures.augment import (
    augment,
    crop_at_random,
    cut_out,
    differentiable_augment,
    jitter_and_mirror,
    jitter_colour,
    translate,
)
from genlab.models.base import Recipe
from genlab.models.pix2pix import Pix2Pix
from genlab.training import fit
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings

OFF = {"jitter": 1.0, "mirror": False, "crop": 1.0, "brightness": 0.0, "saturation": 0.0, "contrast": 0.0,
       "translation": 0.0, "cutout": 0.0}  # fmt: skip
ON = {"jitter": 1.25, "mirror": True, "crop": 0.5, "brightness": 0.3, "saturation": 0.5, "contrast": 0.5,
      "translation": 0.25, "cutout": 0.5}  # fmt: skip
EACH = {
    "jitter": partial(jitter_and_mirror, jitter=1.25, mirror=False),
    "mirror": partial(jitter_and_mirror, jitter=1.0, mirror=True),
    "crop": partial(crop_at_random, crop=0.5),
    "brightness": partial(jitter_colour, brightness=0.5, saturation=0.0, contrast=0.0),
    "saturation": partial(jitter_colour, brightness=0.0, saturation=1.0, contrast=0.0),
    "contrast": partial(jitter_colour, brightness=0.0, saturation=0.0, contrast=0.5),
    "translation": partial(translate, translation=0.25),
    "cutout": partial(cut_out, cutout=0.5),
    "all": partial(augment, **ON),
    "differentiable": differentiable_augment,
}
each = pytest.mark.parametrize("change", list(EACH.values()), ids=list(EACH))


def images(b=16, c=3, h=12, w=8, seed=0):
    return torch.rand(b, c, h, w, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@each
def test_both_sides_of_a_pair_change_alike(change):
    x = images()
    changed = change({"a": x, "b": x.clone()})
    assert torch.equal(changed["a"], changed["b"])
    assert not torch.equal(changed["a"], x)


@each
def test_each_sample_changes_by_itself(change):
    x = images(b=1).expand(16, -1, -1, -1)
    changed = change({"a": x})["a"]
    assert len({sample.numpy().tobytes() for sample in changed}) > (1 if change is EACH["mirror"] else 5)


@each
def test_the_generator_decides(change):
    def run(seed):
        torch.manual_seed(seed)
        return change({"a": images()})["a"]

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@each
def test_shape_and_type_stay(change):
    x = images(c=5).double()
    changed = change({"a": x, "b": x[:, :1].contiguous()})
    assert (changed["a"].shape, changed["a"].dtype) == (x.shape, x.dtype)
    assert changed["b"].shape == (16, 1, 12, 8)


def test_what_is_off_changes_nothing_and_draws_nothing():
    x = images()
    state = torch.get_rng_state()
    assert torch.equal(augment({"a": x}, **OFF)["a"], x)
    assert torch.equal(torch.get_rng_state(), state)
    nothing = dict.fromkeys(("brightness", "saturation", "contrast", "translation", "cutout"), 0.0)
    assert torch.allclose(differentiable_augment({"a": x}, **nothing)["a"], x, atol=1e-6)


def test_jitter_equals_enlarging_and_cropping_at_every_corner():
    x = images(b=400, h=8, w=8)
    torch.manual_seed(0)
    changed = jitter_and_mirror({"a": x}, jitter=1.25, mirror=True)["a"]
    large = F.interpolate(x, size=(10, 10), mode="bilinear", align_corners=False)
    windows = torch.stack(
        [
            torch.flip(large[:, :, i : i + 8, j : j + 8], [3]) if flip else large[:, :, i : i + 8, j : j + 8]
            for i in range(3)
            for j in range(3)
            for flip in (False, True)
        ]
    )  # (18, B, C, H, W)
    distance = (windows - changed).abs().amax(dim=(2, 3, 4))  # (18, B)
    assert distance.amin(dim=0).max() < 1e-5
    found = distance.argmin(dim=0).bincount(minlength=18)
    assert found.min() > 5  # of about 22 each


def test_mirror_flips_half_and_nothing_else():
    x = images(b=200)
    changed = jitter_and_mirror({"a": x}, jitter=1.0, mirror=True)["a"]
    flipped = torch.tensor([torch.allclose(a, b, atol=1e-5) for a, b in zip(changed, x.flip(3), strict=True)])
    same = torch.tensor([torch.allclose(a, b, atol=1e-5) for a, b in zip(changed, x, strict=True)])
    assert torch.equal(flipped, ~same)
    assert 60 < flipped.sum() < 140


def test_a_crop_shows_a_part_of_the_image_at_another_scale():
    ramp = torch.linspace(-1, 1, 64).expand(200, 1, 64, 64).contiguous()  # values are places, left to right
    changed = crop_at_random({"a": ramp}, 0.5)["a"]
    shown = changed[:, 0, 0, -1] - changed[:, 0, 0, 0]  # of 2
    assert shown.min() > 0.97
    assert shown.max() <= 2.0
    assert shown.std() > 0.1
    assert changed.min() >= -1
    assert changed[:, 0, 0, 0].min() < -0.9
    assert changed[:, 0, 0, -1].max() > 0.9


def test_brightness_adds_saturation_and_contrast_stretch():
    x = images(b=300, h=4, w=4) * 0.2
    added = jitter_colour({"a": x}, 0.5, 0.0, 0.0)["a"] - x
    assert (added.amax(dim=(1, 2, 3)) - added.amin(dim=(1, 2, 3))).max() < 1e-5
    assert added.min() < -0.45
    assert added.max() > 0.45
    assert added.abs().max() <= 0.5 + 1e-6

    richer = jitter_colour({"a": x}, 0.0, 1.0, 0.0)["a"]
    assert torch.allclose(richer.mean(dim=1), x.mean(dim=1), atol=1e-6)  # grey stays
    factors = (richer - richer.mean(1, True)).std(dim=(1, 2, 3)) / (x - x.mean(1, True)).std(dim=(1, 2, 3))
    assert factors.min() < 0.1
    assert 1.9 < factors.max() <= 2.0 + 1e-5

    stronger = jitter_colour({"a": x}, 0.0, 0.0, 0.5)["a"]
    assert torch.allclose(stronger.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=1e-6)
    factors = stronger.std(dim=(1, 2, 3)) / x.std(dim=(1, 2, 3))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    assert torch.allclose(stronger, mean + (x - mean) * factors[:, None, None, None], atol=1e-5)
    assert 0.5 - 1e-5 <= factors.min() < 0.55
    assert 1.45 < factors.max() <= 1.5 + 1e-5


def test_colour_of_training_images_stays_in_range_and_a_grey_image_has_no_saturation():
    assert jitter_colour({"a": images()}, 1.0, 1.0, 1.0)["a"].abs().max() <= 1
    grey = images(c=1)
    assert torch.allclose(jitter_colour({"a": grey}, 0.0, 1.0, 0.0)["a"], grey, atol=1e-6)


def test_translation_moves_by_whole_pixels_in_every_direction():
    x = images(b=500, h=8, w=8) + 3.0  # nowhere zero
    changed = translate({"a": x}, 0.125)["a"]
    moves = {}
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            padded = F.pad(x, (1, 1, 1, 1))
            moves[dy, dx] = padded[:, :, 1 - dy : 9 - dy, 1 - dx : 9 - dx]
    counts = {move: (changed == wanted).flatten(1).all(1).sum().item() for move, wanted in moves.items()}
    assert sum(counts.values()) == 500
    assert min(counts.values()) > 25  # of about 55 each


def test_cutout_leaves_a_grey_box_with_its_centre_in_the_image():
    x = images(b=500, h=8, w=8) + 3.0
    changed = cut_out({"a": x}, 0.5)["a"]
    gone = (changed == 0).all(dim=1)  # (B, H, W)
    assert torch.equal(changed[~gone[:, None].expand_as(x)], x[~gone[:, None].expand_as(x)])
    rows, columns = gone.any(2), gone.any(1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])  # a box
    for length in (rows.sum(1), columns.sum(1)):
        assert set(length.tolist()) == {2, 3, 4}  # 4 inside, fewer over the border, never fewer than half
    assert rows.any(0).all()
    assert columns.any(0).all()


def test_gradients_pass_through_diffaugment():
    x = images(b=4, h=6, w=6).double().requires_grad_()

    def seeded(x):
        torch.manual_seed(3)
        return differentiable_augment({"a": x})["a"]

    assert torch.autograd.gradcheck(seeded, (x,))
    (gradient,) = torch.autograd.grad(seeded(x).square().sum(), x)
    assert (gradient != 0).flatten(1).any(1).all()


def test_the_parameters_of_training_reach_it_and_are_off_by_default():
    settings = TrainingSettings.of(Recipe(), {})
    assert settings.augmentation() == OFF
    assert TrainingSettings.of(Recipe(), ON).augmentation() == ON
    assert set(inspect.signature(augment).parameters) == {"batch", *OFF}


def test_training_sees_what_the_parameters_say(few_shoes, tmp_path, monkeypatch):
    seen = []

    def record(batch, **changes):
        seen.append(changes)
        return augment(batch, **changes)

    monkeypatch.setattr("genlab.media.pictures.augment.augment", record)
    settings = TrainingSettings.of(Pix2Pix.recipe, {**ON, "steps": 2, "batch_size": 2, "accelerator": "cpu"})
    arguments = {"receptive_field": 1, "generator_width": 4, "discriminator_width": 4}
    job = fit.Job("pix2pix", arguments, few_shoes, settings, 0, tmp_path)
    list(fit.train(job, open_machine(settings)))
    assert seen == [ON, ON]
