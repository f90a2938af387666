"""The vanilla GAN against the lecture's description, and against formulas written another way."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from kedro.config import OmegaConfigLoader
from torch import nn

from genlab.data.arrange.labelled import LabelledImages
from genlab.models.gan import GAN
from genlab.nn.noise import Chance
from genlab.pipelines.parameters import resolve
from genlab.training.fit import Job, build_training
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    return {"images": torch.rand(16, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1}


def linear(network: nn.Module) -> list[tuple[int, int]]:
    return [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]


def test_the_networks_are_the_lectures() -> None:
    model = GAN()
    assert linear(model.generator) == [(100, 128), (128, 32 * 32)]
    assert linear(model.discriminator) == [(32 * 32, 128), (128, 2)]
    slopes = [layer.negative_slope for layer in model.modules() if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.01, 0.01]
    assert isinstance(model.generator[3], nn.Tanh)


def test_the_recipe_is_the_lectures() -> None:
    recipe = GAN.recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.batch_size, recipe.epochs) == ("adagrad", 0.1, 16, 20)
    assert TrainingSettings.of(recipe, {}).total_steps(11400) == 20 * (11400 // 16)


def test_the_discriminators_batch_is_sixteen_real_then_sixteen_drawn(batch: dict[str, torch.Tensor]) -> None:
    model, seen = GAN(), []
    model.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    torch.manual_seed(1)
    turns = model.turns(batch, 0)
    next(turns)
    torch.manual_seed(1)
    drawn = model.generator(torch.randn(16, 100))
    assert torch.equal(seen[0], torch.cat([batch["images"], drawn]))
    next(turns)
    assert seen[1].shape == (16, 1, 32, 32), "the generator is trained sixteen at a time"


def test_the_discriminator_is_a_classifier_of_that_batch(batch: dict[str, torch.Tensor]) -> None:
    model = GAN()
    torch.manual_seed(1)
    turn = next(model.turns(batch, 0))
    torch.manual_seed(1)
    drawn = model.generator(torch.randn(16, 100))
    logits = model.discriminator(torch.cat([batch["images"], drawn]))
    expected = F.cross_entropy(logits, torch.tensor([0] * 16 + [1] * 16))
    torch.testing.assert_close(sum(turn.terms.values()), expected)
    right = (logits.argmax(1) == torch.tensor([0] * 16 + [1] * 16)).float().mean()
    assert turn.metrics["accuracy"] == right


def test_the_generators_labels_are_flipped(batch: dict[str, torch.Tensor]) -> None:
    """Its loss is the cross entropy of its drawings with the class *real*, through D, which that does not move."""
    model = GAN()
    discriminator, generator = model.turns(batch, 0)
    assert (discriminator.player, generator.player) == ("discriminator", "generator")
    torch.manual_seed(1)
    *_, turn = model.turns(batch, 0)
    torch.manual_seed(1)
    torch.randn(16, 100)
    logits = model.discriminator(model.generator(torch.randn(16, 100)))
    torch.testing.assert_close(turn.terms["g_adversarial"], -logits.log_softmax(1)[:, 0].mean())


def test_the_discriminators_turn_costs_no_gradient_of_the_generator(batch: dict[str, torch.Tensor]) -> None:
    model = GAN()
    sum(next(model.turns(batch, 0)).terms.values()).backward()  # type: ignore[union-attr]
    assert all(parameter.grad is None for parameter in model.generator.parameters())


def test_first_weights_next_to_pixels_are_small() -> None:
    small, pytorchs = GAN(pixel_weights=0.5), GAN(pixel_weights=1.0)
    for model, scale in ((small, 0.5), (pytorchs, 1.0)):
        for layer, share in (
            (model.generator[0], 1.0), (model.generator[2], scale),
            (model.discriminator[1], scale), (model.discriminator[3], 1.0),
        ):  # fmt: skip
            bound = share / layer.in_features**0.5  # PyTorch's first weights are uniform up to here
            assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.02)
    assert GAN().sample(4, Chance.of(0, range(4))).abs().max() < 0.01, "the first drawings are grey"


@pytest.mark.parametrize(("noise", "variance"), [("normal", 1.0), ("uniform", 1 / 3)])
def test_noise_is_a_parameter(noise: str, variance: float) -> None:
    z = GAN(noise=noise).draw_latents(500, Chance.of(0, range(500)))  # type: ignore[arg-type]
    assert z.shape == (500, 100)
    assert z.var() == pytest.approx(variance, rel=0.05)


def test_it_takes_images_of_any_shape() -> None:
    model = GAN(image_size=20, channels=3)
    drawn = model.sample(5, Chance.of(0, range(5)))
    assert drawn.shape == (5, 3, 20, 20)
    assert model.discriminator(drawn).shape == (5, 2)


def test_drawings_are_in_the_range_of_images() -> None:
    model = GAN(pixel_weights=1.0)
    for parameter in model.parameters():
        parameter.data *= 50
    drawn = model.sample(5, Chance.of(0, range(5)))
    assert 0.9 < drawn.abs().max() <= 1


def test_the_lecture_environment_is_the_lecture_step_for_step(few_images: LabelledImages, tmp_path: Path) -> None:
    """Beside a loop that knows nothing of the trainer, the model or torch's optimisers."""
    conf = Path(__file__).parents[2] / "conf"
    loader = OmegaConfigLoader(str(conf), base_env="base", default_run_env="base", env="lecture",
                               merge_strategy={"parameters": "soft"})  # fmt: skip
    lecture = resolve("gan", loader["parameters"])
    assert (lecture.data.source, lecture.data.image_size, lecture.data.split.val) == ("mnist", 32, 0)
    assert lecture.training.total_steps(60_000) == 20 * 3750
    settings = lecture.training.model_copy(update={"precision": "64-true", "accelerator": "cpu", "steps": 4})
    training = build_training(Job("gan", lecture.arguments, few_images, settings, 3, tmp_path), open_machine(settings))
    weights = [p.detach().clone() for p in training.model.parameters()]
    squares = [torch.zeros_like(p) for p in weights]
    for inputs, layer in ((100, weights[:2]), (128, weights[2:4]), (1024, weights[4:6]), (128, weights[6:8])):
        assert all(value.abs().max() <= inputs**-0.5 for value in layer)

    def draw(z: torch.Tensor) -> torch.Tensor:
        return torch.tanh(F.leaky_relu(z @ weights[0].T + weights[1], 0.01) @ weights[2].T + weights[3])

    def judge(x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(x @ weights[4].T + weights[5], 0.01) @ weights[6].T + weights[7]

    def move(loss: torch.Tensor, numbers: range) -> None:
        for number, gradient in zip(numbers, torch.autograd.grad(loss, [weights[n] for n in numbers]), strict=True):
            squares[number] += gradient**2
            moved = weights[number].detach() - 0.1 * gradient / (squares[number].sqrt() + 1e-10)
            weights[number] = moved.requires_grad_()

    weights = [value.requires_grad_() for value in weights]
    for step in range(4):
        training.machine.seed(3, step)
        real = training.batches[step]["images"].double().flatten(1)
        both = torch.cat([real, draw(torch.randn(16, 100, dtype=torch.float64)).detach()])
        move(F.cross_entropy(judge(both), torch.tensor([0] * 16 + [1] * 16)), range(4, 8))
        new = draw(torch.randn(16, 100, dtype=torch.float64))
        move(F.cross_entropy(judge(new), torch.tensor([0] * 16)), range(4))
    for _ in training.run():
        pass
    for ours, theirs in zip(training.model.parameters(), weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
